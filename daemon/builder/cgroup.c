/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/io.h"
#include "basic/parse.h"
#include "proto/builder-wire.h"
#include "proto/layers.h"

#define ATTRIBUTE_MAX 4096

/* The value of "KEY NUMBER" in a flat-keyed attribute; 0 if it is not there. */
static uint64_t flat_value(const char *text, const char *key) {
        size_t size = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                char number[24];
                uint64_t value;

                line += *line == '\n';
                if (strncmp(line, key, size) != 0 || line[size] != ' ')
                        continue;
                (void) snprintf(number, sizeof(number), "%.*s",
                                (int) strcspn(line + size + 1, "\n"), line + size + 1);
                return parse_u64(number, &value) < 0 ? 0 : value;
        }
        return 0;
}

int cgroup_attribute_read(int dir_fd, const char *name, char **ret_text) {
        return io_read_file(dir_fd, name, ATTRIBUTE_MAX, ret_text, NULL);
}

uint64_t cgroup_attribute_read_number(int dir_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;

        if (cgroup_attribute_read(dir_fd, name, &text) < 0)
                return 0;
        text[strcspn(text, "\n")] = '\0';
        return parse_u64(text, &value) < 0 ? 0 : value;
}

static int attribute_write_number(int dir_fd, const char *name, uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        return io_write_string(dir_fd, name, text);
}

int cgroup_kill_and_remove(int jobs_fd, const char *name) {
        _cleanup_close_ int fd =
                openat(jobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (unlinkat(jobs_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (fd >= 0)
                (void) io_write_string(fd, "cgroup.kill", "1");
        return unlinkat(jobs_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

void cgroup_tree_close(CgroupTree *tree) {
        tree->jobs_fd = fd_close(tree->jobs_fd);
        tree->pressure_fd = fd_close(tree->pressure_fd);
}

int cgroup_leaf_limit(const CgroupTree *tree, int fd, const Limits *limits, uint32_t cpu_weight) {
        const uint64_t *limit = limits->value;
        char text[48];
        int r = 0;

        if (tree->layers & LAYER_BIT(LAYER_CGROUP_MEMORY)) {
                r = attribute_write_number(fd, "memory.max", limit[LIMIT_MEMORY]);
                if (r < 0)
                        return r;
                r = io_write_string(fd, "memory.swap.max", "0");
                if (r < 0 && r != -ENOENT) /* ENOENT: a kernel without swap accounting */
                        return r;
                r = io_write_string(fd, "memory.oom.group", "1");
                if (r < 0)
                        return r;
        }
        if (tree->layers & LAYER_BIT(LAYER_CGROUP_CPU)) {
                (void) snprintf(text, sizeof(text), "%" PRIu64 " %d",
                                limit[LIMIT_CPU] * CPU_PERIOD_USEC / 100, CPU_PERIOD_USEC);
                r = io_write_string(fd, "cpu.max", text);
                if (r >= 0 && cpu_weight > 0)
                        r = attribute_write_number(fd, "cpu.weight", cpu_weight);
                if (r < 0)
                        return r;
        }
        if (tree->layers & LAYER_BIT(LAYER_CGROUP_PIDS)) {
                /* The tasks of the job, and init. */
                r = attribute_write_number(fd, "pids.max", limits_tasks(limits) + 1);
                if (r < 0)
                        return r;
        }
        return io_write_string(fd, "cgroup.max.descendants", "0");
}

static const char *leaf_name(uint32_t slot, char name[static 16]) {
        (void) snprintf(name, 16, "%" PRIu32, slot);
        return name;
}

int cgroup_leaf_new(const CgroupTree *tree,
                    uint32_t slot,
                    const Limits *limits,
                    uint32_t cpu_weight,
                    int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        char name[16];
        int r;

        /* Not EEXIST: a leaf that somebody else made, or an earlier box still has, is not ours. */
        if (mkdirat(tree->jobs_fd, leaf_name(slot, name), 0755) < 0)
                return -errno;
        fd = openat(tree->jobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = fd < 0 ? -errno : cgroup_leaf_limit(tree, fd, limits, cpu_weight);
        if (r < 0) {
                (void) unlinkat(tree->jobs_fd, name, AT_REMOVEDIR);
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int cgroup_leaf_cpu_usec(int leaf_fd, uint64_t *ret_usec) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = cgroup_attribute_read(leaf_fd, "cpu.stat", &text);
        if (r < 0)
                return r;
        *ret_usec = flat_value(text, "usage_usec");
        return 0;
}

uint64_t cgroup_leaf_memory_bytes(int leaf_fd) {
        return cgroup_attribute_read_number(leaf_fd, "memory.current");
}

void cgroup_leaf_read_facts(int leaf_fd, BoxFacts *facts) {
        _cleanup_free_ char *cpu = NULL, *memory = NULL, *pids = NULL;
        uint64_t peak;

        facts->has_cgroup = 1;
        if (cgroup_attribute_read(leaf_fd, "cpu.stat", &cpu) >= 0) {
                facts->cpu_user_usec = flat_value(cpu, "user_usec");
                facts->cpu_system_usec = flat_value(cpu, "system_usec");
                facts->cpu_throttled_usec = flat_value(cpu, "throttled_usec");
        }
        if (cgroup_attribute_read(leaf_fd, "memory.events", &memory) >= 0)
                facts->oom_kills =
                        flat_value(memory, "oom_kill") + flat_value(memory, "oom_group_kill");
        peak = cgroup_attribute_read_number(leaf_fd, "memory.peak"); /* since Linux 5.19 */
        if (peak > 0)
                facts->memory_peak_bytes = peak;
        if (cgroup_attribute_read(leaf_fd, "pids.events", &pids) >= 0)
                facts->pids_denied = flat_value(pids, "max");
        peak = cgroup_attribute_read_number(leaf_fd, "pids.peak"); /* since Linux 6.1 */
        if (peak > 1)
                facts->pids_peak = peak - 1; /* without init */
}

int cgroup_leaf_remove(const CgroupTree *tree, uint32_t slot) {
        char name[16];

        return cgroup_kill_and_remove(tree->jobs_fd, leaf_name(slot, name));
}

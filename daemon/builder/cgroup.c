/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/io.h"
#include "basic/parse.h"
#include "proto/builder-wire.h"
#include "proto/layers.h"

#define ATTRIBUTE_MAX 4096

typedef struct Controller {
        const char *name;
        uint64_t layer;
} Controller;

static const Controller controllers[] = {
        { "memory", LAYER_BIT(LAYER_CGROUP_MEMORY) },
        { "cpu", LAYER_BIT(LAYER_CGROUP_CPU) },
        { "pids", LAYER_BIT(LAYER_CGROUP_PIDS) },
};

/* Whether a list of words, separated by blanks, has this one. */
static bool words_have(const char *words, const char *word) {
        size_t size = strlen(word);

        for (const char *p = words; (p = strstr(p, word)); p += size)
                if ((p == words || p[-1] == ' ') && strchr(" \n", p[size]))
                        return true;
        return false;
}

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

static int attribute_read(int dir_fd, const char *name, char **ret_text) {
        return io_read_file(dir_fd, name, ATTRIBUTE_MAX, ret_text, NULL);
}

static uint64_t attribute_read_number(int dir_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;

        if (attribute_read(dir_fd, name, &text) < 0)
                return 0;
        text[strcspn(text, "\n")] = '\0';
        return parse_u64(text, &value) < 0 ? 0 : value;
}

static int attribute_write_number(int dir_fd, const char *name, uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        return io_write_string(dir_fd, name, text);
}

/* The directory of our own cgroup in the v2 hierarchy, unified or beside v1. */
static int cgroup_open_own(int *ret_fd) {
        static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        _cleanup_free_ char *text = NULL;
        char *path;
        int r;

        r = io_read_file(AT_FDCWD, "/proc/self/cgroup", ATTRIBUTE_MAX, &text, NULL);
        if (r < 0)
                return r;
        path = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
        if (!path)
                return -ENOENT;
        path = strchr(path, '/') + 1;
        path[strcspn(path, "\n")] = '\0';
        FOREACH_ARRAY(mount, mounts, ELEMENTSOF(mounts)) {
                _cleanup_close_ int top_fd = open(*mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                struct statfs fs;
                int fd;

                if (top_fd < 0 || fstatfs(top_fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
                        continue;
                fd = openat(top_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                *ret_fd = fd;
                return 0;
        }
        return -ENOENT;
}

static int cgroup_make(int dir_fd, const char *name, int *ret_fd) {
        int fd;

        if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

/* Enables what there is for the children; returns the layers that this gives. */
static uint64_t cgroup_enable(int dir_fd) {
        _cleanup_free_ char *available = NULL;
        uint64_t layers = 0;

        if (attribute_read(dir_fd, "cgroup.controllers", &available) < 0)
                return 0;
        FOREACH_ARRAY(c, controllers, ELEMENTSOF(controllers)) {
                char command[16];

                if (!words_have(available, c->name))
                        continue;
                (void) snprintf(command, sizeof(command), "+%s", c->name);
                if (io_write_string(dir_fd, "cgroup.subtree_control", command) >= 0)
                        layers |= c->layer;
        }
        return layers;
}

/* Kills everything in a leaf, then removes it. */
static int cgroup_kill_and_remove(int jobs_fd, const char *name) {
        _cleanup_close_ int fd =
                openat(jobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (unlinkat(jobs_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (fd >= 0)
                (void) io_write_string(fd, "cgroup.kill", "1");
        return unlinkat(jobs_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int cgroup_sweep(int jobs_fd) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = openat(jobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                fd_close(fd);
                return -ENOMEM;
        }
        for (struct dirent *d; (d = readdir(dir));)
                if (d->d_type == DT_DIR && d->d_name[0] != '.')
                        (void) cgroup_kill_and_remove(jobs_fd, d->d_name);
        return 0;
}

/* The lowest maximum of the cgroup and of those above it; UINT64_MAX is none. */
static uint64_t cgroup_memory_bytes(int own_fd) {
        static const char *const names[] = { "memory.max", "memory.high" };
        _cleanup_close_ int fd = openat(own_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        uint64_t bytes = UINT64_MAX;

        /* The root has neither. */
        while (fd >= 0 && faccessat(fd, names[0], F_OK, 0) >= 0) {
                int parent_fd;

                FOREACH_ARRAY(name, names, ELEMENTSOF(names)) {
                        uint64_t value = attribute_read_number(fd, *name);

                        if (value > 0) /* else it is "max" */
                                bytes = MIN(bytes, value);
                }
                parent_fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                fd_close(fd);
                fd = parent_fd;
        }
        return bytes;
}

/* A trigger: a tenth of the window. -EBADF: the kernel has no such thing (psi=1 on its command line), or
 * not for us. */
static int cgroup_watch_pressure(int daemon_fd) {
        _cleanup_close_ int fd =
                openat(daemon_fd, "memory.pressure", O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        char trigger[64];
        int n;

        if (fd < 0)
                return -EBADF;
        n = snprintf(trigger, sizeof(trigger), "some %" PRIu64 " %" PRIu64,
                     PRESSURE_WINDOW_USEC / 10, PRESSURE_WINDOW_USEC);
        /* With its NUL. */
        return write(fd, trigger, (size_t) n + 1) < 0 ? -EBADF : TAKE_FD(fd);
}

int cgroup_tree_open(CgroupTree *ret_tree) {
        _cleanup_close_ int own_fd = -EBADF, daemon_fd = -EBADF, jobs_fd = -EBADF;
        uint64_t layers;
        int r;

        *ret_tree = CGROUP_TREE_NONE;
        /* Writable by us is what "delegated" means to a process that is not root. */
        if (cgroup_open_own(&own_fd) < 0 || faccessat(own_fd, "cgroup.procs", W_OK, AT_EACCESS) < 0)
                return 0;
        /* No processes in inner nodes: we move away before the controllers are enabled. */
        if (cgroup_make(own_fd, "daemon", &daemon_fd) < 0 ||
            io_write_string(daemon_fd, "cgroup.procs", "0") < 0)
                return 0;
        if (cgroup_enable(own_fd) == 0)
                return 0;
        r = cgroup_make(own_fd, "jobs", &jobs_fd);
        if (r < 0)
                return r;
        r = cgroup_sweep(jobs_fd);
        if (r < 0)
                return r;
        layers = cgroup_enable(jobs_fd);
        if (layers == 0)
                return 0;
        ret_tree->layers = layers;
        ret_tree->memory_bytes = cgroup_memory_bytes(own_fd);
        ret_tree->pressure_fd = cgroup_watch_pressure(daemon_fd);
        ret_tree->jobs_fd = TAKE_FD(jobs_fd);
        return 0;
}

void cgroup_tree_close(CgroupTree *tree) {
        tree->jobs_fd = fd_close(tree->jobs_fd);
        tree->pressure_fd = fd_close(tree->pressure_fd);
}

bool cgroup_tree_is_complete(const CgroupTree *tree) {
        FOREACH_ARRAY(c, controllers, ELEMENTSOF(controllers))
                if (!(tree->layers & c->layer))
                        return false;
        return true;
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

        r = attribute_read(leaf_fd, "cpu.stat", &text);
        if (r < 0)
                return r;
        *ret_usec = flat_value(text, "usage_usec");
        return 0;
}

bool cgroup_leaf_has(int leaf_fd, pid_t pid) {
        _cleanup_free_ char *text = NULL;
        char line[24];
        int n = snprintf(line, sizeof(line), "%d\n", (int) pid);

        if (attribute_read(leaf_fd, "cgroup.procs", &text) < 0)
                return false;
        for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1)
                if (strncmp(p, line, (size_t) n) == 0)
                        return true;
        return false;
}

int64_t cgroup_leaf_maximum(int leaf_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;

        if (attribute_read(leaf_fd, name, &text) < 0)
                return -1;
        text[strcspn(text, " \n")] = '\0';
        return parse_u64(text, &value) < 0 ? -1 : (int64_t) MIN(value, (uint64_t) INT64_MAX);
}

uint64_t cgroup_leaf_memory_bytes(int leaf_fd) {
        return attribute_read_number(leaf_fd, "memory.current");
}

void cgroup_leaf_read_facts(int leaf_fd, BoxFacts *facts) {
        _cleanup_free_ char *cpu = NULL, *memory = NULL, *pids = NULL;
        uint64_t peak;

        facts->has_cgroup = 1;
        if (attribute_read(leaf_fd, "cpu.stat", &cpu) >= 0) {
                facts->cpu_user_usec = flat_value(cpu, "user_usec");
                facts->cpu_system_usec = flat_value(cpu, "system_usec");
                facts->cpu_throttled_usec = flat_value(cpu, "throttled_usec");
        }
        if (attribute_read(leaf_fd, "memory.events", &memory) >= 0)
                facts->oom_kills =
                        flat_value(memory, "oom_kill") + flat_value(memory, "oom_group_kill");
        peak = attribute_read_number(leaf_fd, "memory.peak"); /* since Linux 5.19 */
        if (peak > 0)
                facts->memory_peak_bytes = peak;
        if (attribute_read(leaf_fd, "pids.events", &pids) >= 0)
                facts->pids_denied = flat_value(pids, "max");
        peak = attribute_read_number(leaf_fd, "pids.peak"); /* since Linux 6.1 */
        if (peak > 1)
                facts->pids_peak = peak - 1; /* without init */
}

int cgroup_leaf_remove(const CgroupTree *tree, uint32_t slot) {
        char name[16];

        return cgroup_kill_and_remove(tree->jobs_fd, leaf_name(slot, name));
}

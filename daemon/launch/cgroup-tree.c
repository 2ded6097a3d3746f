/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/cgroup-tree.h"

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

/* The directory of our own cgroup in the v2 hierarchy, unified or beside v1. */
static int cgroup_open_own(int *ret_fd) {
        static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        _cleanup_free_ char *text = NULL;
        char *path;
        int r;

        r = cgroup_attribute_read(AT_FDCWD, "/proc/self/cgroup", &text);
        if (r < 0)
                return r;
        path = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
        if (!path)
                return -ENOENT;
        path += strcspn(path, "/") + 1;
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

        if (cgroup_attribute_read(dir_fd, "cgroup.controllers", &available) < 0)
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
                        uint64_t value = cgroup_attribute_read_number(fd, *name);

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

bool cgroup_tree_is_complete(const CgroupTree *tree) {
        FOREACH_ARRAY(c, controllers, ELEMENTSOF(controllers))
                if (!(tree->layers & c->layer))
                        return false;
        return true;
}

bool cgroup_leaf_has(int leaf_fd, pid_t pid) {
        _cleanup_free_ char *text = NULL;
        char line[24];
        int n = snprintf(line, sizeof(line), "%d\n", (int) pid);

        if (cgroup_attribute_read(leaf_fd, "cgroup.procs", &text) < 0)
                return false;
        for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1)
                if (strncmp(p, line, (size_t) n) == 0)
                        return true;
        return false;
}

int64_t cgroup_leaf_maximum(int leaf_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;

        if (cgroup_attribute_read(leaf_fd, name, &text) < 0)
                return -1;
        text[strcspn(text, " \n")] = '\0';
        return parse_u64(text, &value) < 0 ? -1 : (int64_t) MIN(value, (uint64_t) INT64_MAX);
}

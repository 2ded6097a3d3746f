/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Cgroups of boxes, in a directory that stands for the kernel's: a leaf has its files when it is made, as many as there
 * are controllers, and they go with it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/macro.h"
#include "builder/builder.h"
#include "proto/layers.h"

#define ALL_LAYERS                                                      \
        (LAYER_BIT(LAYER_CGROUP_MEMORY) | LAYER_BIT(LAYER_CGROUP_CPU) | \
         LAYER_BIT(LAYER_CGROUP_PIDS))

/* What a leaf of all controllers has. */
static const char *const attributes[] = {
        "memory.max", "memory.swap.max", "memory.oom.group",       "cpu.max",
        "cpu.weight", "pids.max",        "cgroup.max.descendants", "cgroup.kill",
};

static const char *missing; /* one of them */
static int busy_errno;      /* why a leaf cannot be removed */

int __real_mkdirat(int dir_fd, const char *name, mode_t mode);
int __wrap_mkdirat(int dir_fd, const char *name, mode_t mode);
int __real_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);

int __wrap_mkdirat(int dir_fd, const char *name, mode_t mode) {
        int r = __real_mkdirat(dir_fd, name, mode), fd;

        if (r < 0)
                return r;
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FOREACH_ARRAY(a, attributes, ELEMENTSOF(attributes))
                if (*a != missing)
                        close(openat(fd, *a, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        close(fd);
        return 0;
}

static void remove_attributes(int fd) {
        FOREACH_ARRAY(a, attributes, ELEMENTSOF(attributes))
                (void) __real_unlinkat(fd, *a, 0);
        (void) __real_unlinkat(fd, "cpu.stat", 0);
}

int __wrap_unlinkat(int dir_fd, const char *name, int flags) {
        int fd;

        if (flags != AT_REMOVEDIR)
                return __real_unlinkat(dir_fd, name, flags);
        if (busy_errno != 0) {
                errno = busy_errno;
                return -1;
        }
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
                remove_attributes(fd);
                close(fd);
        }
        return __real_unlinkat(dir_fd, name, flags);
}

typedef struct Bench {
        char path[32];
        CgroupTree tree;
        Limits limits;
} Bench;

static int setup(void **state) {
        Bench *b = calloc(1, sizeof(*b));

        missing = NULL;
        busy_errno = 0;
        (void) snprintf(b->path, sizeof(b->path), "/tmp/test-cgroup.XXXXXX");
        assert_non_null(mkdtemp(b->path));
        b->tree = CGROUP_TREE_NONE;
        b->tree.jobs_fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        b->tree.layers = ALL_LAYERS;
        b->limits.value[LIMIT_MEMORY] = 4096;
        b->limits.value[LIMIT_CPU] = 50;
        b->limits.value[LIMIT_PROCESSES] = 1;
        b->limits.value[LIMIT_THREADS] = 2;
        *state = b;
        return 0;
}

static int teardown(void **state) {
        Bench *b = *state;

        cgroup_tree_close(&b->tree);
        (void) rmdir(b->path);
        free(b);
        return 0;
}

static void expect(int fd, const char *name, const char *text) {
        _cleanup_free_ char *found = NULL;

        assert_int_equal(cgroup_attribute_read(fd, name, &found), 0);
        assert_string_equal(found, text);
}

static bool is_there(const Bench *b, const char *name) {
        return faccessat(b->tree.jobs_fd, name, F_OK, 0) >= 0;
}

static void test_limits(void **state) {
        Bench *b = *state;
        _cleanup_close_ int fd = -EBADF;
        char tasks[16];

        assert_int_equal(cgroup_leaf_new(&b->tree, 7, &b->limits, 300, &fd), 0);
        (void) snprintf(tasks, sizeof(tasks), "%d", (int) limits_tasks(&b->limits) + 1);
        expect(fd, "memory.max", "4096");
        expect(fd, "memory.swap.max", "0");
        expect(fd, "memory.oom.group", "1");
        expect(fd, "cpu.max", "50000 100000");
        expect(fd, "cpu.weight", "300");
        expect(fd, "pids.max", tasks);
        expect(fd, "cgroup.max.descendants", "0");
        assert_int_equal(cgroup_leaf_remove(&b->tree, 7), 0);
        assert_false(is_there(b, "7"));
}

/* Of a controller that the daemon was not given nothing is asked for, and nobody's weight is the kernel's own. */
static void test_layers(void **state) {
        Bench *b = *state;
        _cleanup_close_ int fd = -EBADF;

        b->tree.layers = LAYER_BIT(LAYER_CGROUP_CPU);
        assert_int_equal(cgroup_leaf_new(&b->tree, 7, &b->limits, 0, &fd), 0);
        expect(fd, "memory.max", "");
        expect(fd, "pids.max", "");
        expect(fd, "cpu.weight", "");
        expect(fd, "cpu.max", "50000 100000");
        assert_int_equal(cgroup_leaf_remove(&b->tree, 7), 0);
}

/* A limit that cannot be set is the end of the leaf; without swap accounting there is no swap to limit. */
static void test_missing(void **state) {
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
                _cleanup_close_ int fd = -EBADF;
                const char *name = attributes[i];
                bool is_optional =
                        strcmp(name, "memory.swap.max") == 0 || strcmp(name, "cgroup.kill") == 0;

                missing = name;
                assert_int_equal(cgroup_leaf_new(&b->tree, 3, &b->limits, 1, &fd),
                                 is_optional ? 0 : -ENOENT);
                assert_int_equal(is_there(b, "3"), is_optional);
                assert_int_equal(fd >= 0, is_optional);
                if (is_optional)
                        assert_int_equal(cgroup_leaf_remove(&b->tree, 3), 0);
        }
}

/* One of an earlier box, or of somebody else, is not ours. */
static void test_taken(void **state) {
        Bench *b = *state;
        int fd = -EBADF;

        assert_int_equal(mkdirat(b->tree.jobs_fd, "3", 0700), 0);
        assert_int_equal(cgroup_leaf_new(&b->tree, 3, &b->limits, 0, &fd), -EEXIST);
        assert_int_equal(fd, -EBADF);
        assert_true(is_there(b, "3"));
        assert_int_equal(cgroup_leaf_remove(&b->tree, 3), 0);
}

/* Somebody removes the leaf of a box that runs, and then the tree. */
static void test_vanishing(void **state) {
        Bench *b = *state;
        _cleanup_close_ int fd = -EBADF;
        BoxFacts facts = { .memory_peak_bytes = 5, .cpu_user_usec = 6 };
        uint64_t usec = 0;
        int second = -EBADF;

        assert_int_equal(cgroup_leaf_new(&b->tree, 0, &b->limits, 0, &fd), 0);
        close(openat(fd, "cpu.stat", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(io_write_string(fd, "cpu.stat", "usage_usec 11\nuser_usec 7\n"), 0);
        assert_int_equal(cgroup_leaf_cpu_usec(fd, &usec), 0);
        assert_int_equal(usec, 11);
        assert_int_equal(cgroup_leaf_remove(&b->tree, 0), 0);

        assert_int_equal(cgroup_leaf_cpu_usec(fd, &usec), -ENOENT);
        assert_int_equal(cgroup_leaf_memory_bytes(fd), 0);
        assert_int_equal(cgroup_leaf_limit(&b->tree, fd, &b->limits, 0), -ENOENT);
        cgroup_leaf_read_facts(fd, &facts);
        assert_int_equal(facts.memory_peak_bytes, 5); /* as of proc(5) */
        assert_int_equal(facts.cpu_user_usec, 6);
        assert_int_equal(cgroup_leaf_remove(&b->tree, 0), 0); /* what is gone is removed */

        assert_int_equal(rmdir(b->path), 0);
        assert_int_equal(cgroup_leaf_new(&b->tree, 1, &b->limits, 0, &second), -ENOENT);
        assert_int_equal(second, -EBADF);
        assert_int_equal(cgroup_leaf_remove(&b->tree, 1), 0);
}

/* What is still in it is killed, and the leaf is there until it is gone. */
static void test_busy(void **state) {
        Bench *b = *state;
        _cleanup_close_ int fd = -EBADF;

        assert_int_equal(cgroup_leaf_new(&b->tree, 2, &b->limits, 0, &fd), 0);
        busy_errno = EBUSY;
        assert_int_equal(cgroup_leaf_remove(&b->tree, 2), -EBUSY);
        expect(fd, "cgroup.kill", "1");
        busy_errno = 0;
        assert_int_equal(cgroup_leaf_remove(&b->tree, 2), 0);
}

/* Until it is gone, nobody else gets its slot; what cannot be removed at all is lost with its slot. */
static void test_dying(void **state) {
        Bench *b = *state;
        Builder builder = { .cgroups = b->tree };
        uint32_t dying[2], slot;
        int fd;

        builder.dying = dying;
        assert_true(sd_event_new(&builder.event) >= 0);
        assert_int_equal(slots_new(2, &builder.slots), 0);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(slots_take(builder.slots, &slot), 0);
                assert_int_equal(cgroup_leaf_new(&b->tree, slot, &b->limits, 0, &fd), 0);
                fd_close(fd);
        }
        busy_errno = EBUSY;
        builder_release_slot(&builder, 0, true);
        assert_int_equal(builder.n_dying, 1);
        assert_true(sd_event_run(builder.event, UINT64_MAX) > 0);
        assert_int_equal(builder.n_dying, 1); /* not yet */
        busy_errno = EPERM;
        builder_release_slot(&builder, 1, true);
        assert_int_equal(slots_n_free(builder.slots), 0);
        busy_errno = 0;
        assert_true(sd_event_run(builder.event, UINT64_MAX) > 0);
        assert_int_equal(builder.n_dying, 0);
        assert_int_equal(slots_n_free(builder.slots), 1);
        assert_int_equal(cgroup_leaf_remove(&b->tree, 1), 0);
        sd_event_source_disable_unref(builder.dying_source);
        sd_event_unref(builder.event);
        slots_free(builder.slots);
}

#define BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                BENCH(test_limits),    BENCH(test_layers), BENCH(test_missing), BENCH(test_taken),
                BENCH(test_vanishing), BENCH(test_busy),   BENCH(test_dying),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/macro.h"
#include "builder/cgroup.h"
#include "builder/usage.h"

#define BIG_BYTES (64U << 20)

/* Touches memory, tells that it has, and burns CPU time until it is killed. */
static void child_work(int tell, bool is_big) {
        volatile char *big = is_big ? malloc(BIG_BYTES) : NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* A name of its own choice, which must not be taken for a field of the line */
        (void) prctl(PR_SET_NAME, ") 1 2 3 (");
        if (big)
                for (size_t i = 0; i < BIG_BYTES; i += 4096)
                        big[i] = 1;
        (void) !write(tell, "", 1);
        for (;;)
                ;
}

/* A child that has a child: the one is big, the other one works as well. */
static void test_tree(void **state) {
        int tell[2], status;
        TreeUsage first, second;
        pid_t pid;
        char c;

        assert_int_equal(pipe(tell), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (fork() == 0)
                        child_work(tell[1], true);
                child_work(tell[1], false);
        }
        assert_int_equal(read(tell[0], &c, 1), 1);
        assert_int_equal(read(tell[0], &c, 1), 1);
        first = usage_read_tree(pid);
        assert_true(first.memory_bytes > BIG_BYTES);
        assert_true(first.memory_bytes < 2 * BIG_BYTES);
        do
                second = usage_read_tree(pid);
        while (second.cpu_user_usec < first.cpu_user_usec + 30000);
        assert_true(usage_tree_cpu_usec(pid) >= second.cpu_user_usec + second.cpu_system_usec);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(tell[0]);
        close(tell[1]);
}

/* Somebody who is gone uses nothing. */
static void test_gone(void **state) {
        pid_t pid = fork();
        TreeUsage usage;

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        usage = usage_read_tree(pid);
        assert_int_equal(usage.memory_bytes, 0);
        assert_int_equal(usage.cpu_user_usec + usage.cpu_system_usec, 0);
}

static void put(int dir_fd, const char *name, const char *text) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        close(fd);
}

/* A directory with the files that a leaf has. */
static void test_leaf(void **state) {
        static const char *const names[] = { "cpu.stat",      "memory.current", "memory.peak",
                                             "memory.events", "pids.events",    "pids.peak" };
        char path[] = "/tmp/test-usage.XXXXXX";
        BoxFacts facts = {};
        int fd;

        assert_non_null(mkdtemp(path));
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(cgroup_leaf_memory_bytes(fd), 0);
        put(fd, "cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nthrottled_usec 5\n");
        put(fd, "memory.current", "12345678\n");
        put(fd, "memory.peak", "23456789\n");
        put(fd, "memory.events", "low 1\noom_kill 3\n");
        put(fd, "pids.events", "max 4\n");
        put(fd, "pids.peak", "6\n");
        assert_int_equal(cgroup_leaf_memory_bytes(fd), 12345678);
        cgroup_leaf_read_facts(fd, &facts);
        assert_int_equal(facts.has_cgroup, 1);
        assert_int_equal(facts.cpu_user_usec, 20);
        assert_int_equal(facts.cpu_system_usec, 10);
        assert_int_equal(facts.cpu_throttled_usec, 5);
        assert_int_equal(facts.memory_peak_bytes, 23456789);
        assert_int_equal(facts.oom_kills, 3);
        assert_int_equal(facts.pids_denied, 4);
        assert_int_equal(facts.pids_peak, 5); /* without init */
        FOREACH_ARRAY(name, names, ELEMENTSOF(names))
                assert_int_equal(unlinkat(fd, *name, 0), 0);
        close(fd);
        assert_int_equal(rmdir(path), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tree),
                cmocka_unit_test(test_gone),
                cmocka_unit_test(test_leaf),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

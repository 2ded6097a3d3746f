/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/counter.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "basic/sys.h"

/* Nanoseconds that a task runs: the event that machines without a PMU have, too. */
#define TASK_CLOCK PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK

#define SPIN_NSEC UINT64_C(2000000)

/* Uses so much CPU time of its own. */
static void spin(void) {
        struct timespec t;

        do
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        while ((uint64_t) t.tv_sec * UINT64_C(1000000000) + (uint64_t) t.tv_nsec < SPIN_NSEC);
}

static bool is_forbidden(void) {
        int r = counter_probe(TASK_CLOCK);

        if (r >= 0)
                return false;
        print_message("# SKIP perf_event_open is not allowed here: errno %d\n", -r);
        return true;
}

static void wait_for(long pid) {
        int status = -1;

        assert_int_equal(waitpid((pid_t) pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_probe(void **state) {
        if (is_forbidden())
                skip();
        assert_int_equal(counter_probe(TASK_CLOCK), 0);
        /* No such kind of event. */
        assert_int_equal(counter_probe(0x7fffffff, 0), -ENOENT);
        /* One that never happens here: it is there and counts nothing. */
        assert_int_equal(counter_probe(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS),
                         -ENODATA);
}

/* As a job opens it for init: by the table that both share, on itself, and its children are counted,
 * too; read when they all are gone. */
static void test_children_are_counted(void **state) {
        struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = before + 1;
        uint64_t value = 0;
        long pid;

        if (is_forbidden())
                skip();
        pid = sys_clone3(&args);
        assert_true(pid >= 0);
        if (pid == 0) {
                if (counter_open(TASK_CLOCK) != fd || fork() < 0)
                        _exit(1);
                spin();
                while (waitpid(-1, NULL, 0) > 0)
                        ;
                _exit(0);
        }
        wait_for(pid);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(counter_read(fd, &value), 0);
        assert_true(value >= 2 * SPIN_NSEC * 9 / 10);
        fd_close(fd);
        fd_close(before);
}

/* What the holder itself does is not the job's. */
static void test_others_are_not_counted(void **state) {
        struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = before + 1;
        uint64_t value = UINT64_MAX, later = 0;
        long pid;

        if (is_forbidden())
                skip();
        pid = sys_clone3(&args);
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(counter_open(TASK_CLOCK) != fd);
        wait_for(pid);
        assert_int_equal(counter_read(fd, &value), 0);
        spin();
        assert_int_equal(counter_read(fd, &later), 0);
        assert_int_equal(value, later);
        fd_close(fd);
        fd_close(before);
}

static void test_read_of_something_else(void **state) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        uint64_t value = 7;

        assert_int_equal(counter_read(fd, &value), -ENODATA);
        assert_int_equal(value, 7);
        fd_close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_probe),
                cmocka_unit_test(test_children_are_counted),
                cmocka_unit_test(test_others_are_not_counted),
                cmocka_unit_test(test_read_of_something_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

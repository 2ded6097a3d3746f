/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs of a profile with host_env = false: its standard streams where the kernel refuses. All else is in
 * tests/e2e/test_policy.py. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "job-harness.h"
#include "plan/plan.h"

static const Case cases[] = {
        { "print", "print('hällo')", 0, "hällo\n", "" },
        { "no newline at the end", "print('a', end='')", 0, "a", "" },
        { "input", "print(repr(input('? ')))", 1, "? ", NULL, "EOFError" },
        { "an exception", "1/0", 1, "", "ZeroDivisionError: division by zero\n",
          "ZeroDivisionError" },
        { "an exception that nobody can raise", "class A:\n def __del__(s): 1/0\nA()\nprint(1)", 0,
          "1\n", "ZeroDivisionError" },
        { "a warning", "import warnings\nwarnings.warn('careful')", 0, "", "UserWarning: careful" },
        { "what may not be imported", "import os", 1, "", NULL, "ModuleNotFoundError",
          "No module named 'os' in this sandbox. Available: sys, warnings" },
        { "closed", "import sys\nsys.stdout.close()\nprint(1)", 1, "", NULL, "ValueError",
          "I/O operation on closed file." },
};

/* Standard output is a device that is always full. */
static int fill_disk(void) {
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        return fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || close(fd) < 0 ? -1 : 0;
}

static void test_disk_full(void **state) {
        JobEnd end;

        harness_before_job = fill_disk;
        end = harness_run(&(Job){
                .code = "import sys\n"
                        "try: print('x')\nexcept OSError as e: print(e.errno, file=sys.stderr)\n"
                        "try: sys.stdout.flush()\nexcept OSError as e: print(e, file=sys.stderr)\n",
        });
        harness_before_job = NULL;
        /* What was not written is tried again at the end, and makes the exit status. */
        assert_int_equal(WEXITSTATUS(end.status), 120);
        assert_non_null(strstr(end.err, "28\n[Errno 28] No space left on device\n"));
        assert_int_equal(end.n_exceptions, 0);
        job_end_done(&end);
}

static void test_nobody_reads(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "print('x' * 100000)", .close_output = true });

        assert_int_equal(WEXITSTATUS(end.status), 1);
        assert_string_equal(end.type, "BrokenPipeError");
        assert_string_equal(end.message, "[Errno 32] Broken pipe");
        job_end_done(&end);
}

int main(void) {
        static struct CMUnitTest tests[ELEMENTSOF(cases) + 2] = {
                [ELEMENTSOF(cases)] = cmocka_unit_test(test_disk_full),
                cmocka_unit_test(test_nobody_reads),
        };

        harness_start_whitelist("sys\nwarnings", PLAN_FLAG_NO_FILES | PLAN_FLAG_NO_HOST_ENV);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i] = (struct CMUnitTest){
                        .name = cases[i].name,
                        .test_func = harness_case,
                        .initial_state = (void *) &cases[i],
                };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

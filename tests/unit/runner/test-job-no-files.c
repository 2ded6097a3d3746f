/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs of a profile where nothing can be opened: a filter kills whoever tries, so that a test fails
 * wherever the interpreter still asks for a file. */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "job-harness.h"
#include "plan/plan.h"

static const Case cases[] = {
        { "print", "print('hällo')", 0, "hällo\n", "" },
        { "a traceback through the library", "import json\njson.loads('[')", 1, "",
          "  File \"<stdlib>/json/decoder.py\", line ", "json.decoder.JSONDecodeError" },
        { "a recursion", "def f(): f()\nf()", 1, "", NULL, "RecursionError" },
        { "a preloaded module", "import random; print(random.random() < 1)", 0, "True\n", "" },
        { "a module that is not there", "import sqlite3", 1, "", NULL, "ModuleNotFoundError",
          "No module named 'sqlite3' in this sandbox" },
        { "lazy modules of the interpreter",
          "import datetime\nprint(datetime.datetime.strptime('2026', '%Y').year, '\\N{BULLET}')\n"
          "print('ä'.encode('latin-1'), '€'.encode('utf-16-le'), 'ü.de'.encode('idna'))",
          0, "2026 •\nb'\\xe4' b'\\xac ' b'xn--tda.de'\n", "" },
        { "warnings", "import warnings\nwarnings.warn('careful')", 0, "",
          "<job>:2: UserWarning: careful\n  warnings.warn('careful')\n" },
        { "threads", "import threading\nt = threading.Thread(target=print, args=(1,)); t.start()",
          0, "1\n", "" },
        { "a result", "import _sandbox; _sandbox.result([1])", 0, "", "", .result = "[1]" },
        { "exit functions", "import atexit; _ = atexit.register(print, 'x')", 0, "x\n", "" },
        { "input", "print(repr(input()))", 1, "", NULL, "EOFError" },
        { "a part of a line that is underlined", "x = [1, {}['key']]\n", 1, "", NULL, "KeyError",
          "'key'",
          "Traceback (most recent call last):\n  File \"<job>\", line 1, in <module>\n"
          "    x = [1, {}['key']]\n            ~~^^^^^^^\nKeyError: 'key'\n" },
        { "a denied module", "import _ctypes", 1, "", NULL, "ModuleNotFoundError",
          "No module named '_ctypes' in this sandbox" },
        { "the empty path", "import sys; print(sys.path)", 0, "[]\n", "" },
        { "a memory error", "x = []\nwhile True: x.append('%d' % len(x))", 1, "", "MemoryError",
          "MemoryError", .more_vm_bytes = 24 * MIB, .is_memory_error = true },
};

/* What the filter of a profile does: the call fails. */
static uint32_t action = SECCOMP_RET_KILL_PROCESS;

static int install_filter(void) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, action),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return -errno;
        return 0;
}

/* The filter is really there: what opens a file dies. */
static void test_filter(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "open('/dev/null')" });

        assert_true(WIFSIGNALED(end.status));
        assert_int_equal(WTERMSIG(end.status), SIGSYS);
        job_end_done(&end);
}

/* CPython's compiler looks for the line of a syntax error in a file of that name, whatever it is. It
 * must be content without one. */
static void test_syntax_error(void **state) {
        JobEnd end;

        action = SECCOMP_RET_ERRNO | EPERM;
        end = harness_run(&(Job){ .code = "y = 1\nx = (" });
        action = SECCOMP_RET_KILL_PROCESS;
        assert_string_equal(end.err, "  File \"<job>\", line 2\n    x = (\n        ^\n"
                                     "SyntaxError: '(' was never closed\n");
        assert_string_equal(end.type, "SyntaxError");
        assert_int_equal(end.line, 2);
        job_end_done(&end);
}

int main(void) {
        static struct CMUnitTest tests[ELEMENTSOF(cases) + 2] = {
                [ELEMENTSOF(cases)] = cmocka_unit_test(test_filter),
                cmocka_unit_test(test_syntax_error),
        };

        harness_start("ast\nrandom\ndatetime\nthreading\n_strptime\nunicodedata\nencodings.idna\n"
                      "encodings.ascii\nencodings.latin_1\nencodings.punycode\n"
                      "encodings.utf_16_le\nwarnings",
                      "_ctypes", PLAN_FLAG_NO_FILES | PLAN_FLAG_POLICY);
        harness_before_job = install_filter;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i] = (struct CMUnitTest){
                        .name = cases[i].name,
                        .test_func = harness_case,
                        .initial_state = (void *) &cases[i],
                };
        cmocka_set_message_output(CM_OUTPUT_TAP); /* the environment is gone by now */
        return cmocka_run_group_tests(tests, NULL, NULL);
}

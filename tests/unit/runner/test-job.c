/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs from their text to their end: a table of programs first, then what needs more than a
 * text. */

#include "runner/python.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "plan/plan.h"

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "config.h"
#include "job-harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

static const Case cases[] = {
        { "print", "print('hällo', 6 * 7)", 0, "hällo 42\n", "" },
        { "an empty program", "", 0, "", "" },
        { "a byte order mark", "\xef\xbb\xbfprint(1)", 0, "1\n", "" },
        { "the main module",
          "import sys\nprint(__name__, sys.modules['__main__'].__dict__ is globals())\n"
          "print(sorted(globals()))",
          0,
          "__main__ True\n['__builtins__', '__doc__', '__loader__', '__name__', '__package__', "
          "'__spec__', 'sys']\n",
          "" },
        { "pickle finds classes of the program",
          "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)", 0,
          "True\n", "" },
        { "no frame of ours on the stack",
          "import sys, traceback\nprint(sys._getframe().f_back)\ntraceback.print_stack()", 0,
          "None\n", "  File \"<job>\", line 3, in <module>\n    traceback.print_stack()\n" },
        { "lone surrogates on standard error", "import sys; print('\\udc80', file=sys.stderr)", 0,
          "", "\\udc80\n" },
        { "bytes through standard output", "print('\\udcff')", 0, "\xff\n", "" },

        /* Ends of a program */
        { "exit()", "exit()", 0, "", "" },
        { "quit(4)", "quit(4)", 4, "", "" },
        { "exit with a number", "import sys; sys.exit(3)", 3, "", "" },
        { "exit with None", "import sys; sys.exit(None)", 0, "", "" },
        { "exit with a bool", "raise SystemExit(True)", 1, "", "" },
        { "exit with a text", "import sys; sys.exit('bad ä')", 1, "", "bad ä\n" },
        { "exit with 256", "raise SystemExit(256)", 0, "", "" },
        { "exit with -1", "raise SystemExit(-1)", 255, "", "" },
        { "exit with a number that does not fit", "raise SystemExit(10**30)", 255, "", "" },
        { "exit with something that cannot be printed",
          "class A:\n def __str__(self): raise ValueError\nraise SystemExit(A())", 1, "", NULL },
        { "os._exit", "import os; print(1); os._exit(9)", 9, "1\n", "" },
        { "exit functions",
          "import atexit\natexit.register(print, 'two')\natexit.register(print, 'one')\nprint(0)",
          0, "0\none\ntwo\n", "" },
        { "exit functions after an exception, with the status of the exception",
          "import atexit\natexit.register(print, 'bye')\n1/0", 1, "bye\n", "ZeroDivisionError",
          "ZeroDivisionError" },
        { "an exit function that fails",
          "import atexit\natexit.register(lambda: 1/0)\n_ = atexit.register(print, 'x')", 0, "x\n",
          "ZeroDivisionError" },
        { "threads are joined before exit functions run",
          "import atexit, threading, time\natexit.register(print, 'atexit')\n"
          "def f(e):\n e.wait()\n print('thread')\n"
          "e = threading.Event()\nthreading.Thread(target=f, args=(e,)).start()\n"
          "threading.Timer(0.01, e.set).start()\nprint('main')",
          0, "main\nthread\natexit\n", "" },
        { "daemon threads are not joined",
          "import threading\n"
          "threading.Thread(target=threading.Event().wait, daemon=True).start()",
          0, "", "" },
        { "an exception in a thread is not the end of the program",
          "import threading\nt = threading.Thread(target=lambda: 1/0); t.start(); t.join()\n"
          "print('on')",
          0, "on\n", "ZeroDivisionError" },
        { "destructors at the end",
          "import sys\nclass A:\n def __del__(self): print('gone', sys.argv)\na = A()\nprint(1)", 0,
          "1\ngone ['<job>']\n", "" },
        { "destructors after an exception",
          "class A:\n def __del__(self): print('gone')\na = A()\nraise KeyError(1)", 1, "gone\n",
          "KeyError: 1\n", "KeyError" },
        { "a stream of its own is written out at the end",
          "out = open(1, 'w', closefd=False)\nout.write('buffered')", 0, "buffered", "",
          .result = "8" },
        { "a closed standard output", "import sys; sys.stdout.close()", 0, "", "" },
        { "no standard output", "import sys; sys.stdout = sys.stderr = None; exit(2)", 2, "", "" },
        { "standard output replaced by one that cannot be flushed",
          "import sys\nclass F:\n closed = False\n def write(self, s): pass\n"
          " def flush(self): raise OSError('full')\nsys.stdout = F()",
          120, "", "OSError: full" },

        /* Exceptions */
        /* By a decorator: how a call is underlined differs between the versions of Python */
        { "an exception", "def f(_):\n    return {}['key']\n\n@f\nclass A: pass\n", 1, "", NULL,
          "KeyError", "'key'",
          "Traceback (most recent call last):\n"
          "  File \"<job>\", line 4, in <module>\n    @f\n     ^\n"
          "  File \"<job>\", line 2, in f\n    return {}['key']\n           ~~^^^^^^^\n"
          "KeyError: 'key'\n",
          2 },
        { "an exception from the library: no path of the host", "import json\njson.loads('[')", 1,
          "", "  File \"<stdlib>/json/decoder.py\", line ", "json.decoder.JSONDecodeError",
          "Expecting value: line 1 column 2 (char 1)", NULL, 2 },
        { "an import error: no path of the host", "from collections import nothing", 1, "",
          "(<stdlib>/collections/__init__.py)", "ImportError",
          "cannot import name 'nothing' from 'collections' (<stdlib>/collections/__init__.py)" },
        { "an exception of the program", "class Bad(Exception): pass\nraise Bad('no', 1)", 1, "",
          "Bad: ('no', 1)\n", "Bad", "('no', 1)" },
        { "an exception that is no Exception", "class Bad(BaseException): pass\nraise Bad", 1, "",
          "Bad\n", "Bad", "" },
        { "chained exceptions",
          "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise ValueError('x') from e", 1, "",
          "The above exception was the direct cause", "ValueError", "x", NULL, 4 },
        { "an exception group", "raise ExceptionGroup('many', [ValueError(1), TypeError(2)])", 1,
          "", "TypeError: 2", "ExceptionGroup", "many (2 sub-exceptions)" },
        { "an unprintable exception",
          "class Bad(Exception):\n def __str__(self): raise SystemExit(7)\nraise Bad", 1, "",
          "Bad: <exception str() failed>\n", "Bad", "<exception str() failed>" },
        { "an exception whose class lies about its name",
          "class M(type):\n __module__ = property(lambda self: 1/0)\n"
          "class Bad(Exception, metaclass=M): pass\nraise Bad",
          1, "", "Bad\n", "Bad", "" },
        { "a text that is no UTF-8, and a NUL", "raise ValueError('a\\udc80\\0b')", 1, "",
          "ValueError: a\\udc80\0b", "ValueError", "a\\udc80\\x00b" },
        { "a syntax error", "x = 1\nif x\n    pass\n", 1, "", "SyntaxError: expected ':'\n",
          "SyntaxError", "expected ':' (<job>, line 2)",
          "  File \"<job>\", line 2\n    if x\n        ^\nSyntaxError: expected ':'\n", 2 },
        { "a syntax error in text that the program evaluates", "\neval('1 +')", 1, "",
          "SyntaxError", "SyntaxError", NULL, NULL, 2 },
        { "recursion", "def f(): f()\nf()", 1, "", "[Previous line repeated ", "RecursionError",
          "maximum recursion depth exceeded", NULL, 1 },
        { "a recursion limit that leaves no room to report",
          "import sys\nsys.setrecursionlimit(5)\nraise ValueError(1)", 1, "",
          "  File \"<job>\", line 3, in <module>\n", "ValueError" },
        { "KeyboardInterrupt", "raise KeyboardInterrupt", 1, "", NULL, "KeyboardInterrupt" },
        { "sys.excepthook is used",
          "import sys\nsys.excepthook = lambda t, v, tb: print('hook', t.__name__, tb.tb_lineno)\n"
          "raise ValueError",
          1, "hook ValueError 3\n", "", "ValueError" },
        { "sys.excepthook that fails",
          "import sys\nsys.excepthook = lambda *a: 1/0\nraise ValueError('first')", 1, "",
          "Original exception was:\nTraceback (most recent call last):\n  File \"<job>\", line 3",
          "ValueError" },
        { "sys.excepthook that exits",
          "import sys\nsys.excepthook = lambda *a: sys.exit(6)\nraise ValueError", 6, "", "",
          "ValueError" },
        { "standard error replaced by something broken",
          "import sys\nsys.stderr = 5\nraise ValueError(3)", 1, "", "", "ValueError", "3" },
        { "traceback and linecache overwritten by the program",
          "import traceback, linecache\ntraceback.format_exception = None\nlinecache.cache = None\n"
          "raise ValueError('still told')",
          1, "", "ValueError: still told\n", "ValueError", "still told" },

        /* Memory. The limits are in address space above the template's. */
        { "one allocation that is too large", "x = bytearray(10**9)", 1, "", "MemoryError",
          "MemoryError", "", NULL, 1, 50 * MIB, true },
        /* no memory is left for a traceback either, so no line is known */
        { "many small ones, all kept", "x = []\nwhile True: x.append('%d' % len(x))", 1, "",
          "MemoryError", "MemoryError", "", NULL, 0, 24 * MIB, true },
#ifndef WITH_ASAN /* its run-time aborts when it finds no address space for itself */
        { "all of it used up before the exception",
          "x = None\ne = MemoryError('again')\n"
          "for n in 1 << 20, 1 << 16, 4096, 512, 256, 128, 64, 32, 16, 8, 1:\n"
          " try:\n  while True: x = (x, bytes(n))\n except MemoryError:\n  pass\n"
          "raise e",
          1, "", "MemoryError: again", "MemoryError", NULL, NULL, 0, 24 * MIB, true },
#endif
        { "a caught MemoryError is no end",
          "try:\n x = bytearray(10**9)\nexcept MemoryError:\n print('caught')", 0, "caught\n", "",
          NULL, NULL, NULL, 0, 50 * MIB },
        { "a subclass of MemoryError", "class A(MemoryError): pass\nraise A", 1, "", NULL, "A", "",
          NULL, 2, 0, true },

        /* Policy */
        { "a denied module", "import ctypes", 1, "",
          "  File \"<job>\", line 1, in <module>\n    import ctypes\n"
          "ModuleNotFoundError: No module named 'ctypes' in this sandbox\n",
          "ModuleNotFoundError", "No module named 'ctypes' in this sandbox", NULL, 1 },
        { "a denied module has a name",
          "try: from ctypes import util\nexcept ImportError as e: print(e.name)\n"
          "import importlib\n"
          "try: importlib.import_module('ctypes.util')\nexcept ImportError as e: print(e.name)",
          0, "ctypes\nctypes\n", "" },
        { "a denied module that the preload brought in",
          "import sys\nprint('colorsys' in sys.modules)\nimport colorsys", 1, "True\n", NULL,
          "ModuleNotFoundError", "No module named 'colorsys' in this sandbox" },
        { "a module that does not exist", "import nothing_here", 1, "", NULL, "ModuleNotFoundError",
          "No module named 'nothing_here' in this sandbox" },

        /* Renewal, signals, surroundings */
        { "no path of the host but the library's",
          "import sys, os\nprint(sys.path[2:], sys.executable, sorted(os.environ))\n"
          "print('site' in sys.modules, sys.flags.isolated, sys.flags.utf8_mode)",
          0, "['/app']  ['HOME', 'PATH', 'TZ']\nFalse 1 1\n", "" },
        { "temporary names start anew: the process id does not tell boxes apart",
          "import tempfile\nprint(tempfile._name_sequence, tempfile.tempdir)", 0, "None None\n",
          "" },
        { "signals as at any start",
          "import signal\nfor s in 'INT', 'PIPE', 'XFSZ', 'TERM':\n"
          " print(signal.getsignal(getattr(signal, 'SIG' + s)))",
          0, "<built-in function default_int_handler>\n1\n1\n0\n", "" },
        { "only the main process speaks for the job",
          "import os\nif os.fork() == 0: 1/0\nprint(os.wait()[1])", 0, "256\n",
          "ZeroDivisionError" },

        /* _sandbox.result() */
        { "a result", "import _sandbox\n_sandbox.result({'a': [1, 2.5, None, 'ä']})", 0, "", "",
          .result = "{\"a\": [1, 2.5, null, \"ä\"]}" },
        { "the last result counts", "from _sandbox import result\nresult(1)\nresult(2)", 0, "", "",
          .result = "2" },
        { "a big integer", "import _sandbox; _sandbox.result(2**70)", 0,
          .result = "1180591620717411303424" },
        { "a result that JSON has no form for", "import _sandbox\n_sandbox.result([1, {'a': len}])",
          1, "", "  File \"<job>\", line 2, in <module>\n    _sandbox.result([1, {'a': len}])\n",
          "_sandbox.ResultNotEncodable",
          "cannot encode a value of type builtin_function_or_method at $[1].a: call it", NULL, 2 },
        { "a result that is not a number", "import _sandbox\n_sandbox.result([float('nan')])", 0,
          "", "", .result = "[{\"$float\": \"nan\"}]" },
        { "a result that contains itself",
          "import _sandbox\nx = []\nx.append(x)\n_sandbox.result(x)", 1, "", NULL,
          "_sandbox.ResultNotEncodable", "the value at $[0] contains itself" },
        { "a result that is no UTF-8", "import _sandbox\n_sandbox.result('\\udc80')", 0, "", "",
          .result = "\"\\udc80\"" },
        { "a result of the largest size", "import _sandbox; _sandbox.result('12345678')", 0, "", "",
          .result = "\"12345678\"", .result_max_bytes = 10 },
        { "a result that is too long", "import _sandbox; _sandbox.result('123456789')", 1, "", NULL,
          "_sandbox.ResultTooLarge",
          "the result has 11 bytes of JSON, limits.resultBytes leaves 10", .result_max_bytes = 10 },
        { "a result whatever the program does to json",
          "import json, _sandbox\njson.JSONEncoder.encode = None\njson.dumps = None\n"
          "_sandbox.result([1])",
          0, "", "", .result = "[1]" },

        /* Values that nobody asked for */
        { "the last expression", "x = 20\nx * 2\nx + 1", 0, "", "", .result = "21" },
        { "the last expression is None", "x = [1]\nx.append(2)", 0, "", "" },
        { "the last statement is no expression", "1 + 1\nx = 3", 0, "", "" },
        { "an expression behind a semicolon", "x = 4; x", 0, "", "", .result = "4" },
        { "an expression of several lines", "x = 1\n(\n x,\n  2\n)", 0, "", "",
          .result = "[1, 2]" },
        { "an expression in a block is not the last one", "if True:\n    5", 0, "", "" },
        { "a string alone", "'text'", 0, "", "", .result = "\"text\"" },
        { "documentation in front stays", "'text'\n__doc__ + '!'", 0, "", "",
          .result = "\"text!\"" },
        { "a last expression that JSON has no form for", "import sys\nsys", 0, "", "",
          .problem = "ResultNotEncodable: cannot encode a value of type module at $: make numbers, "
                     "text, lists or dicts of it" },
        { "a last expression that is too long", "'x' * 10", 0, "", "",
          .problem =
                  "ResultTooLarge: the result has 12 bytes of JSON, limits.resultBytes leaves 10",
          .result_max_bytes = 10 },
        { "a variable", "result = {'a': 1}", 0, "", "", .result = "{\"a\": 1}" },
        { "a variable that is None", "result = None", 0, "", "", .result = "null" },
        { "the last expression goes before the variable", "result = 1\nresult + 1", 0, "", "",
          .result = "2" },
        { "result() goes before the last expression",
          "import _sandbox\n_sandbox.result(1)\nresult = 2\n3", 0, "", "", .result = "1" },
        { "a variable after exit(0)", "result = 1\nexit(0)", 0, "", "", .result = "1" },
        { "no variable after another exit", "result = 1\nexit(2)", 2, "", "" },
        { "no variable after an exception", "result = 1\n1/0", 1, "", NULL, "ZeroDivisionError" },
        { "the function result() is no variable", "from _sandbox import result", 0, "", "" },
        { "an exception of the last expression", "x = 0\n\n1 / x", 1, "",
          "  File \"<job>\", line 3, in <module>\n    1 / x\n    ~~^~~\n", "ZeroDivisionError",
          "division by zero", NULL, 3 },
        { "an object that cannot be asked",
          "class A(dict):\n def items(self): raise KeyError(1)\nA(x=1)", 0, "", "",
          .problem = "ResultNotEncodable: cannot encode a value of type A: KeyError" },
};

static void test_arguments(void **state) {
        JobEnd end = harness_run(&(Job){
                .code = "import sys; print(sys.argv)",
                .source_name = "prog.py",
                .args = (const char *const[]){ "-x", "", "ä b", NULL },
        });

        assert_string_equal(end.out, "['prog.py', '-x', '', 'ä b']\n");
        job_end_done(&end);
}

static void test_environment(void **state) {
        JobEnd end = harness_run(&(Job){
                .code = "import os, time\nprint(os.environ['A'], os.environ['HOME'])\n"
                        "print(repr(os.environ['E']), os.getenv('TZ'), time.tzname[0])",
                .environ = (const char *const[]){ "A=b=c", "HOME=/tmp", "E=", "TZ=XYZ5", NULL } });

        assert_string_equal(end.out, "b=c /tmp\n'' XYZ5 XYZ\n");
        job_end_done(&end);
}

static void test_source_name(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "\n1/0\n", .source_name = "päth.py" });

        assert_non_null(strstr(end.traceback, "File \"päth.py\", line 2, in <module>\n    1/0\n"));
        assert_int_equal(end.line, 2);
        job_end_done(&end);
}

/* Jobs of one template: seeded alike they agree, without a seed they do not. */
static void test_seed(void **state) {
        static const char code[] = "import random, tempfile\nprint(random.getrandbits(64))\n"
                                   "print(next(tempfile._get_candidate_names()))";
        int64_t seed = -5;
        JobEnd a = harness_run(&(Job){ .code = code, .seed = &seed });
        JobEnd b = harness_run(&(Job){ .code = code, .seed = &seed });
        JobEnd c = harness_run(&(Job){ .code = code });
        JobEnd d = harness_run(&(Job){ .code = code });

        *strchr(a.out, '\n') = *strchr(b.out, '\n') = '\0';
        assert_string_equal(a.out, b.out);
        assert_string_not_equal(strchr(c.out, '\n'), strchr(d.out, '\n'));
        *strchr(c.out, '\n') = *strchr(d.out, '\n') = '\0';
        assert_string_not_equal(c.out, d.out);
        assert_string_not_equal(a.out, c.out);
        job_end_done(&a);
        job_end_done(&b);
        job_end_done(&c);
        job_end_done(&d);
}

static void test_input(void **state) {
        JobEnd end = harness_run(&(Job){
                .code = "import sys\nprint(input('? '), ascii(sys.stdin.read()))",
                .input = "one\ntwo\xff",
        });

        assert_string_equal(end.out, "? one 'two\\udcff'\n");
        job_end_done(&end);
}

static void test_large_source(void **state) {
        static const char line[] = "x = 'a line of a large program'\n";
        size_t n = 8000, size = n * (sizeof(line) - 1);
        _cleanup_free_ char *code = malloc(size + 64);
        JobEnd end;

        assert_non_null(code);
        for (size_t i = 0; i < n; i++)
                memcpy(code + i * (sizeof(line) - 1), line, sizeof(line) - 1);
        memcpy(code + size, "raise ValueError('end')", 24);
        end = harness_run(&(Job){ .code = code });
        assert_int_equal(end.line, n + 1);
        assert_non_null(strstr(end.traceback, "    raise ValueError('end')\n"));
        job_end_done(&end);
}

/* Texts are cut to what the wire allows, between characters, and the end of a traceback stays. */
static void test_large_message(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "raise ValueError('ä' * 100000 + 'last')" });

        assert_int_equal(strlen(end.message), EXCEPTION_MESSAGE_MAX);
        assert_true(strlen(end.traceback) <= EXCEPTION_TRACEBACK_MAX);
        assert_true(strlen(end.traceback) > EXCEPTION_TRACEBACK_MAX - 8);
        assert_memory_equal(end.traceback, "Traceback (most", 15);
        assert_non_null(strstr(end.traceback, "\n[...]\n"));
        assert_string_equal(end.traceback + strlen(end.traceback) - 7, "älast\n");
        assert_true(strlen(end.err) > 200000);
        job_end_done(&end);
}

static void test_source_is_not_utf8(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "print(1)\xff" });

        assert_string_equal(end.type, "UnicodeDecodeError");
        assert_int_equal(WEXITSTATUS(end.status), 1);
        job_end_done(&end);
}

static void test_source_has_nul(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "print(1)\0print(2)", .code_size = 17 });

        assert_string_equal(end.out, "");
        assert_non_null(strstr(end.message, "null bytes"));
        job_end_done(&end);
}

static void test_no_request(void **state) {
        JobEnd end = harness_run(&(Job){ .no_request = true });

        assert_int_equal(WEXITSTATUS(end.status), 125);
        assert_string_equal(end.err, "");
        assert_int_equal(end.channel_size, 0);
        job_end_done(&end);
}

static void test_bad_request(void **state) {
        JobEnd end = harness_run(&(Job){ .raw_payload = "rubbish", .raw_size = 7 });

        assert_int_equal(WEXITSTATUS(end.status), 125);
        assert_non_null(strstr(end.err, "pysb-runner: no valid request"));
        job_end_done(&end);
}

static void test_nobody_reads(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "print('x' * 100)", .close_output = true });

        assert_int_equal(WEXITSTATUS(end.status), 1);
        assert_string_equal(end.type, "BrokenPipeError");
        job_end_done(&end);
}

static void test_interrupt(void **state) {
        JobEnd end = harness_run(&(Job){
                .code = "import time\ntry:\n    print('on')\n    while True: time.sleep(60)\n"
                        "finally:\n    print('off')",
                .interrupt_on_output = true,
        });

        assert_string_equal(end.out, "on\noff\n");
        assert_string_equal(end.type, "KeyboardInterrupt");
        assert_int_equal(WEXITSTATUS(end.status), 1);
        job_end_done(&end);
}

/* Real signals, not a report of some run-time. */
static void test_crashes(void **state) {
        static const struct {
                const char *code;
                int signal;
        } rows[] = {
                { "import os; os.abort()", SIGABRT },
                { "import os; os.kill(os.getpid(), 9)", SIGKILL },
                { "import os; os.kill(os.getpid(), 11)", SIGSEGV },
                { "import faulthandler; faulthandler._sigsegv()", SIGSEGV },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                JobEnd end = harness_run(&(Job){ .code = row->code });

                if (!WIFSIGNALED(end.status))
                        fail_msg("%s: status %x, %s", row->code, (unsigned) end.status, end.err);
                assert_int_equal(WTERMSIG(end.status), row->signal);
                job_end_done(&end);
        }
}

static void test_no_host_path(void **state) {
        JobEnd end = harness_run(&(Job){ .code = "import json\njson.loads('[1, 2')" });

        assert_null(strstr(end.traceback, PYTHON_STDLIB));
        assert_null(strstr(end.traceback, "frozen"));
        assert_string_equal(end.traceback, end.err);
        job_end_done(&end);
}

static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_arguments),      cmocka_unit_test(test_environment),
        cmocka_unit_test(test_source_name),    cmocka_unit_test(test_seed),
        cmocka_unit_test(test_input),          cmocka_unit_test(test_large_source),
        cmocka_unit_test(test_large_message),  cmocka_unit_test(test_source_is_not_utf8),
        cmocka_unit_test(test_source_has_nul), cmocka_unit_test(test_no_request),
        cmocka_unit_test(test_bad_request),    cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_interrupt),      cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_no_host_path),
};

int main(void) {
        static struct CMUnitTest tests[ELEMENTSOF(cases) + ELEMENTSOF(others)];

        harness_start("colorsys\ntempfile", "ctypes\n_ctypes\ncolorsys", PLAN_FLAG_POLICY);
#ifdef WITH_ASAN
        /* Not on standard output: TAP may want its version in the first line. */
        print_error("# not run with AddressSanitizer: all of it used up before the exception\n");
#endif
        /* As a preloaded module might. */
        if (PyRun_SimpleString("import tempfile; next(tempfile._get_candidate_names())") < 0)
                abort();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i] = (struct CMUnitTest){
                        .name = cases[i].name,
                        .test_func = harness_case,
                        .initial_state = (void *) &cases[i],
                };
        memcpy(tests + ELEMENTSOF(cases), others, sizeof(others));
        cmocka_set_message_output(CM_OUTPUT_TAP); /* the environment is gone by now */
        return cmocka_run_group_tests(tests, NULL, NULL);
}

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The budget of ticks: what programs take, what happens when it is used up, whose code is counted."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from ticks_programs import REFERENCE

MAXIMUM = 10 ** 12
RUNS = 10  # with each of two daemons: they have not the same hash secret


class Ticks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemons = [harness.Daemon(harness.build_tree()) for _ in range(2)]
        cls.clients = [daemon.client() for daemon in cls.daemons]

    @classmethod
    def tearDownClass(cls):
        for daemon, client in zip(cls.daemons, cls.clients):
            client.close()
            daemon.stop()

    def run_job(self, code=None, ticks=MAXIMUM, profile="default", limits=(), daemon=0, **request):
        if code is not None:
            request["code"] = code
        request = {"profile": profile, "limits": {"ticks": ticks, **dict(limits)}} | request
        return self.clients[daemon].call("Run", {"request": request})["result"]

    def assert_ticks(self, result, ticks, outcome="success"):
        self.assertEqual(result["outcome"], outcome, result)
        self.assertEqual(result["usage"].get("ticks"), ticks, result)

    def assert_limit(self, result, ticks):
        self.assert_ticks(result, ticks, "tick_limit")
        self.assertEqual(result["message"], f"tick limit of {ticks} reached, raise limits.ticks")

    def test_limit(self):
        """a budget that is used up is an exception, and an outcome"""
        for profile in "default", "eval", "raw":
            result = self.run_job("n = 0\nwhile True:\n    n += 1\n", 100, profile)
            self.assert_limit(result, 100)
            self.assertEqual(result["exitCode"], 1)
            self.assertEqual(result["exception"]["type"], "_sandbox.TickLimit")
            self.assertEqual(result["exception"]["message"], "tick limit of 100 reached")
            self.assertEqual(result["exception"]["line"], 3)
            self.assertTrue(result["stderr"]["text"].endswith(
                "\n_sandbox.TickLimit: tick limit of 100 reached\n"), result)

    def test_all_of_it(self):
        """a program may use all of it"""
        self.assert_ticks(self.run_job("for x in range(100): pass", 100), 100)
        self.assert_limit(self.run_job("for x in range(101): pass", 100), 100)

    def test_caught(self):
        """a handler does not get far, and what it makes of the program does not count"""
        code = """
import _sandbox
def again():
    while True:
        try:
            while True:
                pass
        except BaseException as error:
            print(type(error).__name__)
try:
    again()
except _sandbox.TickLimit as error:
    print(error, isinstance(error, Exception))
_sandbox.result(1)
"""
        result = self.run_job(code, 50)
        self.assert_limit(result, 50)
        self.assertEqual(result["stdout"]["text"], "TickLimit\ntick limit of 50 reached False\n")
        self.assertNotIn("resultJson", result)
        self.assertNotIn("exception", result)
        self.assert_limit(self.run_job(code + "raise SystemExit(3)", 50), 50)

    def test_other_ends(self):
        """the count comes after an exception and sys.exit, not after a kill or os._exit"""
        loop = "for x in range(7): pass\n"
        self.assert_ticks(self.run_job(loop + "1 / 0"), 7, "exception")
        self.assert_ticks(self.run_job(loop + "import sys; sys.exit(3)"), 7, "exit_nonzero")
        self.assert_ticks(self.run_job(loop + "raise SystemExit"), 7)
        self.assert_ticks(self.run_job(loop + "import os; os._exit(0)"), None)
        self.assert_ticks(self.run_job(loop + "import os; os.kill(os.getpid(), 9)"), None, "signaled")
        self.assert_ticks(self.run_job("while True: pass", limits={"cpuTimeUSec": 100_000}), None,
                          "cpu_time_limit")
        self.assert_ticks(self.run_job("print(", profile="raw"), None, "exception")

    def test_late_code(self):
        """exit functions and destructors count, too"""
        self.assert_ticks(self.run_job("import atexit\nclass A:\n    def __del__(self): pass\n"
                                       "a = A()\natexit.register(lambda: 1)\nNone"), 2)

    def test_not_counted(self):
        """0 and null do not count"""
        for limits in {}, {"ticks": 0}, {"ticks": None}:
            result = self.run_job("for x in range(5): pass\nimport _sandbox\nprint(_sandbox.TickLimit)",
                                  limits=limits, **{} if limits else {"ticks": None})
            self.assert_ticks(result, None)

    def test_value(self):
        """values, callables, expressions and inputs are what they are otherwise"""
        result = self.run_job("x = [i for i in range(3)]\nx + [inputs['a']]", inputsJson='{"a": 5}')
        self.assert_ticks(result, 3)
        self.assertEqual(result["resultJson"], "[0, 1, 2, 5]")
        result = self.run_job("def f(a):\n    return sum(i for i in range(a))", profile="eval",
                              callable="f", inputsJson='{"a": 4}')
        self.assert_ticks(result, 5)
        self.assertEqual(result["resultJson"], "6")
        result = self.run_job(expression="[(lambda: x)() for x in range(2)]")
        self.assert_ticks(result, 4)
        self.assertEqual(result["resultJson"], "[0, 1]")

    def test_files(self):
        """what is imported from /app counts, whatever imports it; and the library does not"""
        files = [{"path": "main.py", "text": "import helper, importlib\nfrom package.part import loop\n"
                                             "import textwrap\ntextwrap.wrap('a b ' * 100, 10)\n"
                                             "importlib.import_module('late').g()\n"
                                             "print(helper.f(5), loop(3), helper.__doc__)"},
                 {"path": "helper.py", "text": "'doc'\nfrom __future__ import annotations\n"
                                               "def f(n): return len([x for x in range(n)])"},
                 {"path": "package/__init__.py", "text": "for x in range(4): pass"},
                 {"path": "package/part.py", "text": "def loop(n):\n    while n: n -= 1\n    return n"},
                 {"path": "late.py", "text": "g = lambda: None"}]
        for request in {"scriptPath": "main.py"}, {"module": "main"}:
            for profile in "default", "raw":
                result = self.run_job(files=files, profile=profile, **request)
                self.assert_ticks(result, 1 + 5 + 4 + 1 + 3 + 1)
                self.assertEqual(result["stdout"]["text"], "5 0 doc\n")
        self.assert_limit(self.run_job(files=files, ticks=8, scriptPath="main.py"), 8)

    def test_byte_code(self):
        """files are compiled to byte code, and imported while byte code is written, as otherwise"""
        code = ("import py_compile, sys\nprint(py_compile.compile('/app/a.py', doraise=True) is not None)\n"
                "sys.dont_write_bytecode = False\nimport a, b\nprint(a.x, b.x)")
        files = [{"path": f"{name}.py", "text": "x = [y for y in range(3)]"} for name in "ab"]
        for profile in "default", "raw":
            result = self.run_job(code, files=files, profile=profile)
            self.assertEqual(result["stdout"]["text"], "True\n[0, 1, 2] [0, 1, 2]\n", result)
            self.assert_ticks(result, 6)

    def test_files_that_fail(self):
        """a module that cannot be compiled is the same error, with the same traceback"""
        code = ("import traceback\ntry: import bad\nexcept SyntaxError: traceback.print_exc()\n"
                "try: import worse\nexcept ZeroDivisionError: traceback.print_exc()")
        for text in "x = (", "def f():\n    return\n  x", "nonlocal x", "if x:\n    break":
            files = [{"path": "bad.py", "text": text},
                     {"path": "worse.py", "text": "for x in [1]:\n    1 / 0"}]
            results = [self.run_job(code, ticks, files=files, analysis="off", profile="raw")
                       for ticks in (0, MAXIMUM)]
            self.assertRegex(results[0]["stderr"]["text"], "(Syntax|Indentation)Error: .*\n")
            self.assertEqual(results[0]["stderr"]["text"], results[1]["stderr"]["text"])

    def test_recursion(self):
        """the depth of recursion, and its end, are the same"""
        code = ("import sys\ndef f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\n"
                "print(f(0))")
        outputs = {self.run_job(code, ticks)["stdout"]["text"] for ticks in (0, MAXIMUM)}
        self.assertEqual(len(outputs), 1)

    def test_names(self):
        """there is no new name anywhere"""
        code = ("import builtins, sys\ndef f():\n    for x in [1]: return sorted(locals()), dir()\n"
                "print(sorted(globals()), f(), f.__code__.co_names, dir(builtins), sorted(sys.modules))")
        outputs = {self.run_job(code, ticks, profile="raw")["stdout"]["text"] for ticks in (0, MAXIMUM)}
        self.assertEqual(len(outputs), 1)

    def test_children(self):
        """a child counts for itself, and says nothing"""
        code = ("import os\nif os.fork() == 0:\n    for x in range(1000): pass\nelse:\n    os.wait()\n"
                "    for x in range(5): pass")
        self.assert_ticks(self.run_job(code, profile="raw", limits={"processes": 2}), 5)

    def test_threads(self):
        """threads count together"""
        code = ("import threading\ndef f():\n    for x in range(1000): pass\n"
                "ts = [threading.Thread(target=f) for i in range(3)]\n"
                "for t in ts: t.start()\nfor t in ts: t.join()")
        self.assert_ticks(self.run_job(code), 3 * 1001 + 9)

    def test_warnings(self):
        """the compiler warns once, as it does otherwise"""
        code = "import warnings\nx = 1\nx is 1\n'\\d'\nfor x in (): pass"
        for level in "off", "imports", "strict":
            texts = {self.run_job(code, ticks, analysis=level, profile="raw")["stderr"]["text"]
                     for ticks in (0, MAXIMUM)}
            self.assertEqual(len(texts), 1, texts)
            self.assertEqual(texts.pop().count("Warning: \"is\""), 1)

    def test_lies(self):
        """what a program says of its ticks is nobody's word but its own"""
        frame = "import os\nos.write(3, {}.to_bytes(4, 'little') + (11).to_bytes(4, 'little') + {})\n"
        count = "(8).to_bytes(4, 'little') + (72).to_bytes(4, 'little') + ({}).to_bytes(8, 'little')"
        lie = frame.format("(16)", count.format("77"))
        too_much = frame.format("(16)", count.format("2 ** 63"))
        self.assert_ticks(self.run_job(lie + "os._exit(0)"), 77)
        self.assert_ticks(self.run_job(lie + "os._exit(0)", ticks=0), None)
        self.assert_ticks(self.run_job(too_much + "os._exit(0)"), None)

    def test_check(self):
        """Check shows the limit and counts nothing"""
        reply = self.clients[0].check("while True: pass", limits={"ticks": 7})
        self.assertEqual((reply.accepted, reply.limits.ticks), (True, 7))
        profile = self.clients[0].profile("default")
        self.assertEqual([profile.defaults.ticks, profile.maximum.ticks], [0, MAXIMUM])

    def test_pysbctl(self):
        """--ticks and --summary"""
        run = self.daemons[0].call("submit", "--ticks", "10", "--summary", "-c",
                                   "for x in range(5): pass")
        self.assertIn(", 5 ticks", run.stderr)
        run = self.daemons[0].call("eval", "--ticks", "10", "-c", "while True: pass")
        self.assertEqual(run.status, 155)
        self.assertEqual(run.result["error"], "tick limit of 10 reached, raise limits.ticks")
        run = self.daemons[0].call("submit", "--ticks", str(MAXIMUM + 1), "-c", "pass")
        self.assertEqual(run.status, 125)


def add(name, code, ticks, output):
    def test(self):
        for daemon in range(2):
            for profile in ["default"] * RUNS + ["eval", "raw"]:
                result = self.run_job(code, profile=profile, daemon=daemon)
                self.assert_ticks(result, ticks)
                self.assertEqual(result["stdout"]["text"], output)
    test.__doc__ = f"reference: {name}"
    setattr(Ticks, f"test_reference_{name}", test)


if __name__ == "__main__":
    for name, row in REFERENCE.items():
        add(name, *row)
    tap.run(Ticks)

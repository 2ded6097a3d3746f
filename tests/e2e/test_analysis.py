#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The analysis before execution, from outside: what is refused has not run, and nothing that has run can
say that it was refused."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

# Speaks for the analysis, as any program can that finds the descriptor: FINDING, then the exit status.
FORGERY = """
import os, struct
def field(kind, data):
    return struct.pack('<II', len(data), kind) + data
payload = (field(40, b'builtin-denied') + field(41, struct.pack('<I', 2)) + field(42, b'forged') +
           field(43, struct.pack('<I', 1)))
print('ran', flush=True)
os.write(3, struct.pack('<II', len(payload), 4) + payload)
os._exit(126)
"""

# The compiler copies a finally block for each way out: twice as much code at each level.
DOUBLING = "".join(f"{' ' * i}try: pass\n{' ' * i}finally:\n" for i in range(20)) + " " * 20 + "x = [1]"

# (profile, source, options, line, rule) of programs that would print something before what is wrong
REJECTED = {
    "a builtin": ("eval", "print('ran')\neval('1')", (), 2, "builtin-denied"),
    "an attribute": ("eval", "print('ran')\nprint(().__class__)", (), 2, "dunder-access"),
    "a frame": ("eval", "print('ran')\n(x for x in ()).gi_frame", (), 2, "frame-access"),
    "a pattern": ("eval", "print('ran')\nmatch 1:\n  case object(__class__=c): pass", (), 3,
                  "dunder-access"),
    "a format string": ("eval", "print('ran')\n'{0.__class__}'.format(1)", (), 2,
                        "attribute-in-string"),
    "a computed attribute": ("eval", "print('ran')\ngetattr(1, input())", (), 2, "attribute-computed"),
    "a string that is run": ("eval", "import timeit\ntimeit.timeit('print(1)')", (), 2, "builtin-denied"),
    "a module of another one": ("eval", "import codecs\ncodecs.builtins", (), 2, "module-access"),
    "a module of a module": ("eval", "import typing\ntyping.sys.modules['builtins'].eval('1')", (), 2,
                             "builtin-denied"),
    "what a module has for itself": ("eval", "import random\nrandom._os", (), 2, "module-access"),
    "an import": ("eval", "print('ran')\nimport os", (), 2, "import-not-allowed"),
    "an import of nothing": ("eval", "print('ran')\nimport nowhere", (), 2, "import-not-installed"),
    "a narrowed import": ("eval", "print('ran')\nimport math", ("--modules", "json"), 2,
                          "import-not-allowed"),
    "an import in a function": ("default", "print('ran')\ndef f():\n  import ctypes", (), 3,
                                "import-not-allowed"),
    "a module below a package": ("eval", "print('ran')\nimport json.tool", (), 2, "import-not-allowed"),
    "a module from a package": ("eval", "print('ran')\nfrom json import tool", (), 2,
                                "import-not-allowed"),
    "nothing below a package": ("eval", "print('ran')\nimport collections.nosuch", (), 2,
                                "import-not-installed"),
    "a missing package": ("default", "print('ran')\nimport numpy", (), 2, "import-not-installed"),
    "nothing below a package with files": ("default", "print('ran')\nimport json.nosuch", (), 2,
                                           "import-not-installed"),
    "tools of no request": ("default", "print('ran')\nimport tools", (), 2, "import-not-installed"),
    "a tightened level": ("default", "print('ran')\neval('1')", ("--analysis", "strict"), 2,
                          "builtin-denied"),
    "an expression": ("eval", "", ("--expression", "[print('ran'), eval('1')]"), 1, "builtin-denied"),
    "nesting": ("raw", "print('ran')\n" + "(" * 300 + ")" * 300, (), 2, "code-too-complex"),
    "depth": ("raw", "print('ran')\n" + "-" * 20000 + "1", (), None, "code-too-complex"),
    "doubling": ("eval", f"print('ran')\n{DOUBLING}", ("--timeout", "1min"), None,
                 "code-too-complex"),
    "comprehensions": ("eval", "print('ran')\n" + "[" * 25 + "x" + " for x in y]" * 25, (), 2,
                       "code-too-complex"),
}

ACCEPTED = {
    "an optional module": ("eval", "try:\n  import numpy\nexcept ImportError:\n  numpy = None\nprint(numpy)",
                           ["import-not-installed"]),
    "honest code": ("eval", "import re, json\nprint(json.loads('null'))", []),
    "a missing module for another system": (
        "default", "import sys\nif sys.platform == 'win32':\n  import msvcrt\nprint(None)",
        ["import-not-installed"]),
    "a module that the program makes": (
        "default", "with open('/app/made.py', 'w') as f:\n  _ = f.write('x = None')\n"
        "import made\nprint(made.x)", ["import-not-installed"]),
    "modules that are there": (
        "default", "import os.path, json.tool, xml.dom.minidom, concurrent.futures.thread, __main__\n"
        "from unittest import mock\nimport _sandbox, __future__, importlib.metadata, sqlite3, _json\n"
        "print(None)", []),
    "level off": ("raw", "print(eval('None'))", []),
    "level imports": ("default", "import json\nprint(eval('None'), end='\\n')", []),
}


def rules(findings):
    return [finding["rule"] for finding in findings or ()]


class Analysis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(harness.build_tree())

    @classmethod
    def tearDownClass(cls):
        assert cls.daemon.stop() == 0

    def submit(self, code, profile, *options):
        run = self.daemon.submit(code, "-p", profile, *options)
        self.assertIsNotNone(run.result, run)
        return run

    def check_rejected(self, profile, source, options, line, rule):
        if source:
            run = self.submit(source, profile, *options)
        else:
            run = self.daemon.call("submit", "--json", "-p", profile, *options)
        self.assertEqual(run.result["outcome"], "rejected", run)
        self.assertEqual((run.result["exitCode"], run.status), (126, 126), run)
        self.assertEqual(run.result["stdout"]["totalBytes"], 0, run)
        finding = run.result["findings"][0]
        self.assertEqual((finding["rule"], finding["severity"], finding.get("line")),
                         (rule, "refuse", line), run)

    def check_accepted(self, profile, source, expected):
        run = self.submit(source, profile)
        self.assertEqual(run.result["outcome"], "success", run)
        self.assertEqual(run.result["stdout"]["text"], "None\n", run)
        self.assertEqual(rules(run.result.get("findings")), expected, run)

    def test_forgery(self):
        """a program that runs cannot be rejected, whatever it sends"""
        run = self.submit(FORGERY, "raw")
        self.assertEqual(run.result["outcome"], "exit_nonzero", run)
        self.assertEqual(run.result["stdout"]["text"], "ran\n", run)
        self.assertEqual(run.result.get("findings") or [], [], run)

    def test_exit_status(self):
        """the exit status alone is no rejection"""
        run = self.submit("import sys; sys.exit(126)", "default")
        self.assertEqual(run.result["outcome"], "exit_nonzero", run)

    def test_syntax_error(self):
        """a syntax error is an exception of the program"""
        for profile in ("raw", "default", "eval"):
            run = self.submit("import json\nprint((1)", profile)
            self.assertEqual(run.result["outcome"], "exception", run)
            self.assertEqual(run.result["exception"]["type"], "SyntaxError", run)

    def test_level_cannot_be_loosened(self):
        """a request for less than the profile's level is an error"""
        run = self.daemon.submit("eval('1')", "-p", "eval", "--analysis", "imports")
        self.assertIsNone(run.result, run)
        self.assertIn("analysis", run.stderr)

    def test_other_files(self):
        """the other modules of a job are examined, too"""
        with tempfile.TemporaryDirectory(prefix="pysb-e2e.") as directory:
            path = os.path.join(directory, "helper.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write("def f():\n    import ctypes\n")
            run = self.submit("print('ran')\nimport helper", "default", "--file", path)
        self.assertEqual(run.result["outcome"], "rejected", run)
        finding = run.result["findings"][0]
        self.assertEqual((finding["path"], finding["line"]), ("helper.py", 2), run)
        self.assertTrue(finding["message"].startswith("No module named 'ctypes'"), run)
        self.assertTrue(run.result["message"].startswith("helper.py: line 2: "), run)

    def test_check(self):
        """check runs nothing, and says what a run would say"""
        for source, status, expected in (("print('has run')", 0, []), ("print('has run')\nx = (", 126,
                                         ["syntax-error"]), ("eval('1'); ().__class__", 126,
                                         ["builtin-denied", "dunder-access"])):
            run = self.daemon.call("check", "--json", "-p", "eval", "-c", source)
            self.assertEqual(run.status, status, run)
            reply = json.loads(run.stdout)
            self.assertEqual(rules(reply["findings"]), expected, run)
            self.assertEqual(reply["accepted"], status == 0, run)
            self.assertNotIn(b"has run", run.stdout)


def add_cases(kind, cases, check):
    for name, case in cases.items():
        def method(self, case=case):
            getattr(self, check)(*case)
        method.__doc__ = f"{kind}: {name}"
        setattr(Analysis, f"test_{kind}_{name.replace(' ', '_')}", method)


add_cases("rejected", REJECTED, "check_rejected")
add_cases("accepted", ACCEPTED, "check_accepted")

if __name__ == "__main__":
    tap.run(Analysis)

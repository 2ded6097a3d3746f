#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our interface texts: the rules of idl.py, and every stock parser that there is."""

import glob
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import clients
import idl
import tap

TEXTS = sorted(glob.glob(f"{clients.SOURCE}/lib/wire/*.varlink"))
# The other one is varlink's own, as its projects have it
OURS = [path for path in TEXTS if os.path.basename(path).startswith("io.pysb.")]
HEAD = "# C\ninterface a.b\n# C\nmethod M() -> ()\n"

# What breaks one rule each, and a word of the complaint
BAD = [
    ("# C\ninterface a.Bc\n# C\nmethod M() -> ()\n", "lower case"),
    ("# C\ninterface a.b\n# C\ntype T (a: int)\n", "no method"),
    (HEAD + "# C\ntype T (a: [][]int)\n", "container"),
    (HEAD + "# C\ntype T (a: []?int)\n", "container"),
    (HEAD + "# C\ntype T (a: [string][]int)\n", "container"),
    (HEAD + "# C\ntype T (a: [string]?int)\n", "container"),
    (HEAD + "# C\ntype T (a: ())\n", "empty struct"),
    (HEAD + "# C\ntype T (a: [string]())\n", "empty struct"),
    (HEAD + "# C\ntype T (a: (b: U))\n# C\ntype U (a: int)\n", "named type"),
    (HEAD + "# C\nmethod N(a: (b: int)) -> ()\n", "anonymous struct in a method"),
    (HEAD + "# C\nmethod N() -> (a: ?[](b: int))\n", "anonymous struct in a method"),
    (HEAD + "# C\ntype T (a: (one))\n", "one value"),
    (HEAD + "# C\ntype T (one)\n", "one value"),
    (HEAD + "# C\ntype T (one, two: int)\n", "mixes"),
    (HEAD + "# C\ntype T (one, Two)\n", "lower case"),
    (HEAD + "# C\ntype T (A: int)\n", "camel case"),
    (HEAD + "# C\ntype T (a_b: int)\n", "camel case"),
    (HEAD + "# C\ntype T (from: int)\n", "reserved"),
    (HEAD + "# C\nmethod N(type: int) -> ()\n", "reserved"),
    (HEAD + "# C\nmethod M() -> ()\n", "twice"),
    (HEAD + "error M()\n", "twice"),
    (HEAD + "# C\ntype t (a: int)\n", "upper case"),
    (HEAD + "# C\ntype T ()\n", "empty"),
    (HEAD + "#\nmethod N() -> ()\n", "comment"),
    (HEAD + "#no blank\nmethod N() -> ()\n", "comment"),
    (HEAD + "# C\nmethod N() -> () # behind\n", "comment"),
    (HEAD + "\nmethod N() -> ()\n", "no comment"),
    (HEAD + "\ntype N (a: int)\n", "no comment"),
    (HEAD + "# C\ntype T (a: int\n", "expected"),
    (HEAD + "# C\ntype T (a-b)\n", "unexpected"),
]


class Rules(unittest.TestCase):
    def test_texts(self):
        """our interface texts keep the rules of all stock parsers"""
        self.assertTrue(OURS)
        for path in OURS:
            with open(path, encoding="utf-8") as f:
                self.assertEqual(idl.lint(f.read()), [], path)

    def test_the_rules_bite(self):
        """each rule finds the text that breaks it"""
        self.assertEqual(idl.lint(HEAD), [])
        for text, word in BAD:
            problems = idl.lint(text)
            self.assertTrue(any(word in p for p in problems), f"{problems} for {text}")


class Parsers(unittest.TestCase):
    @unittest.skipIf(clients.UNAVAILABLE, clients.UNAVAILABLE)
    def test_varlinkctl(self):
        """varlinkctl validate-idl takes our interface texts"""
        for path in TEXTS:
            finished = clients.varlinkctl("validate-idl", path)
            self.assertEqual(finished.returncode, 0, finished.stderr)

    @unittest.skipIf(clients.UNAVAILABLE, clients.UNAVAILABLE)
    def test_varlinkctl_bites(self):
        """varlinkctl validate-idl refuses a text that is none"""
        with tempfile.NamedTemporaryFile("w", suffix=".varlink") as f:
            f.write(HEAD + "type T (a: [][]int)\n")
            f.flush()
            self.assertNotEqual(clients.varlinkctl("validate-idl", f.name).returncode, 0)

    @unittest.skipIf(clients.UNAVAILABLE, clients.UNAVAILABLE)
    def test_python(self):
        """python-varlink parses our interface texts"""
        code = "import sys, varlink; print(varlink.Interface(open(sys.argv[1]).read()).name)"
        for path in TEXTS:
            finished = clients.python_varlink("-c", code, path)
            self.assertEqual(finished.returncode, 0, finished.stderr)
            self.assertEqual(finished.stdout.strip() + ".varlink", os.path.basename(path))

    @unittest.skipUnless(shutil.which("varlink-go-interface-generator"),
                         "varlink-go is not installed")
    def test_go(self):
        """varlink-go-interface-generator takes our interface texts"""
        for path in TEXTS:
            with tempfile.TemporaryDirectory() as directory:
                copy = shutil.copy(path, directory)
                finished = clients.run(["varlink-go-interface-generator", copy])
                self.assertEqual(finished.returncode, 0, finished.stdout + finished.stderr)
                self.assertEqual(len(os.listdir(directory)), 2)


if __name__ == "__main__":
    tap.run(Rules, Parsers)

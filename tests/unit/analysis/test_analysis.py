#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pure functions of the analysis, on programs as data."""

import ast
import os
import sys
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(1, os.path.join(ROOT, "tests"))
import load
import rules_table
import tap
from accepted import ACCEPTED
from load import analysis, rules
from refused import REFUSED


def examine(source, level=analysis.STRICT, **keywords):
    return analysis.analyse(source, level, "<job>", **keywords)[0]


def show(findings):
    return [f"{f.rule} {f.line}:{f.column} {f.subject}" for f in findings]


class Corpus(unittest.TestCase):
    """A method for each program, made below."""


def add_case(name, method):
    method.__doc__ = name
    setattr(Corpus, f"test_{len(vars(Corpus)):03}", method)


def summary(source):
    return ascii(source.strip())[1:60]


for source, *expected in REFUSED:
    def refused(self, source=source, expected=expected):
        findings = examine(source)
        self.assertCountEqual(show(findings), expected)
        self.assertTrue(analysis.is_refused(findings))
    add_case(f"refused: {summary(source)}", refused)

for source in ACCEPTED:
    def accepted(self, source=source):
        self.assertEqual(show(examine(source)), [])
    add_case(f"accepted: {summary(source)}", accepted)


class Imports(unittest.TestCase):
    LEVEL = analysis.IMPORTS

    def severities(self, source, **keywords):
        return [f.severity for f in examine(source, self.LEVEL, **keywords)]

    def test_guarded(self):
        """an import that the program is ready to miss is a note"""
        for handler in ("except ImportError:", "except ModuleNotFoundError:", "except Exception as e:",
                        "except:", "except (ValueError, ImportError):", "except* ImportError:"):
            source = f"try:\n  import os\n  def f(): import numpy\n{handler}\n  pass"
            with self.subTest(handler):
                self.assertEqual(self.severities(source), [rules.NOTE, rules.NOTE])
        suppressed = "from contextlib import suppress\nwith suppress(ImportError):\n  import os"
        self.assertEqual(self.severities(suppressed), [rules.NOTE])

    def test_type_checking(self):
        """an import for type checkers alone is nothing"""
        self.assertEqual(self.severities("if TYPE_CHECKING:\n  import os\nelse:\n  import os"),
                         [rules.REFUSE])
        self.assertEqual(self.severities("if typing.TYPE_CHECKING: import os"), [])

    def test_own(self):
        """what the job brings along is allowed"""
        source = "import helper.part\nfrom helper import x\nfrom . import y\nimport os"
        self.assertEqual(self.severities(source, own={"helper", "os"}), [rules.REFUSE])

    def test_files(self):
        """the other modules of the job are examined, too"""
        findings = examine("import helper", self.LEVEL, own={"helper"},
                           files=[("helper.py", "'é'; import os"), ("other.py", "import json")])
        self.assertEqual(show(findings), ["import-not-allowed 1:13 os"])
        self.assertEqual(findings[0].path, "helper.py")
        self.assertTrue(findings[0].message.startswith("No module named 'os'"))

    def test_own_members(self):
        """the job's own modules may have what a module of the library keeps for itself"""
        source = "import helper\nfrom helper import _x\nfrom .io import open\nhelper._y, helper.stack()"
        self.assertEqual(show(examine(source, own={"helper", "io"})), [])
        self.assertEqual(show(examine("import random\nrandom._os", own={"random"})),
                         ["module-access 2:1 random._os"])

    def test_calls(self):
        """what the program calls of a module that is refused is named, once, and not more than eight"""
        for source, calls in (
                ("import os\nos.fork(), os.fork(), os.getpid", ("os.fork",)),
                ("import os as o\nf(o.kill(1, 2))", ("os.kill",)),
                ("from os import fork as f, name\nf()", ("os.fork",)),
                ("import os\nx.fork(); fork(); os.path.join(); os[0]()", ()),
                ("try: import os\nexcept ImportError: pass\nos.fork()", ())):
            self.assertEqual(examine(source, self.LEVEL)[0].calls, calls, source)
        many = "import os\n" + "\n".join(f"os.f{i}()" for i in range(9))
        self.assertEqual(len(set(examine(many, self.LEVEL)[0].calls)), 8)

    def test_long_list(self):
        """a list of modules is cut between two names"""
        modules = ", ".join(f"module{i}" for i in range(300))
        with mock.patch.object(load.analysis._policy, "explain", lambda name: (modules, "not-allowed")):
            message = examine("import os", self.LEVEL)[0].message
        self.assertRegex(message, r"^(module\d+, )+…$")
        self.assertLess(len(message.encode()), 2048)

    def test_constant_calls(self):
        """a name in quotes is examined like a statement"""
        self.assertEqual(show(examine("x = [__import__('os')]\ny.import_module('numpy')\n"
                                      "import_module('.os', 'x')", self.LEVEL)),
                         ["import-not-allowed 1:6 os", "import-not-installed 2:1 numpy"])

    def test_level_imports(self):
        """the level imports knows no other rule"""
        source = "import json\neval(x.__class__)\ngetattr(x, y)\n'{0.__class__}'"
        self.assertEqual(show(examine(source, self.LEVEL)), [])

    def test_no_need_to_parse(self):
        """without an import that cannot work there is no tree"""
        self.assertEqual(analysis.analyse("print(1)", self.LEVEL, "x")[:2], ([], None))
        self.assertEqual(analysis.analyse("import os", analysis.OFF, "x")[:2], ([], None))
        findings, tree, codes = analysis.analyse("import json\nimport re", self.LEVEL, "x")
        self.assertEqual((findings, tree, len(codes)), ([], None, 2))
        self.assertIsInstance(analysis.analyse("import os", self.LEVEL, "x")[1], ast.Module)


class Limits(unittest.TestCase):
    def test_twenty(self):
        """at most 20, the first of the source"""
        findings = examine("\n".join(["eval"] * 30))
        self.assertEqual([f.line for f in findings], list(range(1, 21)))

    def test_first_of_many(self):
        """however many there are, the first of the source, whatever the rule"""
        first = list(range(1, 21))
        for source in ("import os\n" * 3000, "import os\n" + "eval('1')\n" * 2500,
                       "x.__globals__\n" * 2500, "eval('1'); x.__globals__\n" * 2500):
            for files in ((), [("a.py", "eval\n" * 30)]):
                with self.subTest(source[:30], files=bool(files)):
                    findings = examine(source, files=files)
                    self.assertEqual(len(findings), 20)
                    lines = [f.line for f in findings]
                    self.assertEqual(lines, sorted(first * 2)[:20] if ";" in source else first)
        notes = "try:\n" + "  import os\n" * 3000 + "except ImportError: pass\n" + "import os\n" * 3000
        self.assertEqual([f.line for f in examine(notes)], list(range(3003, 3023)))

    def test_refusal_is_never_lost(self):
        """notes give way to a refusal"""
        source = "try:\n" + "  import os\n" * 30 + "except ImportError: pass\nimport os"
        findings = examine(source, analysis.IMPORTS)
        self.assertEqual([f.severity for f in findings], [rules.NOTE] * 19 + [rules.REFUSE])

    def test_room_for_the_compiler(self):
        """after notes alone there is room for one more"""
        source = "try:\n" + "  import os\n" * 30 + "except ImportError: pass"
        self.assertEqual(len(examine(source, analysis.IMPORTS)), 19)

    def test_too_complex(self):
        """what is too much for the parser is a finding, at every level"""
        for source in ("import x\n" + "-" * 100000 + "1", "import x\n" + "a" + ".b" * 100000,
                       "import x\n" + "(" * 300 + ")" * 300, "import x\nx" + "+x" * 20000):
            for level in (analysis.IMPORTS, analysis.STRICT):
                with self.subTest(source[:20], level=level):
                    self.assertEqual([f.rule for f in examine(source, level)], ["code-too-complex"])

    def test_nesting(self):
        """blocks count where comprehensions nest: the compiler of 3.13 would crash"""
        for block, count in (("with a:", 16), ("try: pass\n{0}except E:", 8), ("async for a in b:", 16)):
            lines = [" " * i + block.format(" " * i) for i in range(count)]
            source = "async def f():\n" + "\n".join(f" {line}" for line in "\n".join(lines).split("\n"))
            with self.subTest(block):
                for body, refused in (("pass", False), ("[x for x in y]", True)):
                    program = f"{source}\n{' ' * (count + 1)}{body}"
                    self.assertEqual(bool(examine(program, analysis.IMPORTS)), refused)

    def test_failure_of_the_compiler(self):
        """the errors of compile() that mean the same"""
        for source in ("-" * 100000 + "1", "(" * 300 + ")" * 300,
                       "\n".join(" " * i + "while 1:" for i in range(30)) + "\n" + " " * 30 + "pass"):
            with self.subTest(source[:20]):
                with self.assertRaises((SyntaxError, MemoryError, RecursionError)) as caught:
                    compile(source, "x", "exec")
                finding = analysis.describe_failure(caught.exception)
                self.assertEqual(finding.rule, "code-too-complex")
        self.assertIsNone(analysis.describe_failure(SyntaxError("invalid syntax")))

    def test_syntax_error_is_left_to_the_compiler(self):
        """a syntax error is no finding before a run"""
        self.assertEqual(analysis.analyse("import (", analysis.STRICT, "x"), ([], None, None))
        self.assertEqual(analysis.analyse("import x\0", analysis.STRICT, "x"), ([], None, None))

    def test_tree_compiles(self):
        """the tree is the program"""
        tree = analysis.analyse("x = [i for i in range(3)]", analysis.STRICT, "x")[1]
        namespace = {}
        exec(compile(tree, "x", "exec"), namespace)
        self.assertEqual(namespace["x"], [0, 1, 2])

    def test_modes(self):
        """an expression is examined, too"""
        self.assertEqual(show(examine("eval('1')", mode="eval")), ["builtin-denied 1:1 eval"])

    def test_line_ends(self):
        """columns are found behind every line end that the compiler knows, and no other"""
        self.assertEqual(show(examine("x = '\x0c\x1c\u2028'\r'é'; eval\r\n'é'; eval\n")),
                         ["builtin-denied 2:6 eval", "builtin-denied 3:6 eval"])


class Reports(unittest.TestCase):
    def test_frames(self):
        """each finding is a frame"""
        load.SENT.clear()
        self.assertTrue(analysis.report(examine("é; eval")))
        kind, fields = load.SENT.pop()
        self.assertEqual(kind, 4)
        self.assertEqual((fields[40], fields[41], fields[43], fields[44], fields[45]),
                         (b"builtin-denied", b"\2\0\0\0", b"\1\0\0\0", b"\4\0\0\0", b"eval"))
        self.assertNotIn(46, fields)
        analysis.report(examine("", files=[("a/b.py", "eval")]))
        self.assertEqual(load.SENT.pop()[1][46], b"a/b.py")

    def test_not_refused(self):
        """notes do not refuse"""
        load.SENT.clear()
        self.assertFalse(analysis.report(examine("try: import os\nexcept ImportError: pass")))
        self.assertEqual(len(load.SENT), 1)

    def test_messages(self):
        """every message is one sentence that fits the frame, of a rule that is in the table"""
        for source, *_ in REFUSED:
            for finding in examine(source):
                self.assertIn(finding.rule, rules.RULES)
                self.assertLessEqual(len(finding.message.encode()), 2048)
                self.assertNotIn("\n", finding.message)


class Documentation(unittest.TestCase):
    def test_table(self):
        """docs/PYTHON_CAPABILITIES.md has the table that rules_table.py prints"""
        with open(os.path.join(ROOT, "docs/PYTHON_CAPABILITIES.md"), encoding="utf-8") as file:
            self.assertIn("\n" + rules_table.render() + "\n", file.read())


if __name__ == "__main__":
    tap.run(Corpus, Imports, Limits, Reports, Documentation)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program compiled without its tree is the same as one with it: code, positions, value, findings."""

import ast
import contextlib
import dis
import io
import os
import sys
import types
import unittest
import warnings

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[1:1] = [f"{ROOT}/tests", f"{ROOT}/tests/e2e"]
import snippets
import tap
from accepted import ACCEPTED
from load import analysis, pieces
from pieces_table import SAME, UNSURE
from refused import REFUSED

PROGRAMS = [*SAME, *UNSURE, *ACCEPTED, *(source for source, *_ in REFUSED),
            *(snippet.code for snippet in snippets.read())]


def with_tree(source):
    def compile_tree(tree, mode):
        return compile(tree, "<job>", mode, pieces.TOP_LEVEL_AWAIT, True, 0)
    flags = ast.PyCF_ONLY_AST | pieces.TOP_LEVEL_AWAIT
    return pieces.split_tree(compile(source, "<job>", "exec", flags, True), compile_tree)


def describe(code):
    """All there is to a code object, and to those in it."""
    return (code.co_name, code.co_qualname, code.co_code, code.co_names, code.co_varnames,
            code.co_flags, list(code.co_positions()), code.co_exceptiontable,
            [describe(value) if isinstance(value, types.CodeType) else repr(value)
             for value in code.co_consts])


def behave(codes):
    """What running it leaves behind, a text for each name, and its value."""
    namespace = {"__name__": "__main__"}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            values = [eval(code, namespace) for code in codes]
    except BaseException as error:
        line = error.__traceback__.tb_next and error.__traceback__.tb_next.tb_lineno
        values = [(repr(error), line)]
    value = values[-1] if values else None
    del namespace["__builtins__"]
    # Values as trees would have them; functions by their code, not by their address
    return repr(getattr(value, "__code__", value)).partition(" at 0x")[0], sorted(namespace)


def show_pieces(codes):
    """Without the pieces that do nothing: an empty head, an empty body in front of the value."""
    return [describe(code) for code in codes if code.co_names or len(code.co_code) > 8 or
            code.co_consts != (None,)]


def find_lines(codes):
    """Those of all instructions that do something."""
    return {(i.opname.replace("GLOBAL", "NAME"), i.argrepr, i.positions.lineno) for code in codes
            for i in dis.get_instructions(code) if i.opname.startswith(("STORE", "IMPORT", "CALL"))}


def outcome(compile_it, source):
    """-> (code objects or None, what went wrong, warnings)"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            codes, error = compile_it(source), None
        except (SyntaxError, ValueError) as caught_error:
            codes, error = None, (repr(caught_error), getattr(caught_error, "end_offset", None))
    return codes, error, [(str(w.message), w.lineno) for w in caught]


class Pieces(unittest.TestCase):
    def compare(self, source):
        if analysis.needs_tree(source):
            return False  # it might crash the compiler
        fast, _, said = outcome(lambda text: pieces.try_compile(text, "<job>", "exec"), source)
        slow, error, warned = outcome(with_tree, source)
        self.assertEqual(said, [], "warnings are for the tree to give")
        if fast is None:
            return False
        self.assertIsNone(error)
        self.assertEqual(warned, [])
        if show_pieces(fast) != show_pieces(slow):
            # The last statement apart from those above it: one more piece, the same instructions
            self.assertEqual(find_lines(fast), find_lines(slow))
        return True


def add_case(program, wanted):
    def test(self):
        is_fast = self.compare(program)
        if wanted is not None:
            self.assertEqual(is_fast, wanted)
    test.__doc__ = f"{len(vars(Pieces))}: {ascii(program.strip())[1:60]}"
    setattr(Pieces, f"test_{len(vars(Pieces)):03}", test)


for program in PROGRAMS:
    add_case(program, True if program in SAME else False if program in UNSURE else None)


class Behaviour(unittest.TestCase):
    def test_values(self):
        """the same value, the same names, the same line of an error"""
        for program in SAME:
            fast = pieces.try_compile(program, "<job>", "exec")
            if not any(code.co_flags & 0x80 for code in fast):  # a coroutine is driven elsewhere
                self.assertEqual(behave(fast), behave(with_tree(program)), program)

    def test_findings(self):
        """the level imports finds the same with and without a tree"""
        for program in PROGRAMS:
            findings = analysis.analyse(program, analysis.IMPORTS, "<job>")[0]
            tree = outcome(ast.parse, program)[0]
            if tree is not None:
                wanted = analysis.collect(program, analysis.IMPORTS, tree, ())
                self.assertEqual(findings, analysis.choose(wanted), program)

    def test_extended(self):
        """a module whose number needs more than a byte, or two"""
        for count in (300, 70000):
            names = "\n".join(f"n{i}" for i in range(count))
            codes = pieces.try_compile(f"{names}\nimport os, json\n", "x", "exec")
            head = [compile(f"{names}\nimport late.part, n7", "x", "exec")]
            self.assertEqual(list(pieces.find_imports(codes)), ["os", "json"])
            self.assertEqual(list(pieces.find_imports(head)), ["late.part", "n7"])

    def test_nesting(self):
        """what may nest too deeply is not compiled before its tree has been seen"""
        deep = "x = " + "[" * 17 + "a" + " for a in b]" * 17
        loops = "for a in b:\n    print(a)\n" * 20
        self.assertTrue(analysis.needs_tree(deep))
        self.assertTrue(analysis.needs_tree(f"import x\n{loops}{deep}\n{loops}"))
        self.assertFalse(analysis.needs_tree(loops))


if __name__ == "__main__":
    tap.run(Pieces, Behaviour)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ticks that are written into a program: how many there are, and that nothing else is different."""

import ast
import contextlib
import importlib.abc
import io
import linecache
import os
import re
import sys
import traceback
import types
import unittest
import warnings

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[1:1] = [f"{ROOT}/tests", f"{ROOT}/tests/unit/analysis"]
import tap
from accepted import ACCEPTED
from load import load, stand_in
from ticks_table import COUNTS, SAME, TRACED

MARK = (frozenset(),)

# Of the programs of the analysis, those that are not the same each time.
VARYING = re.compile("perf_counter|logging|random")
stand_in("_tick_counter", MARK=MARK, bind=None, start=None)
ticks = load("ticks")


class Counter:
    """What tick-counter.c has."""

    def __init__(self):
        self.count = 0

    def __invert__(self):
        self.count += 1
        return False


def replace_mark(code, counter):
    """What bind() does in place."""
    def replace(value):
        if isinstance(value, types.CodeType):
            return replace_mark(value, counter)
        return counter if value == MARK else value
    return code.replace(co_consts=tuple(map(replace, code.co_consts)))


def build(source, counter=None):
    if counter is None:
        return compile(source, "<job>", "exec", dont_inherit=True, optimize=0)
    tree = compile(source, "<job>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    ticks.write(tree)
    return replace_mark(compile(tree, "<job>", "exec", dont_inherit=True, optimize=0), counter)


def show_error(error):
    text = "".join(traceback.format_exception(error))
    # The frame of this file, whose counter is no C
    return re.sub(r"  File \"[^\"]*test_ticks.py\".*\n(    .*\n)*", "", text)


def behave(source, counter=None):
    """All that it shows."""
    linecache.cache["<job>"] = (len(source), None, source.splitlines(True), "<job>")
    out, namespace = io.StringIO(), {"__name__": "__main__"}
    error = None
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
        warnings.simplefilter("always")
        try:
            exec(build(source, counter), namespace)
        except BaseException as failure:
            error = show_error(failure)
        result = {name: re.sub(" at 0x[0-9a-f]+", "", repr(value)) for name, value in namespace.items()
                  if name not in ("__builtins__", "__annotations__")}
    return out.getvalue(), error, result, [(str(w.message), w.lineno) for w in caught]


def trace(source, counter=None):
    """The lines that a debugger stops at."""
    seen = []

    def tracer(frame, event, _):
        if frame.f_code.co_filename != "<job>":
            return None
        seen.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer
    code = build(source, counter)
    sys.settrace(tracer)
    try:
        exec(code, {})
    finally:
        sys.settrace(None)
    return seen


class Loader(importlib.abc.SourceLoader):
    """Of one file, which is nowhere."""

    def __init__(self, path, source):
        self.path, self.source = path, source

    def get_filename(self, fullname):
        return self.path

    def get_data(self, path):
        if path != self.path:
            raise FileNotFoundError(path)
        return self.source


class Ticks(unittest.TestCase):
    maxDiff = None

    def test_docstring_of_a_module(self):
        """nothing comes before a docstring and an import from __future__"""
        tree = ast.parse("'doc'\nfrom __future__ import annotations\nwhile 0: pass")
        ticks.write(tree)
        self.assertEqual(ast.get_docstring(tree), "doc")
        self.assertIsInstance(tree.body[1], ast.ImportFrom)

    def test_expression(self):
        """the tree of an expression"""
        counter = Counter()
        tree = ast.parse("[(lambda: x)() for x in range(3)]", mode="eval")
        ticks.write(tree)
        self.assertEqual(eval(replace_mark(compile(tree, "<job>", "eval"), counter)), [0, 1, 2])
        self.assertEqual(counter.count, 6)

    def test_no_source_has_the_mark(self):
        """constants of a program that look alike are left alone"""
        source = ("x = ((), frozenset(), (frozenset(),)), 1 in {1}, 1 in {()}, [i for i in {1}], "
                  "(1 in {1},)")
        self.assertEqual(build(source).co_consts, replace_mark(build(source), None).co_consts)

    def test_places(self):
        """the instructions of the program have the places that they had"""
        for source in [*SAME, *(source for source, _ in COUNTS.values())]:
            with warnings.catch_warnings(), contextlib.suppress(SyntaxError):
                warnings.simplefilter("ignore")
                codes = [build(source)], [build(source, Counter())]
                lines = [{line for code in self.walk(codes) for _, _, line in code.co_lines()
                          if line is not None} for codes in codes]
                self.assertLessEqual(lines[0], lines[1] | lines[0])
                self.assertEqual(max(lines[0], default=0), max(lines[1], default=0), source)

    def walk(self, codes):
        for code in codes:
            yield code
            yield from self.walk(v for v in code.co_consts if isinstance(v, types.CodeType))

    def test_importer(self):
        """the method of importlib: modules in /app are counted, others are not, errors are the same"""
        codes = []
        ticks._tick_counter.bind = codes.append
        self.assertNotIn("ticks", ticks.get_code.__code__.co_filename)
        source = b"# coding: latin-1\nx = '\xe4'\ndef f():\n    for y in z: pass"
        for path, n in ("/app/m.py", 1), ("/tmp/m.py", 0):
            codes.clear()
            code = ticks.get_code(Loader(path, source), "m")
            self.assertEqual(codes, [code, code.co_consts[1]] if n else [])
            self.assertEqual(code.co_consts[0], "ä")
            self.assertEqual(code.co_consts[1].co_consts.count(MARK), n)
        for bad in b"x = (", b"return", b"\0", b"# coding: latin-2\nx = '\xff", b"\xff":
            errors = []
            for path in "/app/m.py", "/tmp/m.py":
                with self.assertRaises((SyntaxError, ValueError)) as caught:
                    ticks.get_code(Loader(path, bad), "m")
                errors.append(str(caught.exception).replace("/tmp", "/app"))
            self.assertEqual(*errors)


def add(name, method):
    method.__doc__ = name
    setattr(Ticks, f"test_{name}", method)


def add_count(name, source, count):
    def test(self):
        counter = Counter()
        _, error, _, _ = behave(source, counter)
        self.assertIsNone(error)
        self.assertEqual(counter.count, count)
        self.assertEqual(behave(source, Counter()), behave(source))
    add(f"counts: {name}", test)


def add_same(number, source):
    def test(self):
        self.assertEqual(behave(source, Counter()), behave(source))
    add(f"the same, {number}: {source.splitlines()[0]}", test)


def add_trace(number, source):
    def test(self):
        plain = trace(source)
        self.assertGreater(len(plain), 3)
        self.assertEqual(trace(source, Counter()), plain)
    add(f"traced, {number}: {source.splitlines()[0]}", test)


if __name__ == "__main__":
    for name, (source, count) in COUNTS.items():
        add_count(name, source, count)
    programs = [*SAME, *(source for source in ACCEPTED if not VARYING.search(source))]
    for number, source in enumerate(programs):
        add_same(number, source)
    for number, source in enumerate(TRACED):
        add_trace(number, source)
    tap.run(Ticks)

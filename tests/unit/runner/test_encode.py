#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values as JSON, by a table, in a plain interpreter: encode.py needs nothing of the sandbox."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import importlib
import json
import os
import pathlib
import sys
import threading
import types
import typing
import unittest
import uuid
import warnings

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[1:1] = [f"{ROOT}/tests", f"{ROOT}/daemon/runner/python"]
import encode
import encode_table
import tap

Point = collections.namedtuple("Point", "x y")
Color = enum.Enum("Color", "RED GREEN")


@dataclasses.dataclass
class Person:
    name: str
    friends: object


@dataclasses.dataclass
class Special:
    a: typing.ClassVar = object()
    b: dataclasses.InitVar[int]
    c: int = 3


@dataclasses.dataclass
class Broken:
    missing: int = dataclasses.field(init=False)


class Twice(dict):
    def items(self):
        return [("q", 1), ("q", 2)]


class Text(str):
    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


class Greedy(dict):
    def items(self):
        raise MemoryError


def loop(value):
    value.append(value)
    return value


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def chain(depth):
    value = None
    for _ in range(depth):
        value = Person("x", value)
    return value


def evaluate(expression):
    names = {name: sys.modules[name] for name in ("numpy", "pandas") if name in sys.modules}
    return eval(expression, globals() | names)


def load(module):
    try:
        importlib.import_module(module)
    except ImportError:
        raise unittest.SkipTest(f"python3-{module} is missing") from None


class Encode(unittest.TestCase):
    def test_depth(self):
        """100 levels are fine, as lists and as objects; brackets in texts do not count"""
        self.assertEqual(encode.encode(nested(100)), b"[" * 100 + b"1" + b"]" * 100)
        self.assertEqual(encode.encode(chain(100)).count(b"{"), 100)
        text = "[" * 200 + '\\"' * 50
        self.assertEqual(json.loads(encode.encode([[text]] * 60)), [[text]] * 60)

    def test_long_integer(self):
        """an integer of any length, and the limit of the interpreter stays"""
        limit = sys.get_int_max_str_digits()
        self.assertEqual(encode.encode([10**5000]), b"[1" + b"0" * 5000 + b"]")
        self.assertEqual(sys.get_int_max_str_digits(), limit)

    def test_too_large(self):
        """a limit is exact, and an integer beyond it is not even written out"""
        self.assertEqual(encode.encode("ä", 4), '"ä"'.encode())
        for value in ("ää", 1 << 10**7, [10**5000]):
            with self.assertRaises(encode.ResultTooLarge):
                encode.encode(value, 4)

    def test_no_memory(self):
        """what is too long is not even copied; what does not fit into memory is too large"""
        for value in ("x" * 5, b"x" * 5, bytearray(5)):
            with self.assertRaisesRegex(encode.ResultTooLarge, "at least 7 bytes"):
                encode.encode(value, 4)
        with self.assertRaises(encode.ResultTooLarge):
            encode.encode([Greedy(a=1)])

    def test_names(self):
        """the errors are those of _sandbox, and caught as what they are"""
        self.assertEqual(encode.name_class(encode.ResultTooLarge), "_sandbox.ResultTooLarge")
        self.assertTrue(issubclass(encode.ResultTooLarge, ValueError))
        self.assertTrue(issubclass(encode.ResultNotEncodable, TypeError))

    def test_array_too_large(self):
        """an array has at most 100000 elements"""
        load("numpy")
        import numpy
        self.assertEqual(len(json.loads(encode.encode(numpy.zeros(100_000)))), 100_000)
        with self.assertRaises(encode.ResultTooLarge):
            encode.encode([numpy.zeros(100_001)])

    def test_dataframe_rows(self):
        """1000 rows of a table, and how many there are"""
        load("pandas")
        import pandas
        table = json.loads(encode.encode(pandas.DataFrame({"a": range(5000)})))["$dataframe"]
        self.assertEqual((len(table["data"]), len(table["index"]), table["rows"]), (1000, 1000, 5000))

    def test_long_key(self):
        """a key that is an integer of any length, and one that no limit would take"""
        self.assertEqual(encode.encode({10**5000: [1]}), b'{"1' + b"0" * 5000 + b'": [1]}')
        with self.assertRaises(encode.ResultTooLarge):
            encode.encode({1 << 10**7: 1}, 4)


def add(name, test):
    test.__doc__ = name
    setattr(Encode, "test_" + name, test)


def add_value(expression, text, module=None):
    def test(self):
        if module:
            load(module)
        value = evaluate(expression)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            data = encode.encode(value)
        self.assertEqual(data.decode(), text)
        json.loads(data, parse_constant=self.fail)
    add(f"{expression} is {text}", test)


def add_refused(expression, message):
    def test(self):
        with self.assertRaises(encode.ResultNotEncodable) as caught:
            encode.encode(evaluate(expression))
        self.assertEqual(str(caught.exception), message)
    add(f"{expression} is refused", test)


if __name__ == "__main__":
    for row in encode_table.VALUES:
        add_value(*row)
    for row in encode_table.REFUSED:
        add_refused(*row)
    tap.run(Encode)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.data: groups, filters, orders, pieces."""

import collections
import itertools
import random
import unittest

from load import tap
from sandbox_utils import chunk, filter_by, group_by, map_items, sort_by, unique

ROWS = [{"city": "Köln", "year": 2020, "n": 2}, {"city": "Bonn", "year": 2021, "n": 1},
        {"city": "Köln", "year": 2021, "n": 1}, {"city": "Köln", "year": 2020, "n": 3}]


class Group(unittest.TestCase):
    def test_function(self):
        """by a function; keys and items as they come"""
        self.assertEqual(list(group_by(["bb", "a", "cc", "d"], len).items()),
                         [(2, ["bb", "cc"]), (1, ["a", "d"])])

    def test_fields(self):
        """by the name of a field, by a tuple of names, by a tuple of one"""
        groups = group_by(ROWS, "city")
        self.assertEqual(list(groups), ["Köln", "Bonn"])
        self.assertEqual(groups["Köln"], [ROWS[0], ROWS[2], ROWS[3]])
        self.assertEqual({k: len(v) for k, v in group_by(ROWS, ("city", "year")).items()},
                         {("Köln", 2020): 2, ("Bonn", 2021): 1, ("Köln", 2021): 1})
        self.assertEqual(list(group_by(ROWS, ("city",))), [("Köln",), ("Bonn",)])

    def test_empty_and_generator(self):
        """nothing gives nothing; a generator is read once"""
        self.assertEqual(group_by([], "city"), {})
        self.assertEqual(group_by((n for n in range(5)), lambda n: n % 2), {0: [0, 2, 4], 1: [1, 3]})

    def test_large(self):
        """200,000 items"""
        groups = group_by(range(200_000), lambda n: n % 1000)
        self.assertEqual([len(v) for v in groups.values()], [200] * 1000)

    def test_errors(self):
        """a field that is missing, a key without a hash, no key at all"""
        with self.assertRaisesRegex(KeyError, "town"):
            group_by(ROWS, "town")
        with self.assertRaisesRegex(TypeError, "unhashable"):
            group_by([1], lambda n: [n])
        for key in (None, 1, (), ("a", 1), ["a"]):
            with self.assertRaisesRegex(TypeError, "^key_func must be a function, the name of a field or"):
                group_by(ROWS, key)


class FilterAndMap(unittest.TestCase):
    def test_filter(self):
        """what the predicate says yes to, in order; any true value is a yes"""
        self.assertEqual(filter_by(iter([0, 3, "", "x"]), lambda value: value), [3, "x"])
        self.assertEqual(filter_by(ROWS, lambda row: row["n"] > 1), [ROWS[0], ROWS[3]])
        self.assertEqual(filter_by([], bool), [])
        self.assertEqual(len(filter_by(range(200_000), lambda n: n % 2)), 100_000)

    def test_map(self):
        """each transformed, in order"""
        self.assertEqual(map_items(["ä", "straße\r\n"], str.upper), ["Ä", "STRASSE\r\n"])
        self.assertEqual(map_items(iter(()), str), [])
        self.assertEqual(sum(map_items(range(200_000), lambda n: 1)), 200_000)

    def test_errors(self):
        """what is no function is named, also where there are no items"""
        with self.assertRaisesRegex(TypeError, "^predicate must be a function, not 'n'"):
            filter_by([], "n")
        with self.assertRaisesRegex(TypeError, "^transform must be a function, not None"):
            map_items([], None)
        with self.assertRaises(ZeroDivisionError):
            map_items([0], lambda n: 1 / n)


class Sort(unittest.TestCase):
    def test_stable(self):
        """equal keys keep their order, in reverse, too"""
        self.assertEqual([row["n"] for row in sort_by(ROWS, "city")], [1, 2, 1, 3])
        self.assertEqual([row["n"] for row in sort_by(ROWS, "city", reverse=True)], [2, 1, 3, 1])
        self.assertEqual([row["n"] for row in sort_by(ROWS, ("city", "year"), True)], [1, 2, 3, 1])
        self.assertEqual(sort_by(iter("hello"), lambda c: c), list("ehllo"))

    def test_copy(self):
        """the list given is left as it is"""
        items = [2, 1]
        self.assertEqual((sort_by(items, lambda n: n), items), ([1, 2], [2, 1]))
        self.assertEqual(sort_by([], "x"), [])
        self.assertEqual(sort_by(range(200_000), lambda n: -n)[0], 199_999)

    def test_errors(self):
        """keys that do not compare"""
        with self.assertRaises(TypeError):
            sort_by([1, None], lambda n: n)
        with self.assertRaisesRegex(TypeError, "^key_func must be"):
            sort_by([1], None)


class Unique(unittest.TestCase):
    def test_first_counts(self):
        """the first of equal items, in order"""
        self.assertEqual(unique(iter([3, 1, 3, 2, 1])), [3, 1, 2])
        self.assertEqual([row["n"] for row in unique(ROWS, "city")], [2, 1])
        self.assertEqual(unique(["a", "A", "b"], key=str.lower), ["a", "b"])
        self.assertEqual(unique([]), [])
        self.assertEqual(unique(["e\u0301", "é", "é\r", "é"]), ["e\u0301", "é", "é\r"])

    def test_without_hash(self):
        """lists, dicts and sets, and what is in them"""
        self.assertEqual(unique([[1], [2], [1], [1, [2]], [1, [2]]]), [[1], [2], [1, [2]]])
        self.assertEqual(unique([{"a": 1, "b": [1]}, {"b": [1], "a": 1}, {"a": 1}]),
                         [{"a": 1, "b": [1]}, {"a": 1}])
        self.assertEqual(unique(ROWS + ROWS), ROWS)

    def test_is_equality(self):
        """the result is that of comparing all with all by ==, for mixtures of everything"""
        ordered = collections.OrderedDict
        atoms = [1, 1.0, True, 0, None, "a", b"a", bytearray(b"a"), (), [], {}, set(), frozenset(), (1,), [1],
                 {1}, frozenset([1]), {1: 1}, ordered({1: 1}), collections.deque([1]), (1, [2]), (1, {2}),
                 (1, frozenset([2])), {"a": {1}}, {"a": frozenset([1])}, ordered(a={1}), [[1]], [(1,)], range(1),
                 memoryview(b"a"), {"x": bytearray(b"a")}, {"x": b"a"}, [{}], [[]], [ordered()]]
        for seed in range(200):
            items = random.Random(seed).choices(atoms, k=40)
            kept = []
            for item in items:
                if item not in kept:
                    kept.append(item)
            found = unique(items)
            self.assertEqual([id(a) for a in found], [id(a) for a in kept], seed)

    def test_many_without_hash(self):
        """100,000 rows are compared by hash, not with each other"""
        class Counted(str):
            compared = 0
            __hash__ = str.__hash__

            def __eq__(self, other):
                Counted.compared += 1
                return str.__eq__(self, other)
        rows = [{"x": Counted(n % 10_000), "y": [n % 10_000]} for n in range(100_000)]
        self.assertEqual(len(unique(rows)), 10_000)
        self.assertLess(Counted.compared, 1_000_000)

    def test_errors(self):
        """a key that is none"""
        with self.assertRaisesRegex(TypeError, "^key must be a function"):
            unique([1], key=1)


class Chunk(unittest.TestCase):
    def test_pieces(self):
        """lists of one size, the last one shorter"""
        self.assertEqual(list(chunk("abcde", 2)), [["a", "b"], ["c", "d"], ["e"]])
        self.assertEqual(list(chunk([1, 2], 2)), [[1, 2]])
        self.assertEqual(list(chunk([], 3)), [])
        self.assertEqual(list(chunk([1], 10 ** 30)), [[1]])

    def test_lazy(self):
        """endless items; no more is read than is given"""
        numbers = itertools.count()
        pieces = chunk(numbers, 3)
        self.assertEqual((next(pieces), next(numbers)), ([0, 1, 2], 3))
        self.assertEqual(sum(map(len, chunk(range(200_000), 7))), 200_000)

    def test_errors(self):
        """a bad size is an error at the call, not at the first piece"""
        for size in (0, -1):
            with self.assertRaisesRegex(ValueError, "^size must be at least 1, not"):
                chunk([1], size)
        for size in ("2", 2.0, None, True):
            with self.assertRaisesRegex(TypeError, "^size must be an int, not"):
                chunk([1], size)
        with self.assertRaises(TypeError):
            chunk(1, 1)


if __name__ == "__main__":
    tap.run(Group, FilterAndMap, Sort, Unique, Chunk)

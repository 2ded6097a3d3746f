#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""That each benchmark runs and finds something; what it finds is judged on a quiet machine, by `./dev bench`."""

import contextlib
import io
import json
import os
import sys
import unittest
from xml.etree import ElementTree

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import bench
import host
import record
import tap
from frame import Figure, Missing


class Rows(unittest.TestCase):
    """A case for each row, made below."""


def case(name):
    def test(self):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            found = bench.measure([name], is_quick=True)
        self.assertTrue(found)
        for one in found:
            self.assertIn(one.name, printed.getvalue())
            self.assertTrue(one.value > 0 if isinstance(one, Figure) else one.reason, one)
        json.dumps(record.document(host.facts(), found))
    test.__doc__ = f"the row {name} runs"
    return test


for row in bench.ROWS:
    setattr(Rows, f"test_{row}", case(row))


class Judging(unittest.TestCase):
    def test_targets(self):
        """a target is about the ratio, where there is one, and judged in the right direction"""
        self.assertTrue(Figure("a", 9, "ms", 0.5, "b", at_most=0.5).is_met())
        self.assertFalse(Figure("a", 0.1, "ms", 0.51, "b", at_most=0.5).is_met())
        self.assertFalse(Figure("a", 9, "/s", 0.7, "b", at_least=0.8).is_met())
        self.assertTrue(Figure("a", 1, "MiB", at_most=1).is_met())
        self.assertIsNone(Figure("a", 1, "ms", 2, "b").is_met())

    def test_record(self):
        """table and chart have every figure, and what is missing has its reason"""
        found = [Figure("submit, p50", 0.6, "ms", 0.08, "b", at_most=0.08, in_chart=True),
                 Figure("other <x>", 60, "ms", 8, "b", in_chart=True), Missing("third", "is not installed")]
        table = "\n".join(record.table(host.facts(), found))
        for text in ("| submit, p50 | 0.6 ms | 0.08 × | b | ≤ 0.08 | met |", "third, is not installed"):
            self.assertIn(text, table)
        drawing = ElementTree.fromstring("\n".join(record.chart(found)))
        self.assertIn("other <x>", "".join(drawing.itertext()))


if __name__ == "__main__":
    tap.run(Judging, Rows)

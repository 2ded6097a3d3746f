#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/SANDBOX.md says what the plans and the tests say."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import map as tables
import tap


class Map(unittest.TestCase):
    def test_complete(self):
        """each step has its layer, each requirement its sentence and a test"""
        self.assertEqual(list(tables.problems()), [])

    def test_current(self):
        """the tables are those that `tests/attacks/map.py --update` writes"""
        with open(tables.DOCUMENT, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(text, tables.document(text))

    def test_identifiers(self):
        """no two attacks have one identifier"""
        names = [a.identifier for group in tables.GROUPS for a in group.ATTACKS]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    tap.run(Map)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""That a job costs no more system calls, messages and waits than its budget, which is a table of docs/PERFORMANCE.md:
counts, which are the same on a busy machine."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import counts
import harness
import tap

REASON = "sanitizers make calls of their own" if harness.SANITIZED else ""


@unittest.skipIf(REASON, REASON)
class Budget(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.budgets = counts.budgets()
        cls.found, cls.calls = counts.measure()

    def test_table(self):
        """each process has a budget"""
        self.assertEqual(set(self.budgets), set(self.found))


def case(kind):
    def test(self):
        for column, budget in self.budgets[kind].items():
            with self.subTest(column):
                self.assertLessEqual(self.found[kind][column], budget, f"{column} of {kind}: {self.calls[kind]}")
        self.assertGreater(self.found[kind]["calls"], 0)
    test.__doc__ = f"{kind} keeps its budget"
    return test


for process in counts.traced.KINDS:
    setattr(Budget, f"test_{process}", case(process))


if __name__ == "__main__":
    tap.run(Budget)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_memory.py [NAME…]: allocations that fail, PYSB_ALLOCATIONS of each process and scenario, "all" for every one."""

import os
import sys
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import memory
import tap

AT_MOST = os.environ.get("PYSB_ALLOCATIONS", "4")
SEED = os.environ.get("PYSB_MEMORY_SEED", "20261128")


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"# PYSB_MEMORY_SEED={SEED}")
        cls.sweep = memory.Sweep(SEED, None if AT_MOST == "all" else int(AT_MOST))

    @classmethod
    def tearDownClass(cls):
        print(f"# ends: {dict(cls.sweep.ends)}")
        cls.sweep.close()


def add(name, doc, run):
    def test(self):
        total, tried = run(self.sweep)
        print(f"# {name}: {tried} of {total} allocations have failed", flush=True)
        self.assertGreater(tried, 0)
    test.__doc__ = doc
    setattr(Allocations, f"test_{name}", test)


for process in memory.PROCESSES:
    add(f"start_{process}", f"allocations of the {process} that fail while it starts",
        lambda sweep, p=process: sweep.start(p))
    for scenario in memory.SCENARIOS:
        if process == "builder" and scenario in memory.WITHOUT_BUILDER:
            continue
        add(f"{scenario}_{process}", f"allocations of the {process} that fail, one by one: {scenario}",
            lambda sweep, p=process, s=scenario: sweep.run(p, s))
        add(f"{scenario}_{process}_burst", f"{memory.BURST} allocations of the {process} that fail: {scenario}",
            lambda sweep, p=process, s=scenario: sweep.run(p, s, memory.BURST))


if __name__ == "__main__":
    tap.run(Allocations)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_lottery.py [VICTIM…]: builder, broker and template killed at random instants; PYSB_KILLS of each."""

import os
import sys
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import lottery
import tap

KILLS = int(os.environ.get("PYSB_KILLS", "15"))
SEED = os.environ.get("PYSB_KILL_SEED", "20261128")


class Kills(unittest.TestCase):
    def draw(self, victim):
        draw = lottery.Lottery(victim, SEED)
        draw.run(KILLS)
        print(f"# {victim}: PYSB_KILL_SEED={SEED}, {draw.kills} kills; answers: {dict(draw.counts)}"
              + f"; the last process was gone after {draw.slowest:.3f} s" * (victim != "template"), flush=True)
        self.assertEqual(draw.wrong, [])
        self.assertGreater(draw.counts["right"], 0)

    def test_builder(self):
        """kills of the builder: what was said is true, every process is gone"""
        self.draw("builder")

    def test_broker(self):
        """kills of the broker: what was said is true, the builder ends, every process is gone"""
        self.draw("broker")

    def test_template(self):
        """kills of templates: what was said is true, and the daemon serves on"""
        self.draw("template")


if __name__ == "__main__":
    tap.run(Kills)

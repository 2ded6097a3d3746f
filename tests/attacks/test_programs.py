#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The attacks by programs: each in each of its modes, one case each, on one daemon that must still serve after it."""

import collections
import os
import re
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import attack
import filesystem
import information
import network
import policy
import privileges
import processes
import resources
import syscalls
import target
import harness
import tap

GROUPS = (filesystem, processes, privileges, syscalls, network, resources, information, policy)
ATTACKS = [a for group in GROUPS for a in group.ATTACKS]


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.target = target.make()
        cls.client = cls.target.client()
        # What follows is harmless in a box, and only there
        result = cls.client.run("import os; print(os.getpid())", profile=target.profile_of("raw"))
        assert result.outcome == "success" and int(result.stdout.text) < 10, result
        layers = {layer.layer: layer.state for layer in cls.client.node().isolation}
        cls.has_landlock = layers["landlock"] == "enforced"
        cls.canaries = target.Canaries()

    @classmethod
    def tearDownClass(cls):
        cls.serves()
        cls.canaries.remove()
        cls.client.close()
        cls.target.stop()

    def setUp(self):
        self.knobs = target.knobs()

    def tearDown(self):
        self.assertEqual(target.knobs(), self.knobs)
        self.assertEqual(self.canaries.visitors(), 0)
        harness.poll_until(lambda: not self.target.boxed(), "the end of all processes of boxes")
        if not attack.IS_SERVICE:  # there it is the next program that must be served
            self.serves()

    @classmethod
    def serves(cls):
        result = cls.client.run("print(1)")
        assert (result.outcome, result.stdout.text) == ("success", "1\n"), result

    def attack(self, a, mode):
        if a.layer == "Landlock" and not self.has_landlock:
            self.skipTest("the kernel has no Landlock")
        program, options = attack.source(a, mode), dict(a.options)
        # The profile's maximum, where the case has none: it is not about how busy the machine is
        options["limits"] = {"wall_time_usec": (60 if mode.startswith("eval") else 600) * 1_000_000, **options.get("limits", {})}
        results = [self.client.run(program, profile=target.profile_of(mode), **options) for _ in range(a.runs)]
        for result in results:
            good, bad = attack.verdicts(result.stdout.text)
            self.assertFalse(bad, result.describe())
            # Somewhere else than in raw, where all is there that it needs, it may die of what it lacks
            lacks = mode != "raw" and result.outcome == "exception" and result.exception.type in attack.LACKS
            self.assertTrue(good or lacks or a.outcomes == ("output_limit",), f"it said nothing: {result.describe()}")
            self.assertTrue(result.outcome in a.outcomes or lacks, result.describe())
            if a.judge and not lacks:
                a.judge(result)
        for key in ("STATE", "RANDOM"):
            said = [re.findall(f"^{key} (.*)$", r.stdout.text, re.M) for r in results]
            words = collections.Counter(word for lines in said for line in lines for word in line.split())
            if words and key == "STATE":
                self.assertEqual(len(words), 1, "the state of the first job is that of all")
            elif words:
                self.assertEqual(set(words.values()), {1}, "no two jobs have the same")


def add(a, mode):
    def test(self):
        self.attack(a, mode)
    test.__doc__ = f"{a} [{mode}]"
    setattr(Programs, f"test_{a.identifier}_{mode}".replace("-", "_"), test)


for each in ATTACKS:
    for each_mode in each.run_modes():
        add(each, each_mode)

if __name__ == "__main__":
    tap.run(Programs)

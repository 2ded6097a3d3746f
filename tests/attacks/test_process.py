#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same programs in boxes of the engine `process`: which of them it does not stop is a list, process-engine.txt. One
that fails and is not there is a hole; one that passes and is there makes the list a lie."""

import os
import re
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import attack
import target
import tap
from test_programs import ATTACKS, Programs as AllModes

MODE = "process-cage"


def read_list():
    """identifier -> (whether it is run, reason)"""
    with open(os.path.join(attack.HERE, "process-engine.txt"), encoding="utf-8") as file:
        rows = [re.fullmatch(r"(!?)([A-Z]{2}-\d\d[a-z]) +(.+)\n", line) for line in file if line[:1] not in ("#", "\n")]
    return {row[2]: (not row[1], row[3]) for row in rows}


NOT_STOPPED = read_list()


class Programs(unittest.TestCase):
    setUpClass, tearDownClass = AllModes.__dict__["setUpClass"], AllModes.__dict__["tearDownClass"]
    serves, attack, setUp, tearDown = AllModes.__dict__["serves"], AllModes.attack, AllModes.setUp, AllModes.tearDown

    def test_list(self):
        """the list names attacks that there are, each with its reason"""
        self.assertLessEqual(set(NOT_STOPPED), {a.identifier for a in ATTACKS if "default-cage" in a.modes})


def add(a):
    is_run, reason = NOT_STOPPED.get(a.identifier, (True, None))

    def test(self):
        if not is_run:
            self.skipTest(reason)
        if reason is None:
            self.attack(a, MODE)
            return
        with self.assertRaises(AssertionError, msg=f"it is stopped, but process-engine.txt says: {reason}"):
            self.attack(a, MODE)
    test.__doc__ = f"{a} [{MODE}]{'' if reason is None else ': not stopped, ' + reason}"
    setattr(Programs, f"test_{a.identifier}".replace("-", "_"), test)


for each in ATTACKS:
    if "default-cage" in each.modes:
        add(each)

if __name__ == "__main__":
    tap.run(Programs)

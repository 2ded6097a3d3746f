#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shipped profiles are what operators copy: each key says what it is for, above it or behind it."""

import os
import re
import sys
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap

PROFILES = os.path.join(ROOT, "profiles")
NAMES = sorted(name for name in os.listdir(PROFILES) if name.endswith(".toml"))


def bare_keys(text):
    """Numbers of the lines that set a key without a comment."""
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"[\w.]+ *=", line) and "#" not in line and not before.startswith("#"):
            yield number
        before = line


class Profiles(unittest.TestCase):
    def test_comments(self):
        """every key of every shipped profile has a comment"""
        for name in NAMES:
            with open(os.path.join(PROFILES, name), encoding="utf-8") as file:
                self.assertEqual(list(bare_keys(file.read())), [], name)

    def test_it_bites(self):
        """a key without a comment is found, also behind one that has its own"""
        self.assertEqual(list(bare_keys("# x\na = 1\nb = 2\nc = 3 # y\nd = [\n  1,\n]\n")), [3, 5])


if __name__ == "__main__":
    tap.run(Profiles)

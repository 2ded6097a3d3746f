#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The compiler of profiles and settings, on thousands of files with something wrong in them: each becomes flat lines
that are well formed, or one sentence. PYSB_PROPERTY_SEED repeats a run."""

import glob
import os
import random
import re
import sys
import tempfile
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "daemon/runner/python")]
import compile_profile
import settings
import tap
from places import ProfileError

SEED = int(os.environ.get("PYSB_PROPERTY_SEED") or random.SystemRandom().randrange(10 ** 9))
CASES = 1000
# daemon/profile/flat.c: FLAT_LINE_MAX
LINE_MAX_BYTES = 4096
LINE = re.compile(r'[^:\n]+:[1-9][0-9]*: [A-Za-z0-9_.-]+ = (?:"(?:[^"\\\n]|\\["\\])*"|-?[0-9]+|true|false|\[\])')
PIECES = [
    "=", ".", ",", "[", "]", "[[", "]]", "{", "}", '"', '"""', "'", "'''", "#", "\\", "\n", "\r\n", "\r", "\t", "\0",
    "\x1b[31m", "\u202e", "\ufeff", "é", "\U0001f40d", "nan", "inf", "1.5", "0x7f", "1_000", "-0", "+1", "9" * 400,
    "1979-05-27", "07:32:00", "true", "false", "''", '""', '"\\u0000"', '"\\ud800"', '"\\U0010ffff"', '"\\n"',
    "a.b.c = 1", '"" = 1', '"a b" = 1', "[limits]", "[limits.memory]", "[[limits]]", "[profile]", "[daemon]",
    "[tenants]", "[default.maximum]", "limits = 1", 'name = "x"', 'digest = "x"', 'extends = "default"',
    'extends = "../x"', "extends = 1", "[" * 80, "[" * 3000, "{a=" * 500, "x = [1, [2, [3]]]", "x = {y = {z = 1}}",
    '"' + "x" * 1535 + '"', '"' + "\\\\" * 800 + '"', 'uids = ["root", -1, 1.5]', 'groups = ["no such"]',
    'gateway_group = "root"', "gateway_group = []", 'modules = ["@data", "@", "os"]', 'packages = [1, "x"]',
]


def texts():
    """What is shipped, without what has other programs import modules: that takes a second each."""
    for path in sorted(glob.glob(f"{ROOT}/profiles/*.toml") + glob.glob(f"{ROOT}/profiles/etc/*.toml")):
        with open(path, encoding="utf-8") as file:
            yield re.sub(r"^#? ?imports = .*\n", "", file.read(), flags=re.M)


class Random(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "p.toml")
        with open(os.path.join(directory.name, "default.toml"), "w", encoding="utf-8") as file:
            file.write('network = "none"\n[limits]\nmemory = "1M"\n')
        self.random = random.Random(SEED)
        self.texts = list(texts())

    def mutated(self):
        """A text with a few lines lost, swapped or said twice, and pieces put where they do not belong."""
        pick, lines = self.random, self.random.choice(self.texts).split("\n")
        if pick.random() < 0.7:  # a comment hides what stands behind it
            lines = [line for line in lines if not line.startswith("#")]
        for _ in range(pick.randrange(1, 6)):
            at, how = pick.randrange(len(lines)), pick.randrange(6)
            if how == 0:
                lines.insert(at, pick.choice(lines))
            elif how == 1:
                lines[at] = ""
            elif how == 2:
                lines[at:at + 2] = reversed(lines[at:at + 2])
            elif how == 3:
                lines.insert(at, pick.choice(PIECES))
            else:
                column = pick.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:column] + pick.choice(PIECES) + lines[at][column + pick.randrange(3):]
        data = "\n".join(lines).encode()
        if pick.random() < 0.1:
            at = pick.randrange(len(data) + 1)
            data = data[:at] + pick.randbytes(pick.randrange(4)) + data[at + 1:]
        return data

    def check_lines(self, text):
        """Each line is one that daemon/profile/flat.c takes apart in the same way."""
        for line in text.splitlines():
            if line.startswith("== "):
                self.assertRegex(line, r"^== [A-Za-z0-9_-]{1,64}$")
                continue
            self.assertRegex(line, LINE)
            self.assertTrue(line.isprintable())
            self.assertLessEqual(len(line.encode()), LINE_MAX_BYTES)

    def compile_many(self, compile_file):
        n_good = n_bad = 0
        for number in range(CASES):
            data = self.mutated()
            with open(self.path, "wb") as file:
                file.write(data)
            try:
                self.check_lines(compile_file(self.path))
                n_good += 1
            except ProfileError as error:
                n_bad += 1
                self.assertTrue(str(error).isprintable(), (str(error), data))
            except Exception as error:
                error.add_note(f"case {number}, PYSB_PROPERTY_SEED={SEED}: {data!r}")
                raise
        # What is always refused, or never, proves nothing
        self.assertGreater(min(n_good, n_bad), CASES // 50)

    def test_profiles(self):
        """profiles with mistakes become well-formed lines or one sentence"""
        self.compile_many(lambda path: compile_profile.compile_profile(path, is_shipped=True))

    def test_config(self):
        """settings with mistakes become well-formed lines or one sentence"""
        self.compile_many(settings.compile_config)

    def test_tenants(self):
        """tables of tenants with mistakes become well-formed lines or one sentence"""
        self.compile_many(settings.compile_tenants)


if __name__ == "__main__":
    sys.set_int_max_str_digits(0)  # as the compiler does
    print(f"# PYSB_PROPERTY_SEED={SEED}", flush=True)
    tap.run(Random)

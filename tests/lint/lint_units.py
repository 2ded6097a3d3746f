#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit files, as far as systemd can judge them without being pid 1."""

import os
import re
import shutil
import subprocess
import sys
import unittest

BUILD, ROOT = os.environ["PYSB_BUILD_ROOT"], os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap

SERVICE = f"{BUILD}/systemd/pysbd.service"
EXPOSURE = 2.5


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Units(unittest.TestCase):
    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def test_exposure(self):
        """the exposure of pysbd.service is at most 2.5"""
        run = self.analyze("security", "--offline=true", f"--threshold={int(EXPOSURE * 10)}", SERVICE)
        text = run.stdout.decode()
        match = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
        self.assertTrue(match, text)
        self.assertLessEqual(float(match[1]), EXPOSURE)
        self.assertEqual(run.returncode, 0, text)

    def test_no_unknown_setting(self):
        """systemd knows every setting and every system call of the unit"""
        text = self.analyze("security", "--offline=true", SERVICE).stdout.decode()
        self.assertNotRegex(text, r"(?i)unknown|ignoring")

    def test_boxes_keep_what_they_need(self):
        """settings that a box would inherit and break on are off, each with its reason"""
        with open(SERVICE, encoding="utf-8") as file:
            lines = [line.strip() for line in file if not line.startswith("#")]
        settings = dict(line.split("=", 1) for line in lines if "=" in line)
        for name in ("MemoryDenyWriteExecute", "RestrictNamespaces", "PrivateUsers",
                     "ProtectControlGroups", "ProtectHostname"):
            self.assertNotIn(name, settings)
        self.assertEqual(settings["SystemCallErrorNumber"], "EPERM")
        self.assertEqual(settings["ProcSubset"], "pid")
        self.assertEqual(set(settings["CapabilityBoundingSet"].split()), {"CAP_SETUID", "CAP_SETGID"})


if __name__ == "__main__":
    tap.run(Units)

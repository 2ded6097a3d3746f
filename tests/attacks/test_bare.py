#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The probes can fail: without any sandbox, as an ordinary user or as root of namespaces that he made, those programs
print BAD that the kernel does not hold back by itself. No other program is run here."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import attack
import target
import harness
import tap
from test_programs import ATTACKS

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
# His own root: what needs a capability comes to the kernel, and reaches nothing of the host
AS_HIS_ROOT = [*AS_NOBODY, "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc",
               "--uts", "--cgroup"]


def run(a, prefix):
    """What the program prints, outside of everything."""
    code = attack.source(a, "raw")
    process = subprocess.run([*prefix, "/usr/bin/python3", "-I", "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, cwd="/", timeout=harness.PATIENCE, check=False,
                             env={"PATH": "/usr/bin:/bin", **dict([target.information.ENVIRONMENT_CANARY])})
    return attack.verdicts(process.stdout.decode("utf-8", "replace"))[1]


@unittest.skipUnless(os.getuid() == 0, "needs root, to become nobody")
class Bare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.canaries = target.Canaries()
        cls.knobs = target.knobs()

    @classmethod
    def tearDownClass(cls):
        cls.canaries.remove()
        assert target.knobs() == cls.knobs

    def probe(self, a):
        self.assertTrue(run(a, AS_NOBODY) or run(a, AS_HIS_ROOT), "no BAD: this probe cannot fail")


def add(a):
    def test(self):
        self.probe(a)
    test.__doc__ = f"{a.identifier} {a.requirement} can fail: {a.title}"
    setattr(Bare, "test_" + re.sub(r"\W", "_", a.identifier), test)


for each in ATTACKS:
    if each.bare == "caught":
        add(each)

if __name__ == "__main__":
    tap.run(Bare)

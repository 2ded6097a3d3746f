#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls that fail, one in each run: a sample of PYSB_FAULTS cases, drawn by PYSB_FAULTS_SEED, and those that once
found something. `./dev faults --full` runs all."""

import os
import sys
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import sweep
import tap

CASES = int(os.environ.get("PYSB_FAULTS", "160"))
SEED = int(os.environ.get("PYSB_FAULTS_SEED", "20261128"))

# What a sweep has found, and is mended
FOUND = [
    # Output was lost, and the job a success
    ("serve", "broker", "read", 1, "EIO"),
    # A program that could not be sent was waited for, up to the wall clock limit
    ("serve", "broker", "write", 1, "ENOMEM"),
    # A job ran without its clocks until the box was given up
    ("serve", "init", "sendmsg", 1, "ENOMEM"),
    # It was not looked at
    ("serve", "init", "setsid", 1, "EPERM"),
    # Capabilities stayed in the bounding set
    ("start", "builder", "prctl", 1, "EIO"),
    ("start", "template", "prctl", 3, "EIO"),
    # Ends without a word
    ("start", "builder", "socket", 1, "EMFILE"),
    ("start", "builder", "rt_sigprocmask", 1, "EPERM"),
    ("start", "builder", "epoll_wait", 1, "EPERM"),
    # A denied call was never answered
    ("serve", "init", "ioctl", 2, "EIO"),
]


@unittest.skipUnless(os.geteuid() == 0, "wants root, to look at processes of other users")
class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.calls = sweep.Calls()

    def sweep(self, cases):
        swept = sweep.Sweep(self.calls, cases, 2, lambda line: print("# " + line.replace("\n", "\n# "), flush=True))
        swept.run()
        swept.report()
        self.assertEqual(swept.failures, [])
        return swept

    def test_a_failure_is_seen(self):
        """a step of the plan that fails is named in the result, and the program has not run"""
        runner = sweep.Runner(self.calls)
        case = sweep.Case("serve", "init", "pivot_root", 1, "EBUSY")
        try:
            verdict = runner.run(case)
            self.assertEqual(verdict, ("internal_error", []))
            runner.daemon.wait_for_boxes()  # an init that ends would have the next one taken for its child
            runner.arm(runner.daemon, case)
            result = runner.daemon.run()["parameters"]["result"]
            self.assertIn("pivot-root: EBUSY", result["message"])
            self.assertEqual(result["stdout"]["text"], "")
        finally:
            runner.close()

    def test_found(self):
        """what a sweep has found once"""
        swept = self.sweep([sweep.Case(*case) for case in FOUND])
        self.assertNotIn("did not occur", [what for _, _, what in swept.statistics])

    def test_sample(self):
        """a sample: typed results, nobody left over, no program in half a cage"""
        print(f"# PYSB_FAULTS_SEED={SEED}", flush=True)
        self.sweep(sweep.choose(self.calls, None, CASES, SEED))


if __name__ == "__main__":
    tap.run(Calls)

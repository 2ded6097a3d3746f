#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of jobs.py, on a daemon of the caller and on one of an ordinary user."""

import os
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import jobs
import tap

ORDINARY_USER = 64123  # nobody's: it owns nothing but what the test gives it


def dig(document, path):
    for name in filter(None, path.split(".")):
        if document is None:
            return None
        document = document.get(name)
    return document


class Jobs(unittest.TestCase):
    """One daemon for all cases: after each it must still serve, with nothing left behind."""

    @classmethod
    def make_tree(cls):
        return harness.build_tree()

    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(cls.make_tree())

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        assert status == 0, f"pysbd exited with {status} at the end"

    def tearDown(self):
        alive = self.daemon.submit("print(1)")
        self.assertEqual(dig(alive.result, "stdout.text"), "1\n", f"the daemon afterwards: {alive}")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of all processes of boxes")

    def check(self, case):
        options = ("-p", case.profile, *case.options)
        run = self.daemon.submit(case.code, *options, arguments=case.arguments, stdin=case.stdin)
        self.assertIsNotNone(run.result, run)
        outcomes = case.outcome if isinstance(case.outcome, tuple) else (case.outcome,)
        statuses = case.status if isinstance(case.status, tuple) else (case.status,)
        self.assertIn(run.result["outcome"], outcomes, run)
        self.assertIn(run.status, statuses, run)
        for path, expected in case.result.items():
            actual = dig(run.result, path)
            if callable(expected):
                self.assertTrue(expected(actual), f"{path} is {actual!r}\n{run}")
            else:
                self.assertEqual(actual, expected, f"{path}\n{run}")
        return run.result


def is_root():
    return os.getuid() == 0


@unittest.skipUnless(is_root(), "needs root, to become another user")
class JobsOfOrdinaryUser(Jobs):
    """The same with a single-id map: no capability at all from the start."""

    @classmethod
    def make_tree(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="pysb-e2e.")
        return harness.copied_tree(cls.directory.name, ORDINARY_USER)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.directory.cleanup()

    def test_result_says_degraded(self):
        """a job of an ordinary user says that it is degraded and has no id of its own"""
        result = self.daemon.submit("print(1)").result
        self.assertTrue(result["degraded"], result)
        self.assertNotIn("uid-range", result["isolation"])
        self.assertIn("seccomp", result["isolation"])


def add_case(case):
    def test(self):
        self.check(case)
    test.__doc__ = f"{case.name} ({case.requirements})"
    setattr(Jobs, f"test_{case.name}", test)


def load():
    for case in jobs.OUTCOMES + jobs.NETWORK + jobs.INSIDE:
        add_case(case)


if __name__ == "__main__":
    load()
    tap.run(Jobs, JobsOfOrdinaryUser)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs unittest cases and speaks TAP: one line per test method, a plan before the first."""

import os
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    """Prints each case as it ends, so that a program that dies shows where."""

    def __init__(self):
        super().__init__()
        self.number = 0
        self.failed_parts = set()  # tests that have a failed subTest: one line for all of them

    def line(self, word, test, note=""):
        self.number += 1
        name = test.shortDescription() or test.id().split(".", 1)[-1]
        print(f"{word} {self.number} - {name.replace('#', '')}{note}", flush=True)

    def trouble(self, test, error):
        self.line("not ok", test)
        self.explain(error)

    def explain(self, error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"#   {line}", flush=True)

    def addSuccess(self, test):
        self.line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.trouble(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.trouble(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err and test not in self.failed_parts:
            self.failed_parts.add(test)
            self.line("not ok", test)
        if err:
            print(f"#   {subtest.id()}")
            self.explain(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, f" # SKIP {reason}")


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def run(*modules, after_failure=None):
    """Runs all cases of the modules (or TestCase classes); exit status 1 if one failed."""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for module in modules:
        if isinstance(module, type):
            suite.addTest(loader.loadTestsFromTestCase(module))
        else:
            suite.addTest(loader.loadTestsFromModule(module))
    only = sys.argv[1:]
    if only:  # names of methods, for a human who looks into one
        suite = unittest.TestSuite(t for t in flatten(suite) if any(o in t.id() for o in only))
    # A setUpClass that fails leaves the plan unfulfilled, which is a failure for who counts; skip
    # classes by the decorator, which reports each case.
    result = TapResult()
    print(f"1..{suite.countTestCases()}", flush=True)
    suite.run(result)
    if not result.wasSuccessful() and after_failure:
        for line in after_failure().splitlines():
            print(f"# {line}")
    sys.stdout.flush()
    os._exit(0 if result.wasSuccessful() else 1)

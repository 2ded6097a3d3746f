# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one module of CPython's test suite as regrtest does, without its options and its processes:

    run_module.py MODULE [EXCLUDED_TEST…]

CPython also runs where there are neither programs to start nor sockets (WASI), and its tests know:
what needs one of them skips itself, as it does there.

An excluded test is the end of its id, with * and ?. The last line of stdout is a JSON document:
{"run": …, "skipped": …, "failed": [ids], "unmatched": [excluded tests that are none]}, or
{"unavailable": reason} where the module refuses to run."""

import doctest
import fnmatch
import importlib
import json
import sys
import unittest

from test import support
from test.support import socket_helper

# These give up altogether for the part that needs a program or a socket: here they try
EAGER = {
    "test_asyncgen", "test_asyncio", "test_contextlib_async", "test_doctest", "test_httplib", "test_pdb",
    "test_poll", "test_select", "test_sys_settrace", "test_telnetlib", "test_urllib2", "test_webbrowser",
    "test_wsgiref", "test_zipimport_support",
}
TOTALS = {"run": 0, "skipped": 0, "failed": [], "unmatched": sys.argv[2:]}


class Result(unittest.TextTestResult):
    """Adds up over all the suites that a module hands over."""

    def stopTestRun(self):
        super().stopTestRun()
        TOTALS["run"] += self.testsRun
        TOTALS["skipped"] += len(self.skipped)
        TOTALS["failed"] += [test.id() for test, _ in self.failures + self.errors]
        TOTALS["failed"] += [test.id() for test in self.unexpectedSuccesses]


def is_excluded(test):
    matching = [p for p in sys.argv[2:] if fnmatch.fnmatchcase(test.id(), f"*.{p}")]
    TOTALS["unmatched"] = [p for p in TOTALS["unmatched"] if p not in matching]
    return bool(matching)


def drop_excluded(suite):
    """In place: the suites stay, for the sake of their classes."""
    kept = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            drop_excluded(test)
        elif is_excluded(test):
            continue
        kept.append(test)
    suite._tests = kept


def run_unittest(*parts):
    """Takes the place of test.support.run_unittest, which a test_main() calls."""
    loader, suite = unittest.TestLoader(), unittest.TestSuite()
    for part in parts:
        if isinstance(part, str):
            suite.addTest(loader.loadTestsFromModule(sys.modules[part]))
        elif isinstance(part, (unittest.TestSuite, unittest.TestCase)):
            suite.addTest(part)
        else:
            suite.addTest(loader.loadTestsFromTestCase(part))
    drop_excluded(suite)
    unittest.TextTestRunner(sys.stderr, resultclass=Result, verbosity=0).run(suite)


def run_doctest(module, verbosity=None, optionflags=0):
    """Takes the place of test.support.run_doctest."""
    failed, run = doctest.testmod(module, verbose=bool(verbosity), optionflags=optionflags)
    TOTALS["run"] += run
    TOTALS["failed"] += [f"{module.__name__}: {failed} doctests"] if failed else []


def describe_box(name):
    """Tells the tests what kind of a machine this is, before they ask it while they are imported."""
    support.verbose = 0
    support.use_resources = []  # no network, no display, no hours of CPU time; None would be all
    support.has_subprocess_support = support.has_socket_support = name in EAGER
    socket_helper._bind_nix_socket_error = OSError("no sockets in a box")
    support.run_unittest, support.run_doctest = run_unittest, run_doctest
    if name == "test_tarfile":
        sys.modules["pwd"] = None  # it asks for the name of user 0, and no box knows another's name


def run_module(name):
    describe_box(name)
    try:
        module = importlib.import_module(f"test.{name}")
        if hasattr(module, "test_main"):
            module.test_main()
        else:
            run_unittest(unittest.TestLoader().loadTestsFromModule(module))
    except unittest.SkipTest as reason:
        return {"unavailable": str(reason)}
    return TOTALS


verdict = run_module(sys.argv[1])
print("\n" + json.dumps(verdict), file=sys.__stdout__, flush=True)  # some put another in its place

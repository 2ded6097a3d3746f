#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPython's own test suite, as Debian packages it, in boxes of the profile raw: one job and one case
for each of its modules. Whatever is missing in a box must be missing on purpose: what does not run is
in exclusions.txt, with the reason."""

import concurrent.futures
import json
import os
import sys
import sysconfig
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[1:1] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "e2e")]
import harness
import tap

SUITE = os.path.join(sysconfig.get_path("stdlib"), "test")
# For jobs that run a hundred times as long as others; the profile's maxima allow them
OPTIONS = ("-p", "raw", "--memory", "1G", "--timeout", "5min", "--cpu-time", "5min",
           "--disk", "512M", "--output-limit", "16M")
JOBS_AT_ONCE = 4  # half of them wait for time to pass


def read_exclusions():
    """{module: {test, or "" for all of it: reason}}"""
    exclusions = {}
    with open(os.path.join(HERE, "exclusions.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, reason = line.split(None, 1)
                module, _, test = name.partition(".")
                exclusions.setdefault(module, {})[test] = reason.strip()
    return exclusions


def find_modules():
    """test_x.py and packages test_x, as regrtest finds them."""
    names = {entry.name.removesuffix(".py") for entry in os.scandir(SUITE)
             if entry.name.startswith("test_") and (entry.is_dir() or entry.name.endswith(".py"))}
    return sorted(names)


def run_in_box(daemon, module, excluded):
    with open(os.path.join(HERE, "run_module.py"), encoding="utf-8") as program:
        command = daemon.command("--json", *OPTIONS, "-c", program.read(), "--", module, *excluded)
    return harness.run(command, daemon.tree.environment, timeout=600)


class Modules(unittest.TestCase):
    """One daemon; some jobs run at a time, the cases wait for theirs."""

    modules = {}  # name -> excluded tests

    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(harness.build_tree())
        cls.pool = concurrent.futures.ThreadPoolExecutor(JOBS_AT_ONCE)
        cls.jobs = {name: cls.pool.submit(run_in_box, cls.daemon, name, excluded)
                    for name, excluded in cls.modules.items()}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown(cancel_futures=True)
        status = cls.daemon.stop()
        assert status == 0, f"pysbd exited with {status} at the end"

    def check(self, module):
        run = self.jobs[module].result()
        self.assertIsNotNone(run.result, run)
        stderr = run.result["stderr"]["text"][-20000:]
        self.assertEqual(run.result["outcome"], "success", f"{run.result.get('error')}\n{stderr}")
        verdict = json.loads(run.result["stdout"]["text"].splitlines()[-1])
        self.assertNotIn("unavailable", verdict)
        self.assertEqual(verdict["failed"], [], stderr)
        self.assertEqual(verdict["unmatched"], [], "exclusions of tests that do not exist")
        self.assertGreater(verdict["run"], verdict["skipped"], "nothing was tested")


class Exclusions(unittest.TestCase):
    def test_exclusions(self):
        """every excluded module exists, and has a reason"""
        unknown = set(read_exclusions()) - set(find_modules())
        self.assertEqual(unknown, set())


def add_cases():
    exclusions = read_exclusions()
    for name in find_modules():
        excluded = exclusions.get(name, {})
        if "" in excluded or (sys.argv[1:] and not any(only in name for only in sys.argv[1:])):
            continue
        Modules.modules[name] = list(excluded)
        case = lambda self, name=name: self.check(name)
        case.__doc__ = f"{name} passes in a box"
        setattr(Modules, name, case)


def main():
    if not os.path.exists(os.path.join(SUITE, "test_json")):
        print(f"1..0 # SKIP {SUITE} is not there (package libpython3.x-testsuite)")
        return
    if sys.version_info[:2] != (3, 11):
        print("1..0 # SKIP exclusions.txt is for CPython 3.11; its suite differs in each version")
        return
    add_cases()
    tap.run(Exclusions, Modules)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is run and what becomes of its value: the requests of programs.py and failures.py."""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import failures
import harness
import programs
import tap

# What a result must not have unless its case says so
UNEXPECTED = ("resultJson", "resultProblem", "exception", "displays", "findings", "violations")


def look(result, path):
    for name in path.split(".") if path else ():
        result = (result or {}).get(name)
    return result


class Programs(harness.OnOneDaemon):
    def check(self, case, profile=None):
        request = {"code": case.request} if isinstance(case.request, str) else case.request
        request = {"profile": profile or case.profile} | request
        result = self.client.call("Run", {"request": request})["result"]
        outcomes = case.outcome if isinstance(case.outcome, tuple) else (case.outcome,)
        self.assertIn(result["outcome"], outcomes, result)
        for path, wanted in case.result.items():
            value = look(result, path)
            if callable(wanted):
                self.assertTrue(wanted(value), f"{path} is {value!r} in {result}")
            else:
                self.assertEqual(value, wanted, f"{path} in {result}")
        named = {path.partition(".")[0] for path in case.result}
        for name in set(UNEXPECTED) - named:
            self.assertIsNone(result.get(name), f"{name} in {result}")
        if case.outcome == "success" and "stderr" not in named:
            self.assertEqual(result["stderr"]["text"], "", result)


def add(case, profile=None):
    name = f"{case.name}_in_{profile}" if profile else case.name

    def test(self):
        self.check(case, profile)
    test.__doc__ = name
    setattr(Programs, f"test_{name}", test)


def load():
    for case in (programs.PLACES + failures.UNCAUGHT + failures.SYNTAX + failures.EXITS +
                 failures.ASIDE):
        for profile in ("default", "eval", "raw"):
            if case.in_eval or profile != "eval":
                add(case, profile)
    for case in programs.FILES + programs.NO_FILES + programs.INPUTS + failures.THREADS:
        add(case)


if __name__ == "__main__":
    load()
    tap.run(Programs)

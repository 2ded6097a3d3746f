#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counter of `./dev test` itself: what is broken must not count as passed."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.join(os.environ["PYSB_SOURCE_ROOT"], "tests"))
import report
import tap

# Output of a test program -> (passed, failed, skipped)
OUTPUTS = [
    ("1..2\nok 1 - a\nok 2 - b\n", (2, 0, 0)),
    ("ok 1\nok 2\n1..2\n", (2, 0, 0)),
    ("1..2\nok 1 - a\nnot ok 2 - b\n# why\n", (1, 1, 0)),
    ("1..2\nok 1 - a # SKIP no root\nok 2 - b\n", (1, 0, 1)),
    ("1..0 # SKIP not here\n", (0, 0, 1)),
    ("", (0, 1, 0)),
    ("Segmentation fault\n", (0, 1, 0)),
    ("ok 1 - a\nok 2 - b\n", (2, 1, 0)),
    ("1..3\nok 1 - a\nok 2 - b\n", (2, 1, 0)),
    ("1..1\nok 1 - a\nok 2 - b\n", (2, 1, 0)),
    ("1..0\n", (0, 1, 0)),
    ("1..1\nBail out! no disk\n", (0, 1, 0)),
    ("noise ok 1\n1..1\nok 1 - the word not ok in a name\n", (1, 0, 0)),
]


class Report(unittest.TestCase):
    def test_counts(self):
        """each shape of output counts as it should"""
        for output, expected in OUTPUTS:
            self.assertEqual(report.count_tap(output)[:3], expected, output)

    def add(self, *tests):
        """The line of sums that one suite of these (result, output) gives."""
        with tempfile.TemporaryDirectory() as directory:
            log, results = os.path.join(directory, "log"), os.path.join(directory, "results")
            with open(log, "w", encoding="ascii") as file:
                for result, output in tests:
                    json.dump({"name": "x", "stdout": output, "result": result, "returncode": 1}, file)
                    file.write("\n")
            with contextlib.redirect_stdout(io.StringIO()):
                report.add(results, "suite", log)
                status = report.summarise(results)
            with open(results, encoding="ascii") as file:
                return file.read().split(), status

    def test_crash_after_the_last_case(self):
        """a program that passes all cases and then crashes has failed"""
        self.assertEqual(self.add(("ERROR", "1..1\nok 1\n")), (["1", "1", "0"], 1))

    def test_success(self):
        """a suite without a failure exits with 0"""
        self.assertEqual(self.add(("OK", "1..1\nok 1\n"), ("OK", "1..1\nok 1\n")),
                         (["2", "0", "0"], 0))

    def test_empty_suite(self):
        """a suite that ran nothing has failed"""
        self.assertEqual(self.add(), (["0", "1", "0"], 1))

    def test_skipped_suite(self):
        """a suite that cannot run here is one skipped case, and its reason is printed"""
        with tempfile.NamedTemporaryFile("r", encoding="ascii") as results:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                report.main(["report.py", "skip", results.name, "suite", "no root"])
                self.assertEqual(report.main(["report.py", "total", results.name]), 0)
            self.assertEqual(results.read().split(), ["0", "0", "1"])
            self.assertIn("suite: skipped: no root", printed.getvalue())


if __name__ == "__main__":
    tap.run(Report)

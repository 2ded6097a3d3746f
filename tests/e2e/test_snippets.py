#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every snippet of docs/PYTHON_CAPABILITIES.md in its profile, on one daemon."""

import base64
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import harness  # noqa: E402
import modules_table  # noqa: E402
import snippets  # noqa: E402
import tap  # noqa: E402

PNG = b"\x89PNG\r\n\x1a\n"


def mime_types(display):
    return [*display.get("text", {}), *display.get("data", {})]


class Snippets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(harness.build_tree())
        cls.problems = {
            profile["name"]: profile.get("problem")
            for profile in json.loads(cls.daemon.call("profile list", "--json").stdout)["profiles"]
        }

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def check(self, snippet):
        problem = self.problems[snippet.profile]
        if problem:
            self.skipTest(problem)
        run = self.daemon.submit(snippet.code, "-p", snippet.profile)
        self.assertIsNotNone(run.result, run)
        expected = dict(snippet.expected)
        if "rejected" in expected:
            self.assertEqual(run.result["outcome"], "rejected", run)
            self.assertEqual(run.result["findings"][0]["rule"], expected["rejected"].strip())
            self.assertEqual(run.result["stdout"]["text"] if "stdout" in run.result else "", "")
            return
        if "exception" in expected:
            self.assertEqual(run.result["outcome"], "exception", run)
            error = run.result["exception"]
            self.assertEqual(f"{error['type']}: {error['message']}", expected["exception"].strip())
            return
        self.assertEqual(run.result["outcome"], "success", run)
        self.assertEqual(run.result["stdout"]["text"], expected.get("text", ""))
        if "json" in expected:
            self.assertEqual(json.loads(run.result["resultJson"]), json.loads(expected["json"]))
        self.check_displays(run.result.get("displays", []), expected.get("display", "").split())
        # Which calls the library tries depends on the version of Python: at least the documented ones
        violations = {v["subject"] for v in run.result.get("violations", [])}
        documented = set(expected.get("violations", "").split())
        self.assertEqual(documented & violations, documented, run)
        self.assertEqual(bool(documented), bool(violations), run)

    def check_displays(self, displays, expected):
        self.assertEqual(len(displays), len(expected), displays)
        for display, mime in zip(displays, expected):
            self.assertIn(mime, mime_types(display))
            if mime == "image/png":
                self.assertEqual(base64.b64decode(display["data"][mime])[:8], PNG)

    def test_modules(self):
        """the modules of each whitelist are those of the compiled profiles"""
        with open(snippets.DOCUMENT, encoding="utf-8") as document:
            text = document.read()
        table = modules_table.table(os.path.join(harness.BUILD, "profiles"))
        self.assertIn(f"modules_table.py -->\n{table}<!-- end of modules -->", text)

    def test_number(self):
        """at least 100 snippets are documented"""
        self.assertGreaterEqual(len(snippets.read()), 100)


def add_case(snippet, number):
    def test(self):
        self.check(snippet)
    test.__doc__ = f"{snippet.profile}: {snippet.title} (line {snippet.line})"
    setattr(Snippets, f"test_{number:03}", test)


if __name__ == "__main__":
    for index, one in enumerate(snippets.read(), 1):
        add_case(one, index)
    tap.run(Snippets)

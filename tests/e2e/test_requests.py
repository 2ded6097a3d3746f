#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every field of a request, by varlink as any client would send it; Check; pysbctl check and eval."""

import json
import os
import sys
import tempfile

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import pysb
import requests_data
import tap
import varlink


def dig(document, path):
    """ "a.0.b" of a document; MIME types have no dots in these tests."""
    for name in path.split("."):
        if document is None:
            return None
        if isinstance(document, list):
            document = document[int(name)] if int(name) < len(document) else None
        else:
            document = document.get(name)
    return document


class Asked(harness.OnOneDaemon):
    def tearDown(self):
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of all processes of boxes")

    def judge(self, document, expected):
        for path, value in expected.items():
            actual = dig(document, path)
            if callable(value):
                self.assertTrue(value(actual), f"{path} is {actual!r} in {document}")
            else:
                self.assertEqual(actual, value, f"{path} in {document}")


class Requests(Asked):
    """The cases of requests_data.py."""

    def test_display_is_an_event(self):
        """who streams gets displays as events, and not again in the result"""
        # A Stream would put them into the result
        with varlink.Connection(self.daemon.address) as connection:
            connection.run(code="import _sandbox\n_sandbox.display('text/html', '<b>')\nprint(1)")
            replies = connection.replies()
        events = [reply["event"] for reply in replies[:-1]]
        displays = [event["display"] for event in events if event["kind"] == "display"]
        self.assertEqual([d["text"]["text/html"] for d in displays], ["<b>"], replies)
        self.assertNotIn("displays", replies[-1]["result"])
        kinds = [event["kind"] for event in events]
        self.assertLess(kinds.index("started"), kinds.index("display"))

    def test_check_replies(self):
        """Check names the limits and the modules in force, and leaves no job behind"""
        reply = self.client.call("Check", {"request": {"code": "1", "profile": "eval",
                                               "modules": ["re", "json"],
                                               "limits": {"wallTimeUSec": 12345}}})
        self.assertEqual(sorted(reply["modules"]), ["json", "re"])
        self.assertEqual(reply["limits"]["wallTimeUSec"], 12345)
        profile = self.client.call("GetProfile", {"profile": "eval"})
        reply = self.client.call("Check", {"request": {"code": "1", "profile": "eval"}})
        self.assertEqual(reply["modules"], profile.get("modules", reply["modules"]))
        self.assertIn("json", reply["modules"])
        self.assertEqual([name for name in reply["modules"] if name.startswith("_")], [])
        self.assertEqual(self.client.call("ListJobs", {})["jobs"], [])

    def test_check_refuses_alike(self):
        """what Run answers with an error Check answers with the same"""
        self.assertRaises(pysb.errors.LimitExceeded, self.client.check, "1", limits={"memory_bytes": 2 ** 50})


class Client(Asked):
    """The same by pysbctl."""

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="pysb-e2e.")

    def tearDown(self):
        self.directory.cleanup()
        super().tearDown()

    def test_check_like_a_compiler(self):
        """pysbctl check says FILE:LINE:COLUMN: message [rule], and exits with 126 or 0"""
        path = self.write("bad.py", "x = 1\neval('x')\n")
        run = self.daemon.call("check", "--analysis", "strict", path)
        self.assertEqual(run.status, 126, run)
        first = run.stdout.decode().splitlines()[0]
        self.assertTrue(first.startswith(f"{path}:2:1: "), first)
        self.assertTrue(first.endswith(" [builtin-denied]"), first)
        main = self.write("main.py", "import bad\n")
        run = self.daemon.call("check", "--analysis", "strict", "--file", path, main)
        self.assertTrue(run.stdout.decode().startswith("bad.py:2:1: "), run)
        run = self.daemon.call("check", "--json", path)
        self.assertEqual((run.status, run.result["accepted"]), (0, True), run)

    def test_rejected_on_stderr(self):
        """pysbctl submit says on standard error why nothing ran"""
        path = self.write("bad.py", "eval('x')\n")
        run = self.daemon.call("submit", "--analysis", "strict", path)
        self.assertEqual((run.status, run.stdout), (126, b""), run)
        self.assertIn(f"{path}:1:1: ", run.stderr)

    def test_files_and_inputs(self):
        """--file, --inputs @FILE, --callable and --result work together"""
        lib = self.write("lib.py", "def double(x):\n    return 2 * x\n")
        main = self.write("main.py", "import lib, sys\n"
                          "def go(n):\n    print('out', open('sub/x').read())\n"
                          "    return lib.double(n)\n")
        inputs = self.write("inputs.json", '{"n": 4}')
        run = self.daemon.call("submit", "--file", lib, "--file", f"{inputs}:sub/x", "--inputs",
                               f"@{inputs}", "--callable", "go", "--result", main)
        self.assertEqual((run.status, run.stdout), (0, b"8\n"), run)
        self.assertIn('out {"n": 4}', run.stderr)

    def test_module(self):
        """--module runs a file as python -m does"""
        tool = self.write("tool.py", "import sys\nprint(__name__, sys.argv[1:])\n")
        run = self.daemon.call("submit", "--file", tool, "--module", "tool", "--", "-x")
        self.assertEqual((run.status, run.stdout), (0, b"__main__ ['-x']\n"), run)

    def test_display_dir(self):
        """--display-dir writes the richest representation of each display to a file"""
        code = ("import _sandbox\nclass P:\n    def _repr_png_(self):\n"
                "        return b'\\x89PNG\\r\\n\\x1a\\n'\n    def _repr_html_(self):\n"
                "        return '<b>'\n_sandbox.display(P())\n"
                "_sandbox.display('text/html', '<i>')\n")
        shown = os.path.join(self.directory.name, "shown")
        for extra in ((), ("--json",)):
            run = self.daemon.call("submit", "--display-dir", shown, *extra, "-c", code)
            self.assertEqual((run.status, run.stderr), (0, ""), run)
            self.assertEqual(sorted(os.listdir(shown)), ["display-2.html", "plot-1.png"])
            with open(f"{shown}/plot-1.png", "rb") as file:
                self.assertEqual(file.read(), b"\x89PNG\r\n\x1a\n")
            for name in os.listdir(shown):
                os.unlink(f"{shown}/{name}")
        run = self.daemon.call("submit", "-c", code)
        self.assertIn("2 displays", run.stderr)
        job = self.daemon.call("submit", "--detach", "-c", code).stdout.decode().strip()
        for verb in ("wait", "attach"):
            run = self.daemon.call(verb, "--display-dir", shown, job)
            self.assertEqual((run.status, run.stderr), (0, ""), run)
            self.assertEqual(sorted(os.listdir(shown)), ["display-2.html", "plot-1.png"])
            for name in os.listdir(shown):
                os.unlink(f"{shown}/{name}")
            self.assertIn("2 displays", self.daemon.call(verb, job).stderr)

    def test_eval_without_answer(self):
        """pysbctl eval: a wrong command line, a missing file: standard error only"""
        for options in (("--nonsense",), ("/does/not/exist",)):
            run = self.daemon.call("eval", *options)
            self.assertEqual((run.status, run.stdout), (125, b""), run)
            self.assertNotEqual(run.stderr, "")

    def test_wrong_usage(self):
        """options that exclude each other are refused before anything runs"""
        for options in (("-c", "1", "-e", "1"), ("--result", "--json", "-c", "1"),
                        ("--inputs", "@/does/not/exist", "-c", "1"),
                        ("--file", "/does/not/exist", "-c", "1")):
            run = self.daemon.call("submit", *options)
            self.assertEqual((run.status, run.stdout), (125, b""), run)
            self.assertIn("pysbctl: ", run.stderr)


def add(cls, name, text, test):
    test.__doc__ = text
    setattr(cls, f"test_{name}", test)


def add_request(case):
    def test(self):
        result = self.client.call("Run", {"request": case.request})["result"]
        self.assertEqual(result["outcome"], case.outcome, result)
        self.judge(result, case.result)
    add(Requests, f"run_{case.name}", f"Run: {case.name}", test)


def add_refusal(case):
    def test(self):
        with self.assertRaises(pysb.ProtocolError) as refused:
            self.client.call("Run", {"request": case.request})
        self.assertEqual(refused.exception.name.removeprefix("io.pysb.sandbox."), case.error, refused.exception)
        self.judge(refused.exception.parameters, case.parameters)
    add(Requests, f"refused_{case.name}", f"Run refuses: {case.name}", test)


def add_check(name, request, accepted, rule):
    def test(self):
        reply = self.client.call("Check", {"request": request})
        self.assertEqual(reply["accepted"], accepted, reply)
        if rule:
            self.assertEqual(reply["findings"][0]["rule"], rule, reply)
        else:
            self.assertEqual(bool(reply["findings"]), not accepted, reply)
    add(Requests, f"check_{name}", f"Check: {name}", test)


def add_eval(name, options, status, line):
    def test(self):
        run = self.daemon.call("eval", *options)
        self.assertEqual(run.status, status, run)
        self.assertEqual((run.stdout.count(b"\n"), run.stderr), (1, ""), run)
        self.assertGreaterEqual(json.loads(run.stdout)["executionTimeMs"], 0)
        self.judge(json.loads(run.stdout), line)
    add(Client, f"eval_{name}", f"pysbctl eval: {name}", test)


def load():
    for case in requests_data.REQUESTS:
        add_request(case)
    for case in requests_data.REFUSALS:
        add_refusal(case)
    for row in requests_data.CHECKS:
        add_check(*row)
    for row in requests_data.EVALS:
        add_eval(*row)


if __name__ == "__main__":
    load()
    tap.run(Requests, Client)

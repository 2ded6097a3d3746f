#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.data and .formats in boxes: each function, the policy, YAML by a profile with the
package, and files of 100 MB."""

import os
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from test_policy import compile_profiles

try:
    import yaml
except ImportError:
    yaml = None

# The library may import csv, json, xml and yaml where the program may not
NARROW = """
extends = "default"
description = "sandbox_utils and next to nothing else"
granted = true
[python]
imports = "whitelist"
modules = ["sandbox_utils", "sys"]
deny_modules = []
preload = []
"""

YAML = NARROW + """
packages = ["yaml"]
native_packages = true
"""

FUNCTIONS = """
from sandbox_utils import *
rows = [{"n": n, "odd": n % 2} for n in range(5)]
print(group_by(rows, "odd")[1], filter_by(rows, lambda r: r["n"] > 3), map_items("ab", str.upper))
print(sort_by([2, 1], lambda n: n, reverse=True), unique([[1], [1]]), list(chunk("abc", 2)))
echo('name,age\\r\\nÄlice,30', file="a.csv")
print(csv_to_json("a.csv"), csv_to_json("a.csv", "a.json"), csv_to_jsonl("a.csv", "a.jsonl"))
print(list(iter_csv("a.csv")) == list(iter_json("/app/a.json")) == list(iter_jsonl("a.jsonl")))
print(json_to_csv("a.json", "b.csv"), repr(cat("b.csv")), ls())
echo('<r><i a="1">x</i><i/></r>', file="a.xml")
print(xml_to_dict(cat("a.xml")), list(iter_xml("a.xml", "i")))
"""

PRINTED = """\
[{'n': 1, 'odd': 1}, {'n': 3, 'odd': 1}] [{'n': 4, 'odd': 0}] ['A', 'B']
[2, 1] [[1]] [['a', 'b'], ['c']]
[{"name": "Älice", "age": "30"}] None None
True
None 'name,age\\nÄlice,30\\n' ['a.csv', 'a.json', 'a.jsonl', 'b.csv']
{'r': {'i': [{'@a': '1', '#text': 'x'}, None]}} [{'i': {'@a': '1', '#text': 'x'}}, {'i': None}]
"""

# What is refused, in the caller's words
REFUSED = """
import os
from sandbox_utils import *
os.symlink("/etc", "/app/out")
os.symlink("out/passwd", "/app/chain")
for file in "../etc/passwd", "/etc/passwd", "out/passwd", "chain", "/app-evil/x", "/proc/self/environ", "x\\0":
    for function in csv_to_json, csv_to_jsonl, json_to_csv, iter_csv, iter_json, iter_jsonl, \\
            lambda f: iter_xml(f, "a"), lambda f: csv_to_json("in", f), lambda f: csv_to_jsonl("in", f), \\
            lambda f: json_to_csv("in.json", f):
        echo("a", file="in")
        echo("[]", file="in.json")
        try:
            print("not refused:", file, function(file))
        except ValueError:
            pass
bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>'
for text in bomb, '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>':
    try:
        print(xml_to_dict(text))
    except ValueError as error:
        print(error)
print(sorted(os.listdir("/app")))
"""

YAML_JOB = """
from sandbox_utils import *
print(yaml_to_json('a: [1, 2024-02-29, ü]'), repr(json_to_yaml('{"b": [1], "a": null}')))
echo('a: 1\\n---\\n- 2', file="a.yaml")
print(list(iter_yaml("a.yaml")))
lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
for text in "\\n".join(lines), "!!python/object/apply:os.getcwd []", "a: &a [*a]":
    try:
        print(yaml_to_json(text))
    except ValueError as error:
        print(error)
"""

# 100 MB, read or converted within so many bytes more of resident memory than before
LARGE = """
from sandbox_utils import *
element = %(element)r
with open("/app/large", "w", newline="") as file:
    file.write(%(head)r)
    for _ in range(100):
        file.write(element * (1_000_000 // len(element)))
    file.write(%(tail)r)
count = 100 * (1_000_000 // len(element))
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) << 10
before = peak()
%(run)s
print("done" if found == count else found)
print(peak() - before)
"""
ALLOWED = 32 << 20
LETTERS = "x" * 400


class InBoxes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="pysb-formats.")
        os.chmod(cls.directory.name, 0o755)
        compile_profiles(cls.directory.name, {"narrow": NARROW, **({"yaml": YAML} if yaml else {})})
        cls.daemon = harness.Daemon(harness.Tree(f"{harness.BUILD}/client", f"{harness.BUILD}/daemon",
                                                 cls.directory.name))

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        cls.directory.cleanup()
        assert status == 0, f"pysbd exited with {status} at the end"

    def output(self, code, profile, *options):
        """What a job prints that ends well and tries nothing that is denied."""
        run = self.daemon.submit(code, "-p", profile, *options)
        self.assertIsNotNone(run.result, run)
        self.assertEqual(run.result["outcome"], "success", run.result)
        self.assertFalse(run.result.get("violations"), run.result)
        self.assertFalse(run.result.get("deniedCalls"), run.result)
        return run.result["stdout"]["text"]

    def error(self, code, profile):
        """The traceback, without the marks below lines, which 3.13 sets where 3.11 does not."""
        run = self.daemon.submit(code, "-p", profile)
        self.assertEqual(run.result["outcome"], "exception", run)
        return "".join(line for line in run.result["exception"]["traceback"].splitlines(True)
                       if line.strip(" ~^\n"))


class Functions(InBoxes):
    def test_functions(self):
        """each function, in default, data and raw, and where the program may import nothing else"""
        for profile in "default", "data", "raw", "narrow":
            self.assertEqual(self.output(FUNCTIONS, profile), PRINTED, profile)

    def test_refused(self):
        """ways out of /app, bombs and external entities"""
        for profile in "default", "data", "raw":
            self.assertEqual(self.output(REFUSED, profile).splitlines(), [
                "line 1, column 25: entity declarations are refused",
                "line 1, column 52: entity declarations are refused", "['chain', 'in', 'in.json', 'out']"])

    def test_tracebacks(self):
        """an error stands at the program's line, without a frame of the library"""
        for code, message in (
                ("csv_to_json('no.csv')", "FileNotFoundError: [Errno 2] No such file or directory: 'no.csv'"),
                ("xml_to_dict('<a>')", "ValueError: line 1, column 4: no element found"),
                ("iter_xml('/etc/x', 'a')", "ValueError: '/etc/x' leads outside: paths must be inside /app"),
                ("csv_to_json('a.csv')", "ValueError: 'a.csv': line 2: not UTF-8"),
                ("xml_to_dict('<!DOCTYPE a [<!ENTITY b \"c\">]><a/>')",
                 "ValueError: line 1, column 25: entity declarations are refused"),
                ("chunk([], 0)", "ValueError: size must be at least 1, not 0")):
            write = r"open('/app/a.csv', 'wb').write(b'a\n\xff\n')"
            self.assertEqual(self.error(f"from sandbox_utils import *; {write}\n{code}", "narrow"),
                             "Traceback (most recent call last):\n"
                             f'  File "<job>", line 2, in <module>\n    {code}\n{message}\n')

    def test_program_may_not(self):
        """the program itself may import none of what the library has imported"""
        code = ("from sandbox_utils import *\nxml_to_dict('<a/>')\nimport sys\n"
                "for name in 'csv', 'json', 'os', 'xml.parsers.expat':\n"
                "    try:\n        __import__(name)\n        print(name)\n    except ImportError:\n        pass")
        run = self.daemon.submit(code, "-p", "narrow")
        self.assertEqual((run.result["outcome"], run.result["stdout"]["text"]), ("success", ""), run)
        self.assertEqual(len(run.result["violations"]), 4)

    def test_without_yaml(self):
        """a profile without the package says what to do"""
        self.assertIn('ModuleNotFoundError: YAML needs a profile with packages = ["yaml"], and python3-yaml on its '
                      "host\n", self.error("from sandbox_utils import *\nyaml_to_json('')", "default"))

    @unittest.skipUnless(yaml, "python3-yaml is missing")
    def test_yaml(self):
        """YAML in a profile with the package, and what is refused of it"""
        lines = self.output(YAML_JOB, "yaml").splitlines()
        self.assertEqual(lines[:2], ['{"a": [1, "2024-02-29", "ü"]} \'b:\\n- 1\\na: null\\n\'', "[{'a': 1}, [2]]"])
        self.assertRegex(lines[2], "^line 7, column 5: its aliases expand to more than 1000000 nodes and characters$")
        self.assertEqual(lines[3:], [
            "line 1, column 1: JSON has nothing for the tag !!python/object/apply:os.getcwd of a sequence",
            "line 1, column 4: contains itself by an alias"])


class Large(InBoxes):
    """100 MB within 32 MiB, in the box."""

    def check(self, run, element, head="", tail=""):
        code = LARGE % {"run": run, "element": element, "head": head, "tail": tail}
        found, peak = self.output(code, "default", "--timeout", "120s", "--memory", "512M", "--disk", "256M").split()
        self.assertEqual(found, "done")
        # A sanitized interpreter also keeps what it has freed, for a while: 90 to 135 MB
        if not harness.SANITIZED:
            self.assertLess(int(peak), ALLOWED)

    def test_csv(self):
        """iter_csv(), csv_to_json() and csv_to_jsonl() with output"""
        self.check("found = sum(1 for row in iter_csv('large'))", f'1,"{LETTERS}"\n', "a,b\n")
        for function in "csv_to_json", "csv_to_jsonl":
            self.check(f"{function}('large', 'out'); found = sum(1 for line in open('out'))", f'1,"{LETTERS}"\n', "a,b\n")

    def test_json(self):
        """iter_json(), and json_to_csv() with output"""
        element = f'{{"a": 1, "b": "{LETTERS}"}},\n'
        self.check("found = sum(1 for row in iter_json('large')) - 1", element, "[", "0]")
        self.check("json_to_csv('large', 'out'); found = sum(1 for line in open('out')) - 2", element, "[", "{}]")

    def test_jsonl(self):
        """iter_jsonl()"""
        self.check("found = sum(1 for row in iter_jsonl('large'))", f'{{"a": 1, "b": "{LETTERS}"}}\n')

    def test_xml(self):
        """iter_xml()"""
        self.check("found = sum(1 for row in iter_xml('large', 'i'))", f'<i a="1"><b>{LETTERS}</b></i>\n', "<r>", "</r>")


if __name__ == "__main__":
    tap.run(Functions, Large)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the examples by the commands that stand in them, and compares what comes with what they say."""

import ast
import json
import os
import shlex
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(ROOT, "tests"), os.path.dirname(os.path.abspath(__file__))]
import harness
import tap

EXAMPLES = os.path.join(ROOT, "examples")
# raw is for tests.
NAMES = sorted(name.removesuffix(".toml") for name in os.listdir(os.path.join(ROOT, "profiles"))
               if name.endswith(".toml") and name != "raw.toml")


def read(name):
    """(commands, what is promised) of an example's docstring: its indented blocks."""
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        lines = ast.get_docstring(ast.parse(file.read())).splitlines()
    indented = [line[4:] for line in lines if line.startswith("    ")]
    commands = [line for line in indented if line.startswith("pysbctl ")]
    return commands, "".join(line + "\n" for line in indented if line not in commands)


class Examples(harness.OnOneDaemon):
    def run_command(self, command):
        with tempfile.TemporaryDirectory() as directory:
            words = [{"plots": directory}.get(word, word.replace("examples", EXAMPLES, 1))
                     for word in shlex.split(command)]
            run = self.daemon.call(words[1], *words[2:])
            return run, os.listdir(directory)

    def check(self, profile):
        listed = json.loads(self.daemon.call("profile list", "--json").stdout)["profiles"]
        problem = next(p for p in listed if p["name"] == profile).get("problem")
        if problem:
            self.skipTest(problem)
        commands, promised = read(profile + ".py")
        self.assertTrue(commands and promised)
        for command in commands:
            self.assertTrue(profile in command or profile == "default", command)
            run, plots = self.run_command(command)
            self.assertEqual(run.status, 0, run)
            said = run.stdout.decode()
            if command.startswith("pysbctl eval "):
                said = json.dumps(json.loads(said)["result"]) + "\n"
            self.assertEqual(said, promised)
            self.assertEqual(run.stderr, "")
            self.assertEqual(bool(plots), "plots" in command)

    def test_readme(self):
        """examples/README.md has a command of each"""
        with open(os.path.join(EXAMPLES, "README.md"), encoding="utf-8") as file:
            text = file.read()
        for name in NAMES:
            self.assertIn("`%s`" % read(name + ".py")[0][0], text)


def add(profile):
    def test(self):
        self.check(profile)
    test.__doc__ = f"examples/{profile}.py"
    setattr(Examples, "test_" + profile.replace("-", "_"), test)


for profile_name in NAMES:
    add(profile_name)


class Clients(unittest.TestCase):
    """Examples that are clients, each with a private daemon."""

    def check(self, command, promised):
        environment = {**harness.build_tree().environment, "PYTHONPATH": os.path.join(ROOT, "lib/python")}
        run = harness.run([*command, "embedded"], environment)
        self.assertEqual((run.status, run.stdout.decode(), run.stderr), (0, promised, ""))

    def check_python(self, name):
        self.check(["/usr/bin/python3", os.path.join(EXAMPLES, name)], read(name)[1])

    def check_c(self, name):
        with open(os.path.join(EXAMPLES, name + ".c"), encoding="utf-8") as file:
            comment = file.read().split("It prints:", 1)[1].split("*/")[0]
        promised = "".join(line[7:] + "\n" for line in comment.splitlines() if line.startswith(" *     "))
        self.check([os.path.join(harness.BUILD, "tests/e2e", "example-" + name)], promised)

    def test_client(self):
        """examples/client.py"""
        self.check_python("client.py")

    def test_dialogue(self):
        """examples/dialogue.py"""
        self.check_python("dialogue.py")

    def test_dialogue_c(self):
        """examples/dialogue.c"""
        self.check_c("dialogue")

    def test_tools_c(self):
        """examples/tools.c"""
        self.check_c("tools")


if __name__ == "__main__":
    tap.run(Examples, Clients)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pysbd --check and --dump-plan, from the build tree: what they accept, and the sentence that they
refuse the rest with. The mistakes themselves are in test_compile.py and test-profile.c."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
BUILD = os.environ["PYSB_BUILD_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap


class Check(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run_pysbd(self, *arguments):
        environment = {"PYSB_PROFILE_PATH": os.path.join(BUILD, "profiles")}
        environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        return subprocess.run([os.path.join(BUILD, "daemon/pysbd"), *arguments], text=True,
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)

    def refused(self, message, *arguments):
        run = self.run_pysbd(*arguments)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (1, "", message + "\n"))

    def check(self, text, message):
        self.refused(message, "--check", self.write("mine.toml", text))

    def test_extends(self):
        """a file that extends a shipped profile, by its values and as a plan"""
        path = self.write("mine.toml", 'extends = "default"\ndescription = "x"\ngranted = true\n')
        run = self.run_pysbd("--check", path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("mine: ok", run.stdout)
        run = self.run_pysbd("--dump-plan", path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("mine", run.stdout)

    def test_no_file(self):
        """a file that is not there"""
        self.refused("pysbd: /none/x.toml cannot be read: No such file or directory",
                     "--check", "/none/x.toml")
        self.refused("pysbd: /none/x.toml cannot be read: No such file or directory",
                     "--dump-plan", "/none/x.toml")

    def test_missing_key(self):
        """what is missing is missing in the file that is checked"""
        self.check('extends = "default"\n', "pysbd: mine.toml: profile.description: is missing; set "
                                            "it, or extend a profile that does")

    def test_key(self):
        """file, line and key, whoever finds the mistake"""
        head = 'extends = "default"\ndescription = "x"\ngranted = true\n'
        self.check(head + "[limits]\nmemory = 99999999999999999999999\n",
                   "pysbd: mine.toml:5: limits.memory: 99999999999999999999999 is above the highest "
                   "value, 64 GiB")
        self.check(head + "limits.memroy = 1\n",
                   "pysbd: mine.toml:4: limits.memroy: there is no such limit")
        self.check(head + '[python]\npreload = ["os", "no_such_module_x"]\n',
                   "mine.toml:5: python.preload: there is no module no_such_module_x")

    def test_modules(self):
        """a module of the host's site-packages is none: a sandbox has the standard library"""
        self.check('python.preload = ["tomllib", "gi"]\n',
                   "mine.toml:1: python.preload: there is no module gi")

    def test_no_profile(self):
        """a name with a point in it is not the name in front of the point"""
        for name in ("default.x", "default.toml.x", "none", ".toml.", ""):
            self.refused("pysbd: There is no profile %s." % name, "--dump-plan", name)
        self.assertEqual(self.run_pysbd("--dump-plan", "default").returncode, 0)


if __name__ == "__main__":
    tap.run(Check)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The types of the Python client are complete and right: mypy --strict."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, f"{ROOT}/tests")
import tap

BAD = "import pysb\npysb.Client().run(code=1, colour='blue')\nx: str = pysb.run('1').usage\n"


def check(*paths):
    with tempfile.TemporaryDirectory(prefix="pysb-mypy.") as cache:
        return subprocess.run(
            # Debian 12's mypy knows Unpack, and wants to be asked for it
            ["/usr/bin/mypy", "--strict", "--enable-incomplete-feature=Unpack", "--cache-dir", cache, *paths],
            env={**os.environ, "MYPYPATH": f"{ROOT}/lib/python"}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)


def version():
    if not shutil.which("/usr/bin/mypy"):
        return "none"
    return subprocess.run(["/usr/bin/mypy", "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


@unittest.skipUnless(version().startswith("mypy 1.0."), f"the types are those of mypy 1.0, here is: {version()}")
class Types(unittest.TestCase):
    def test_client(self):
        """mypy --strict finds nothing in lib/python and in the example of its use"""
        run = check(f"{ROOT}/lib/python/pysb", f"{ROOT}/examples/client.py")
        self.assertEqual(run.returncode, 0, run.stdout[:4000])

    def test_it_bites(self):
        """and it finds what a user does wrong"""
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(BAD)
            file.flush()
            run = check(file.name)
        self.assertEqual(run.returncode, 1, run.stdout)
        for word in ('"colour"', 'variable has type "str"'):
            self.assertIn(word, run.stdout)


if __name__ == "__main__":
    tap.run(Types)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the compiler and the linker have hardened what was built: one table."""

import os
import pathlib
import platform
import re
import subprocess
import sys
import unittest

BUILD = os.environ["PYSB_BUILD_ROOT"]
SOURCE = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(SOURCE, "tests"))
import tap

BUILT = ["daemon/pysbd", "daemon/pysbd-broker", "daemon/pysb-runner", "client/pysbctl",
         "lib/pysb/libpysb.so.0"]
# What is to be seen, in the output of which readelf, and what must not be seen there
LINKED = [
    ("position independent", "-dW", r"Flags:.*\bPIE\b|\(SONAME\)", None),
    ("full RELRO", "-lW", r"GNU_RELRO", None),
    ("bound at the start", "-dW", r"Flags:.*\bNOW\b", None),
    ("no executable stack", "-lW", r"GNU_STACK.* RW +0x", None),
    ("no page that is written and executed", "-lW", r"LOAD", r"LOAD.* RWE "),
    ("no relocation of text", "-dW", r"\(NEEDED\)", r"TEXTREL"),
    ("stack protector in use", "-sDW", r"\b__stack_chk_fail\b", None),
    ("FORTIFY in use", "-sDW", r"\b__(v?snprintf|memcpy|read|v?d?f?printf)_chk\b", None),
]
# Of every file that was compiled: what the compiler writes down as its own options
COMPILED = ["-fstack-protector-strong", "-fstack-clash-protection"]
X86 = platform.machine() == "x86_64"
if X86:
    COMPILED.append("-fcf-protection=full")


def readelf(*arguments):
    return subprocess.run(["readelf", *arguments], stdout=subprocess.PIPE, check=True,
                          stderr=subprocess.DEVNULL).stdout.decode()


def path(built):
    return os.path.join(BUILD, built)


def compiled(built):
    """(file, options) of each C file that a program is made of."""
    producer = None
    for line in readelf("--debug-dump=info", "--dwarf-depth=1", "-W", path(built)).splitlines():
        if "DW_AT_producer" in line:
            producer = line
        elif "DW_AT_name" in line:
            yield line.split(": ")[-1], producer


class Hardening(unittest.TestCase):
    def test_options(self):
        """every C file was compiled with the stack protected, and for CET"""
        for built in BUILT:
            files = list(compiled(built))
            self.assertGreater(len(files), 5, f"{built} has no debug information")
            for file, options in files:
                for option in COMPILED:
                    self.assertIn(f" {option} ", options + " ", f"{built}: {file}")

    @unittest.skipUnless(X86, "indirect branch tracking and shadow stacks are x86's")
    def test_cet(self):
        """every object is marked for CET; a program is when the C library's start files are, too"""
        n = 0
        for archive in pathlib.Path(BUILD).glob("[!t]*/**/lib*.a"):
            for text in re.split(r"^File: ", readelf("-nW", archive), flags=re.M)[1:]:
                self.assertIn("IBT, SHSTK", text, text.splitlines()[0])
                n += 1
        self.assertGreater(n, 100, "the objects were not found")


def add_row(meaning, option, wanted, unwanted):
    def test(self):
        for built in BUILT:
            found = readelf(option, path(built))
            self.assertTrue(re.search(wanted, found), built)
            self.assertFalse(unwanted and re.search(unwanted, found), built)
    test.__doc__ = f"programs and library: {meaning}"
    setattr(Hardening, "test_" + meaning.replace(" ", "_"), test)


if __name__ == "__main__":
    for row in LINKED:
        add_row(*row)
    tap.run(Hardening)

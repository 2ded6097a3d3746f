#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the linked programs contain: the part with privilege parses nothing, the part that parses
has no tools of privilege."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

BUILD = os.environ["PYSB_BUILD_ROOT"]
sys.path.insert(1, os.path.join(os.environ["PYSB_SOURCE_ROOT"], "tests"))
import tap

PROGRAMS = {
    "pysbd": f"{BUILD}/daemon/pysbd",
    "pysbd-broker": f"{BUILD}/daemon/pysbd-broker",
    "pysb-runner": f"{BUILD}/daemon/pysb-runner",
    "pysbctl": f"{BUILD}/client/pysbctl",
    "libpysb": f"{BUILD}/lib/pysb/libpysb.so.0",
}
# Program -> (libraries, symbols) that must not be in it
FORBIDDEN = {
    "pysbd": (r"libjansson|libpython|libpysb", r"_?(json_|varlink|Py[A-Z_])"),
    "pysbd-broker": (r"libcap\.|libseccomp|libnl-|libpython|libpysb", r"(cap_|seccomp_|nl_|Py[A-Z_])"),
    "pysb-runner": (r"libjansson|libseccomp|libsystemd|libpysb", r"(json_|varlink|sd_|seccomp_(?!cage))"),
    "pysbctl": (r"libpython|libcap\.|libseccomp|libnl-|libsystemd", r"(cap_|seccomp_|nl_|Py[A-Z_]|sd_)"),
    "libpysb": (r"libpython|libcap\.|libseccomp|libnl-|libsystemd", r"(cap_|seccomp_|nl_|Py[A-Z_]|sd_)"),
}


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", "-W", path))


def symbols(path):
    """Names that are defined in or wanted by a program; of a stripped one, the dynamic ones."""
    names = set()
    for options in ((), ("-D",)):
        run = subprocess.run(["nm", *options, path], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False)
        names |= {line.split()[-1].split("@")[0] for line in run.stdout.decode().splitlines()}
    return names


class Symbols(unittest.TestCase):
    def test_programs_are_there(self):
        """all programs are built"""
        self.assertFalse([p for p in PROGRAMS.values() if not os.path.exists(p)])

    def test_no_switches(self):
        """no program can leave out a layer: that is in the build of tests/mutation only"""
        for name, path in PROGRAMS.items():
            self.assertFalse(b"layer-switch" in pathlib.Path(path).read_bytes(), name)

    def test_no_search_path_when_installed(self):
        """no program has a run path outside of the build tree"""
        for name, path in PROGRAMS.items():
            for run_path in re.findall(r"R(?:UN)?PATH.*\[(.*)\]", output("readelf", "-d", "-W", path)):
                for entry in run_path.split(":"):
                    self.assertTrue(entry.startswith("$ORIGIN"), f"{name}: {entry}")

    def test_c_client(self):
        """tests/e2e/c-client*.[ch] call every function that libpysb exports"""
        source = os.environ["PYSB_SOURCE_ROOT"]
        with open(f"{source}/lib/pysb/libpysb.sym", encoding="utf-8") as file:
            exported = set(re.findall(r"\b(pysb_\w+);", file.read()))
        called = set()
        for path in pathlib.Path(source, "tests/e2e").glob("c-client*.[ch]"):
            called.update(re.findall(r"\b(pysb_\w+)\(", path.read_text("utf-8")))
        self.assertFalse(exported - called)


def add_program(name, path, libraries, names):
    def test_libraries(self):
        self.assertFalse([n for n in needed(path) if re.match(libraries, n)])

    def test_symbols(self):
        found = symbols(path)
        self.assertGreater(len(found), 10)
        self.assertFalse(sorted(n for n in found if re.match(names, n)))
    test_libraries.__doc__ = f"{name} links no library of another layer"
    test_symbols.__doc__ = f"{name} has no symbol of another layer"
    setattr(Symbols, f"test_{name}_libraries", test_libraries)
    setattr(Symbols, f"test_{name}_symbols", test_symbols)


if __name__ == "__main__":
    for program, (libs, syms) in FORBIDDEN.items():
        add_program(program, PROGRAMS[program], libs, syms)
    tap.run(Symbols)

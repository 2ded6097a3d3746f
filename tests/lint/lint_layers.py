#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dependency law: every include line shows its layer, and a layer includes only what it may."""

import os
import re
import subprocess
import sys
import unittest

ROOT = os.environ["PYSB_SOURCE_ROOT"]
sys.path.insert(1, os.path.join(ROOT, "tests"))
import tap

# Directory -> the layers of ours that its files may include, besides their own
LAYERS = {
    "lib/basic": set(),
    "lib/wire": {"basic"},
    "lib/pysb": {"basic", "wire"},
    "client": {"basic", "pysb"},
    "daemon/journal": {"basic"},
    "daemon/proto": {"basic"},
    "daemon/profile": {"basic", "proto"},  # proto/limits.h has the rows of the limits table
    "daemon/plan": {"basic", "profile", "proto"},
    "daemon/builder": {"basic", "journal", "profile", "plan", "proto", "launch"},
    "daemon/launch": {"basic", "journal", "profile", "plan", "proto", "builder"},
    "daemon/broker": {"basic", "journal", "profile", "plan", "proto", "wire"},
    "daemon/cage": {"basic", "plan", "proto", "profile"},
    "profiles": {"basic", "profile"},  # the build's printer of the manual page
    "daemon/runner": {"basic", "cage", "plan", "proto"},
}
# Of the layers that are includes by exception, only these headers
ONLY_HEADERS = {
    ("daemon/builder", "launch"): {"launch/reload.h", "launch/self-test.h"},  # requests that start one
    ("daemon/broker", "plan"): {"plan/plan.h"},  # names of the steps, for messages
    ("daemon/profile", "proto"): {"proto/engine.h", "proto/limits.h"},
    ("daemon/plan", "proto"): {"proto/engine.h", "proto/syscall-names.h", "proto/limits.h", "proto/layers.h"},
}
# Header of somebody else -> the only directories that may include it
FOREIGN = {
    r"seccomp\.h": {"daemon/plan"},
    r"sys/capability\.h": {"daemon/cage", "daemon/builder", "daemon/launch"},
    r"netlink/.*": {"daemon/cage"},
    r"Python\.h": {"daemon/runner"},
    r"jansson\.h": {"lib/wire", "lib/pysb", "daemon/broker"},
    r"nettle/.*": {"daemon/broker"},
    r"histedit\.h": {"client"},
    r"systemd/.*": {"daemon/builder", "daemon/launch", "daemon/broker", "daemon/journal"},
}
# What serves with two capabilities stays small enough to be read: lines of daemon/builder/*.c, without comments and blanks
BUILDER_LINES = 2300
INCLUDE_OURS = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
INCLUDE_FOREIGN = re.compile(r"^\s*#\s*include\s+<([^>]+)>", re.M)


def sources():
    """(directory, path, text) of every C file of the product."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard", "--", "*.c", "*.h"],
                            stdout=subprocess.PIPE, check=True).stdout.decode()
    for path in filter(None, listed.split("\0")):
        directory = os.path.dirname(path)
        if not path.startswith(("tests/", "examples/")) and os.path.exists(f"{ROOT}/{path}"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                yield directory, path, file.read()


class Layers(unittest.TestCase):
    def setUp(self):
        self.files = list(sources())
        self.assertGreater(len(self.files), 40, "the tree was not found")

    def test_every_directory_is_a_layer(self):
        """every directory with C files has its row in the law"""
        unknown = {d for d, _, _ in self.files if d not in LAYERS}
        self.assertFalse(unknown)

    def test_includes_are_qualified(self):
        """an include of ours names its layer, and the file exists"""
        wrong = []
        for _, path, text in self.files:
            for ours in INCLUDE_OURS.findall(text):
                if ours == "config.h" or ours.endswith(".inc"):
                    continue
                places = [f"{ROOT}/{base}/{ours}" for base in ("lib", "daemon", ".")]
                if "/" not in ours or not any(map(os.path.exists, places)):
                    wrong.append(f"{path}: {ours}")
        # The public headers are known by their names
        self.assertFalse([w for w in wrong if not re.search(r": (pysb(-files)?|.*-text|.*generated.*)\.h$", w)])

    def test_law(self):
        """no layer includes what it may not"""
        wrong = []
        for directory, path, text in self.files:
            own = os.path.basename(directory)
            for ours in INCLUDE_OURS.findall(text):
                layer = ours.split("/")[0]
                if "/" not in ours or layer == own:
                    continue
                allowed = LAYERS.get(directory, set())
                only = ONLY_HEADERS.get((directory, layer))
                if layer not in allowed or (only and ours not in only):
                    wrong.append(f"{path} includes {ours}")
        self.assertFalse(wrong)

    def test_foreign_headers(self):
        """libseccomp, libcap, libnl, libpython, jansson and libsystemd stay where they belong"""
        wrong = []
        for directory, path, text in self.files:
            for foreign in INCLUDE_FOREIGN.findall(text):
                for pattern, allowed in FOREIGN.items():
                    if re.fullmatch(pattern, foreign) and directory not in allowed:
                        wrong.append(f"{path} includes <{foreign}>")
        self.assertFalse(wrong)

    def test_builder_is_small(self):
        """the builder has no more lines than it may have"""
        n = 0
        for directory, path, text in self.files:
            if directory == "daemon/builder" and path.endswith(".c"):
                code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
                n += sum(1 for line in code.splitlines() if line.strip())
        self.assertGreater(n, 1000)
        self.assertLessEqual(n, BUILDER_LINES)


if __name__ == "__main__":
    tap.run(Layers)

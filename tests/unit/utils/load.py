# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils outside of a sandbox: a temporary directory stands in for /app."""

import importlib.util
import os
import sys
import tempfile
import unittest

TESTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
PACKAGE = os.path.join(TESTS, "../daemon/runner/python/sandbox_utils")
sys.path.insert(1, TESTS)
import tap  # noqa: F401  for the tests that import this

# Not by sys.path: what else lies beside the package has names of other modules.
spec = importlib.util.spec_from_file_location("sandbox_utils", os.path.join(PACKAGE, "__init__.py"),
                                              submodule_search_locations=[PACKAGE])
sandbox_utils = sys.modules["sandbox_utils"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sandbox_utils)
from sandbox_utils import _paths

# Ways out, with what make_traps() has made: each of them must be a ValueError wherever a path is taken.
ESCAPES = ("../x", "..", "/etc/passwd", "/app-evil/x", "a/../../x", "out", "out/passwd", "chain", "chain/passwd",
           "chain2/passwd", "a/up", "a/up/x", "circle", "circle/x", "x\0y", "\0", "", "n" * 256, "d/" * 2048 + "x",
           "\ud800", "/", "//", "/../app", "./../x", "evil", "evil/secret")


class Rooted(unittest.TestCase):
    """Each test in a directory of its own, which is /app to the library; `root` is its path."""

    def setUp(self):
        outer = tempfile.TemporaryDirectory()
        self.addCleanup(outer.cleanup)
        self.root = os.path.join(os.path.realpath(outer.name), "app")
        os.mkdir(self.root)
        before, _paths.ROOT = _paths.ROOT, self.root
        self.addCleanup(setattr, _paths, "ROOT", before)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, content=b""):
        """A file, with the directories above it; a str becomes UTF-8. -> its name"""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
        return name

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def make_traps(self):
        """Symlinks that lead out, in one step and in several, in a circle, and to a directory with a name
        that begins as the root's does."""
        os.makedirs(self.path("a"), exist_ok=True)
        os.mkdir(self.root + "-evil")
        with open(self.root + "-evil/secret", "w", encoding="utf-8") as file:
            file.write("secret")
        for target, name in (("/etc", "out"), ("out", "chain"), ("a/../chain", "chain2"), ("../..", "a/up"),
                             ("circle2", "circle"), ("circle", "circle2"), (self.root + "-evil", "evil")):
            os.symlink(target, self.path(name))

    def escapes(self):
        """The paths to try; the neighbour's among them."""
        self.make_traps()
        return (*ESCAPES, self.root + "-evil", self.root + "-evil/secret", self.root + "/../app-evil/secret")

    def refuse_escapes(self, call):
        """Each way out is a ValueError that names neither where it led to nor another path of the host."""
        for path in self.escapes():
            with self.subTest(path=path[:40]):
                with self.assertRaises(ValueError) as caught:
                    call(path)
                self.assert_discreet(str(caught.exception), path)
        with open(self.root + "-evil/secret", encoding="utf-8") as file:
            self.assertEqual(file.read(), "secret")
        self.assertEqual(os.listdir(self.root + "-evil"), ["secret"])

    def assert_discreet(self, message, path):
        for place in ("/etc", self.root, "-evil"):
            if place not in path:
                self.assertNotIn(place, message)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of sandbox_utils.text share: a temporary directory that stands for /app."""

import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[1:1] = [f"{SOURCE}/tests", f"{SOURCE}/daemon/runner/python"]
from sandbox_utils import _paths


class TextCase(unittest.TestCase):
    def setUp(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="pysb-text."))
        self.addCleanup(shutil.rmtree, self.root)
        before, _paths.ROOT = _paths.ROOT, self.root
        self.addCleanup(setattr, _paths, "ROOT", before)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))
        return name

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

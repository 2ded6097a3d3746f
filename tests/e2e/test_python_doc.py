#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every example of docs/PYTHON_CLIENT.md, against a daemon in the place of the service."""

import doctest
import os
import shutil
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import pysb
import tap

DOCUMENT = os.path.join(os.path.dirname(sys.path[1]), "docs/PYTHON_CLIENT.md")


class Document(unittest.TestCase):
    def test_examples(self):
        """docs/PYTHON_CLIENT.md: each example prints what it says"""
        directory = tempfile.mkdtemp(prefix="pysb-doc.", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        # A copy, whose profiles the daemon's own user may read again
        tree = harness.copied_tree(directory, None)
        tree.environment["PYSB_OPERATOR_PROFILES"] = directory
        daemon = harness.Daemon(tree)
        self.addCleanup(daemon.stop)
        address = f"unix:{daemon.address}"
        with mock.patch.object(pysb._connection, "DEFAULT_ADDRESS", address), \
                mock.patch.object(pysb.manager, "DEFAULT_ADDRESS", address):
            said = []
            result = doctest.DocTestRunner(verbose=False)
            with open(DOCUMENT, encoding="utf-8") as file:
                test = doctest.DocTestParser().get_doctest(file.read(), {}, "PYTHON_CLIENT.md", DOCUMENT, 0)
            result.run(test, out=said.append)
        self.assertGreater(result.tries, 20)
        self.assertEqual(result.failures, 0, "".join(said))


if __name__ == "__main__":
    tap.run(Document)

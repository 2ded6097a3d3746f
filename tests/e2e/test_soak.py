#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A short soak; `./dev soak N` is a long one."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import service
import soak
import tap

# A sanitizer makes each cost a multiple
JOBS = 300 if harness.SANITIZED else 2000


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Short(unittest.TestCase):
    def test_short(self):
        """jobs of every kind by two tenants over eight connections: nothing is left, and no memory is lost"""
        for line in soak.soak(JOBS):
            print(f"# {line}", flush=True)


if __name__ == "__main__":
    tap.run(Short)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of typical operations in docs/PYTHON_CAPABILITIES.md: each operation works in each profile that it
names, within the memory that is promised, by the number of ticks that stands there. (What is CPU time is for
`./dev operations` to measure, on a quiet machine.)"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, ".."), os.path.join(HERE, "../bench")]
import harness
import operations
import tap

DOCUMENT = os.path.join(HERE, "../../docs/PYTHON_CAPABILITIES.md")


def documented():
    """{name of an operation: its cells} of the table."""
    with open(DOCUMENT, encoding="utf-8") as document:
        table = document.read().split("<!-- operations:")[1].split("<!-- end of operations -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in table.splitlines() if line.startswith("| ")]
    return {row[0]: row for row in rows[2:]}


class Operations(harness.OnOneDaemon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rows = documented()

    def check(self, operation):
        # What the sanitizers keep beside each object says nothing about the profiles
        options = ("--memory", "512M") if harness.SANITIZED else ()
        counted = {p: operations.count(self.daemon, operation, p, *options) for p in operation.profiles}
        self.assertEqual({str(ticks) for ticks, _ in counted.values()}, {self.rows[operation.name][2]})
        for profile, (_, memory_bytes) in counted.items() if not harness.SANITIZED else ():
            self.assertLessEqual(memory_bytes, operations.MEMORY_MAX, profile)

    def test_table(self):
        """the table has each operation, a share for each profile that can do it, and none that is too large"""
        self.assertEqual(list(self.rows), [operation.name for operation in operations.OPERATIONS])
        for operation in operations.OPERATIONS:
            shares = dict(zip(operations.PROFILES, self.rows[operation.name][4:], strict=True))
            self.assertEqual({p for p, share in shares.items() if share}, set(operation.profiles))
            for share in filter(None, shares.values()):
                self.assertLess(float(share.removesuffix(" %")) / 100, operations.SHARE_MAX)


def add(operation):
    def test(self):
        self.check(operation)
    test.__doc__ = operation.name
    name = "".join(c if c.isalnum() else "_" for c in operation.name)
    setattr(Operations, "test_operation_" + name, test)


for each in operations.OPERATIONS:
    add(each)

if __name__ == "__main__":
    tap.run(Operations)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`pysbctl doctor` on this machine, and on what looks like a worse one. tests/unit/pysb/test-doctor.c has the files of
other machines, and tests/vm boots some."""

import os
import platform
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import lying_kernel
import tap
from test_jobs import ORDINARY_USER

STATUSES = ("pass", "degraded", "fail")


def has_controllers():
    try:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
            return {"memory", "cpu", "pids"} <= set(file.read().split())
    except FileNotFoundError:
        return False


class Doctor(unittest.TestCase):
    def setUp(self):
        self.tree = harness.build_tree()

    def doctor(self, before=(), **environment):
        """What it says as JSON, by name, and all of it."""
        run = harness.run([*before, *self.tree.as_user([self.tree.pysbctl, "doctor", "--json"])],
                          {**self.tree.environment, **environment})
        self.assertIsNotNone(run.result, run)
        checks = {check["name"]: check for check in run.result["checks"]}
        self.assertEqual(len(checks), len(run.result["checks"]))
        for check in checks.values():
            self.assertRegex(check["why"], r"^[A-Zp].*\.$")
            self.assertTrue(check["found"], check)
            self.assertTrue(check["status"] == "pass" or check["fix"], check)
        worst = max(STATUSES.index(check["status"]) for check in checks.values())
        self.assertEqual((run.status, run.result["status"]), (worst, STATUSES[worst]), run)
        return checks, run.result

    def test_here(self):
        """nothing fails on this machine; what is degraded is what its results say, too"""
        checks, document = self.doctor()
        self.assertEqual([c for c in checks.values() if c["status"] == "fail"], [])
        self.assertEqual(checks["cgroup"]["status"], "pass" if has_controllers() else "degraded")
        self.assertEqual(checks["kernel"]["found"], f"Linux {platform.release()}")
        degraded = {layer["layer"] for layer in document["node"]["isolation"] if layer["state"] != "enforced"}
        for layer in degraded:
            self.assertIn(layer, checks["layers"]["found"])
        self.assertEqual(checks["layers"]["status"], "degraded" if degraded else "pass")
        self.assertEqual(checks["engines"]["found"], "namespace, process allowed")
        self.assertIn("0 got through", checks["self-test"]["found"])
        self.assertEqual({probe["outcome"] for probe in document["selfTest"]["probes"]} - {"skipped"}, {"passed"})

    def test_text(self):
        """for people: a line for each check with its status, why below it, and the worst at the end"""
        checks, document = self.doctor()
        run = harness.run(self.tree.as_user([self.tree.pysbctl, "doctor"]), self.tree.environment)
        lines = run.stdout.decode().splitlines()
        self.assertEqual(run.status, STATUSES.index(document["status"]), run)
        self.assertEqual(lines[-1], document["status"])
        for check in checks.values():
            at = [n for n, line in enumerate(lines)
                  if line.startswith(f"{check['status']:<9} {check['name']}: ")]
            self.assertEqual(len(at), 1, check)
            self.assertEqual(lines[at[0] + 1].strip(), check["why"])
            if check.get("fix") and check["name"] != "profiles":
                label = "Better" if check["status"] == "pass" else "Fix"
                self.assertEqual(lines[at[0] + 2].strip(), f"{label}: {check['fix']}")

    def test_no_program(self):
        """a pysbd that is not there is a failure with what to do"""
        checks, document = self.doctor(PYSBD="/nonexistent/pysbd")
        self.assertEqual(checks["programs"]["status"], "fail")
        self.assertIn("PYSBD", checks["programs"]["fix"])
        self.assertEqual((document["node"], document["selfTest"]), (None, None))

    def test_usage(self):
        """an argument too many is wrong usage, and none of the three"""
        run = harness.run([self.tree.pysbctl, "doctor", "now"], self.tree.environment)
        self.assertEqual(run.status, 125, run)


@unittest.skipUnless(os.getuid() == 0, "needs root, to become another user")
class DoctorOfOrdinaryUser(Doctor):
    """A private daemon of his: jobs have his own uid."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="pysb-e2e.")
        self.addCleanup(directory.cleanup)
        self.tree = harness.copied_tree(directory.name, ORDINARY_USER)

    def test_one_uid(self):
        """that jobs have no uid of their own is degraded, not passed"""
        checks, document = self.doctor()
        self.assertIn("uid-range", checks["layers"]["found"])
        self.assertEqual({p["outcome"] for p in document["selfTest"]["probes"] if p["layer"] == "uid-range"}, {"skipped"})

    @unittest.skipUnless(platform.machine() == "x86_64", "the numbers are those of x86_64")
    def test_lying_kernel(self):
        """what gets through fails by name, with the layer's remedy"""
        checks, document = self.doctor(["/usr/bin/python3", lying_kernel.__file__, "mount_setattr"])
        self.assertEqual(document["status"], "fail")
        self.assertEqual(checks["self-test"]["status"], "fail")
        for name in ("write-root", "write-library", "mount-flags"):
            self.assertIn("Boot a kernel that has it", checks[f"self-test {name}"]["fix"])

    def test_no_user_namespaces(self):
        """where they are forbidden no sandbox can be made, and the sysctl is named"""
        self.tree.user = None
        script = ('echo 0 >/proc/sys/user/max_user_namespaces && '
                  'exec setpriv --ambient-caps=-all --inh-caps=-all "$@"')
        checks, document = self.doctor(["unshare", "-U", "--map-user=1000", "--map-group=1000", "--keep-caps",
                                        "sh", "-c", script, "sh"])
        self.assertEqual(document["status"], "fail")
        self.assertEqual(checks["user-namespaces"]["status"], "fail")
        self.assertIn("user.max_user_namespaces = 65536", checks["user-namespaces"]["fix"])
        self.assertEqual(checks["self-test"]["status"], "fail")

    test_no_program = test_usage = None


if __name__ == "__main__":
    tap.run(Doctor, DoctorOfOrdinaryUser)

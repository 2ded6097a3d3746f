#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The self-test of a daemon: on this machine, and on kernels that say that they did what they did not do, as one
that only looks like Linux would."""

import os
import platform
import shutil
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import lying_kernel
import service
import tap
from test_jobs import ORDINARY_USER

REFUSED = 78  # RUN_EXIT_REFUSED
# Of a box that shares names and processes with the host
PROCESS = {"read-host", "signal"}
CGROUP = {"cgroup-leaf", "cgroup-memory", "cgroup-cpu", "cgroup-pids"}
RESOURCES = {"address-space", "file-size", "open-files", "tasks", "message-queues"}

# What a self-test must find if the kernel only says that it did this, and which layer lacks
FOUND = {
    "mount_setattr": ("read-only-root", {"write-library", "write-root", "mount-flags"}),
    "prlimit64": ("rlimits", RESOURCES),
    "PR_CAPBSET_DROP": ("capabilities", {"bounding-set"}),
    "umount2": ("mount-namespace", {"host-root"}),
    "close_range": ("seccomp", {"descriptors"}),
    "seccomp": ("seccomp", {"socket", "unshare", "mount", "execve", "memfd-create", "keyctl", "terminal"}),
    "landlock_restrict_self": ("landlock", {"write-random"}),
    "PR_SET_NO_NEW_PRIVS": ("no-new-privileges", {"no-new-privileges", "socket"}),
}


class Lying(service.Service):
    """A service under such a kernel: .refusal is what it says, None if it serves."""

    def __init__(self, name):
        self.name = name
        self.refusal = None
        try:
            super().__init__()
        except AssertionError as error:
            self.refusal = str(error)
            self.log.close()
            shutil.rmtree(self.directory)
            self.programs.cleanup()

    def command_line(self):
        return ["/usr/bin/python3", lying_kernel.__file__, self.name, *super().command_line()]


class Embedded(unittest.TestCase):
    skipped = CGROUP | PROCESS

    @classmethod
    def make_tree(cls):
        return harness.build_tree()

    def setUp(self):
        self.daemon = harness.Daemon(self.make_tree())

    def tearDown(self):
        self.assertEqual(self.daemon.stop(), 0)

    def test_passes(self):
        """R-R6 each probe is stopped; what boxes do not have here is skipped, and nothing else"""
        with self.daemon.manager() as manager:
            probes = {probe.name: probe for probe in manager.self_test()}
        self.assertGreater(len(probes), 30)
        self.assertEqual({p.name for p in probes.values() if p.outcome == "failed"}, set())
        skipped = {p.name for p in probes.values() if p.outcome == "skipped"}
        with self.daemon.client() as client:
            layers = {layer.layer: layer.state for layer in client.node().isolation}
        has_landlock = layers["landlock"] == "enforced"
        self.assertLessEqual(skipped, self.skipped | (set() if has_landlock else {"write-random"}))
        self.assertIn(skipped & CGROUP, (CGROUP, set()))
        self.assertEqual({p.layer for p in probes.values()}, set(layers), "each layer has its probes")

    def test_beside_jobs(self):
        """R-R6 it needs no place of a job, and leaves nothing behind"""
        with self.daemon.client() as client, self.daemon.manager() as manager:
            jobs = [client.submit("import signal; signal.pause()", profile="raw") for _ in range(16)]
            harness.poll_until(lambda: client.node().running_jobs == 16, "16 jobs")
            before = {p.pid for p in self.daemon.boxed()}
            self.assertNotIn("failed", {p.outcome for p in manager.self_test()})
            for job in jobs:
                job.cancel()
            harness.poll_until(lambda: not self.daemon.boxed(), f"the end of all but {before}")
            self.assertEqual(client.run("1").outcome, "success")

    def test_start_is_not_delayed(self):
        """a private daemon makes no box before it is asked to"""
        self.assertNotIn("Self-test", self.daemon.read_log())
        self.assertEqual(self.daemon.templates(), [])
        with self.daemon.manager() as manager:
            manager.self_test()
        self.assertEqual(len(self.daemon.templates()), 1)


@unittest.skipUnless(os.getuid() == 0, "needs root, to become another user")
class EmbeddedAsOrdinaryUser(Embedded):
    skipped = CGROUP | PROCESS | {"uid", "gid"}

    @classmethod
    def make_tree(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="pysb-e2e.")
        return harness.copied_tree(cls.directory.name, ORDINARY_USER)

    def tearDown(self):
        super().tearDown()
        self.directory.cleanup()

    test_beside_jobs = None


@unittest.skipIf(service.reason_not_to(), f"{service.reason_not_to()}")
class AtStart(unittest.TestCase):
    """A service, which tests itself before it serves."""

    def test_serves(self):
        """DR-13 a service tests itself, and then serves with the template that it used"""
        daemon = service.Service()
        log = daemon.read_log()
        try:
            self.assertRegex(log, "Self-test: a sandbox stopped all of [0-9]{2} probes")
            with daemon.client() as client:
                self.assertEqual(client.run("6*7").value, 42)
        finally:
            self.assertEqual(daemon.stop(), 0)

    @unittest.skipUnless(platform.machine() == "x86_64", "the numbers are those of x86_64")
    def test_refuses(self):
        """DR-13 a kernel that only says that it does what it is asked: nobody is served, by name of layer and remedy"""
        self.assertEqual(set(FOUND), set(lying_kernel.LIES))
        for name, (layer, expected) in FOUND.items():
            with self.subTest(name):
                daemon = Lying(name)
                if daemon.refusal is None:
                    daemon.stop()
                    self.fail("it serves")
                self.assertIn(f"pysbd exited with {REFUSED}:", daemon.refusal)
                found = {line.split()[2].rstrip(":") for line in daemon.refusal.splitlines()
                         if line.startswith("pysbd: Self-test ")}
                if harness.SANITIZED:
                    expected = expected - {"terminal"}  # their run-times call ioctl(), so it is not tried
                self.assertLessEqual(expected, found, daemon.refusal)
                self.assertIn(f"the layer {layer} to stop", daemon.refusal)
                self.assertIn("Boot a kernel that has it", daemon.refusal)


if __name__ == "__main__":
    tap.run(Embedded, EmbeddedAsOrdinaryUser, AtStart)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine whose disk is full: /tmp, /var/tmp, /run, /dev/shm and the home directory are one file system that has neither
a byte nor an inode left. What needs neither works, and what does says so."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import memory
import tap
from memory import harness, pysb

KEEP = "/mnt/keep"  # $1, in which there is room
LOCK = "pysb-embedded.lock"  # in /run: which ids a private daemon of root has
THERE = "there"  # a file that can be opened, and takes nothing
# The namespace ends with the last process in it, and so do its mounts
SCRIPT = f"""set -e
mount -t tmpfs top /mnt
mkdir {KEEP} /mnt/full
mount --bind "$1" {KEEP}
mount -t tmpfs -o size=64k,nr_inodes=16,mode=1777 full /mnt/full
for name in {THERE} $2; do echo >"/mnt/full/$name"; done
n=0
while mkdir "/mnt/full/$n" 2>/dev/null; do n=$((n + 1)); done
cat /dev/zero >>/mnt/full/{THERE} 2>/dev/null || true
for path in /tmp /var/tmp /run /dev/shm "$HOME"; do mount --bind /mnt/full "$path"; done
shift 2
cd /tmp
exec "$@"
"""
# Of its own disk a box knows the limits only
PROGRAM = """import tempfile
open('a.txt', 'w').write('a' * 100000)
with tempfile.NamedTemporaryFile() as file: file.write(b'b' * 100000)
print('written')
"""


def reason_not_to():
    if os.geteuid() != 0:
        return "only root can lay file systems over those of the machine"
    probe = subprocess.run(["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "t", "/mnt"],
                           stderr=subprocess.PIPE, check=False)
    return None if probe.returncode == 0 else f"no mounts here: {probe.stderr.decode().strip()}"


def inside(keep, command, there=LOCK):
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh", keep, there, *command]


class Daemon(harness.Daemon):
    """Listens where there is room, and has none anywhere else."""

    def __init__(self, keep, tree):
        self.keep = keep
        super().__init__(tree)

    def command_line(self):
        self.address = f"{self.keep}/socket"
        return inside(self.keep, [self.tree.pysbd, "--embedded", "--listen", f"{KEEP}/socket"])


@unittest.skipIf(reason_not_to(), reason_not_to())
class FullDisk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="pysb-disk.", dir="/tmp")
        cls.addClassCleanup(directory.cleanup)
        cls.keep = directory.name
        harness.copied_tree(cls.keep, None)
        cls.tree = harness.Tree(KEEP, KEEP, f"{KEEP}/profiles", libraries=KEEP)
        cls.tree.environment["HOME"] = os.path.expanduser("~")

    def run_inside(self, *command, there=LOCK, **variables):
        return harness.run(inside(self.keep, command, there), dict(self.tree.environment, **variables))

    def submit(self, *options, **keywords):
        return self.run_inside(self.tree.pysbctl, "submit", "--embedded", "--json", "-c", PROGRAM, *options, **keywords)

    def expect_written(self, run):
        self.assertIsNotNone(run.result, run)
        self.assertEqual((run.result["outcome"], run.result["stdout"]["text"]), ("success", "written\n"), run)

    def test_private(self):
        """a private daemon and its box need no room on the disk"""
        run = self.submit()
        self.expect_written(run)
        self.assertEqual((run.status, run.stderr), (0, ""), run)

    def test_no_lock(self):
        """without the file by which root's private daemons share the ids there is none, and it says why"""
        run = self.submit(there="")
        self.assertNotEqual(run.status, 0, run)
        self.assertIsNone(run.result, run)
        self.assertIn(LOCK, run.stderr)
        self.assertIn("No space left on device", run.stderr)

    def test_socket(self):
        """a socket that cannot be made is named"""
        run = self.run_inside(self.tree.pysbd, "--embedded", "--listen", "/tmp/socket")
        self.assertNotEqual(run.status, 0, run)
        self.assertIn("Listening on /tmp/socket failed: No space left on device", run.stderr)

    def test_outputs(self):
        """files of a job that cannot be kept are named, and the result is told"""
        run = self.submit("--collect", "*.txt", "--output-dir", "/tmp")
        self.expect_written(run)
        self.assertNotEqual(run.status, 0, run)
        self.assertIn("/tmp/a.txt: No space left on device", run.stderr)

    def test_stdout(self):
        """an answer that cannot be written is no success"""
        run = self.run_inside("sh", "-c", f'exec "$@" >>/tmp/{THERE}', "sh", self.tree.pysbctl, "submit", "--embedded",
                              "--json", "-c", PROGRAM)
        self.assertNotEqual(run.status, 0, run)
        self.assertIn("No space left on device", run.stderr)

    def test_service(self):
        """a daemon does all that it does"""
        daemon = Daemon(self.keep, self.tree)
        try:
            with daemon.client() as client, daemon.manager() as manager:
                for name, scenario in memory.SCENARIOS.items():
                    with self.subTest(name):
                        scenario(client, manager)
                result = client.run(PROGRAM, limits={"disk_bytes": 200_000})
                self.assertEqual(result.outcome, "success", result)
                result = client.run("open('a', 'w').write('a' * 100000)", limits={"disk_bytes": 65536})
                self.assertEqual(result.outcome, "exception", result)
        finally:
            self.assertEqual(daemon.stop(), 0)

    def test_python_client(self):
        """the Python client has no name for the socket of a private daemon, and says so"""
        shutil.copytree(os.path.dirname(pysb.__file__), f"{self.keep}/python/pysb")
        code = ("import pysb\ntry: pysb.run('1', embedded=True)\n"
                "except pysb.errors.ConnectFailed as e: print(e)")
        run = self.run_inside("/usr/bin/python3", "-c", code, PYTHONPATH=f"{KEEP}/python")
        self.assertEqual(run.status, 0, run)
        self.assertIn(b"temporary directory", run.stdout)


if __name__ == "__main__":
    tap.run(FullDisk)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to the machine or its service while there are clients, inside the machine."""

import json
import os
import socket
import time
import unittest

from cgroups import JOBS, leaves
from machine import PATIENCE, Running, main_pid, poll_until, shell, submit

SOCKET = "/run/pysb/io.pysb.sandbox"
CROWD = 50
REQUEST = {"code": "1", "limits": {"wallTimeUSec": 600_000_000}}
DAY = 86400


class Client:
    """A connection that has asked for a job."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(SOCKET)
        self.socket.sendall(json.dumps({"method": "io.pysb.sandbox.Run", "parameters": {"request": REQUEST}}).encode() + b"\0")

    def answer(self):
        """The outcome, the name of an error, or None: the connection ended."""
        text = b""
        with self.socket:
            while not text.endswith(b"\0"):
                try:
                    chunk = self.socket.recv(1 << 16)
                except ConnectionError:
                    return None
                if not chunk:
                    return None
                text += chunk
        reply = json.loads(text[:-1])
        return reply.get("error") or reply["parameters"]["result"]["outcome"]


class Accidents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open("/etc/pysb/pysbd.toml", "w", encoding="ascii") as file:
            file.write("max_spare_boxes = 0\n")  # one that was made before has a cgroup already
        shell("systemctl", "start", "pysbd.socket", "pysbd-manager.socket")

    def tearDown(self):
        poll_until(lambda: not leaves(), "the end of all cgroups of jobs")
        self.serves()

    def serves(self):
        result, status, error = submit("print(1)")
        self.assertEqual(status, 0, error)
        self.assertEqual(result["stdout"]["text"], "1\n")

    def test_crowd_at_a_stopped_service(self):
        """DR-03a R-R3 socket activation: fifty at once are all served; during a restart each hears something, if only the end"""
        shell("systemctl", "stop", "pysbd.service")
        self.assertEqual([c.answer() for c in [Client() for _ in range(CROWD)]], ["success"] * CROWD)
        crowd = [Client() for _ in range(CROWD)]
        shell("systemctl", "restart", "pysbd.service")
        self.assertLessEqual({c.answer() for c in crowd}, {None, "success", "cancelled", "lost", "io.pysb.sandbox.ShuttingDown"})

    def refused_without_cgroup(self, change, back):
        """Somebody changes the tree while a job runs: none starts outside of its cgroup, and the old one goes on."""
        self.serves()
        job = Running()
        change()
        try:
            result, _, error = submit("print('it ran')")
            self.assertIsNotNone(result, error)
            self.assertEqual(result["outcome"], "internal_error", result)
            self.assertIn("the sandbox could not be made", result["message"])
            self.assertNotIn("it ran", str(result.get("stdout")))
            self.assertIsNone(job.process.poll(), "the other job has ended")
        finally:
            back()
            job.end()

    def test_controller_taken_away(self):
        """DR-06a R-R5 the cgroup: without the memory controller of its tree no job starts, and afterwards they do again"""
        def control(word):
            with open(f"{JOBS}/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write(word)

        self.refused_without_cgroup(lambda: control("-memory"), lambda: control("+memory"))

    def test_tree_closed(self):
        """DR-06k R-R5 the cgroup: a tree in which the daemon may make no directory has no new job"""
        self.refused_without_cgroup(lambda: os.chmod(JOBS, 0o555), lambda: os.chmod(JOBS, 0o755))

    def test_tree_removed(self):
        """DR-06l R-R5 the cgroup: a tree that somebody removed is missed, and a restart makes it again"""
        self.serves()
        poll_until(lambda: not leaves(), "the end of all cgroups of jobs")
        os.rmdir(JOBS)
        result, _, error = submit("print('it ran')")
        self.assertIsNotNone(result, error)
        self.assertEqual(result["outcome"], "internal_error", result)
        self.assertIn("the sandbox could not be made", result["message"])
        shell("systemctl", "restart", "pysbd.service")

    def test_clock_jumps(self):
        """DR-11a R-R8 clocks: limits do not follow a clock that jumps by a day and back while jobs run"""
        self.serves()
        pid, job = main_pid(), Running()
        try:
            for jump in (DAY, -2 * DAY, DAY):
                time.clock_settime(time.CLOCK_REALTIME, time.time() + jump)
                result, _, error = submit("while True: pass", "--timeout", "2s")
                self.assertIsNotNone(result, error)
                self.assertEqual(result["outcome"], "wall_time_limit", result)
                self.assertTrue(2_000_000 <= result["usage"]["wallTimeUSec"] < DAY * 1_000_000, result)
                self.assertIsNone(job.process.poll(), "the other job has ended")
        finally:
            job.end()
        self.assertEqual(main_pid(), pid)

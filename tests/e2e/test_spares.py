#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boxes that are made before a job is there for them: each serves one job, with that job's limits, and none is a
box that another job has had."""

import contextlib
import os
import signal
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

HERE = "import time\nprint('here', flush=True)\ntime.sleep(60)"

MARK = """
import os
print(sorted(os.listdir("/app")), sorted(os.listdir("/tmp")))
open("/app/mark", "w").close()
open("/tmp/mark", "w").close()
"""

LIMITS = """
import resource
limits = [resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CPU")]
try:
    with open("/app/large", "wb") as file:
        file.write(bytes(2 << 20))
    print(limits, "fits")
except OSError as error:
    print(limits, error.strerror)
"""


class Spares(harness.OnOneDaemon):
    def setUp(self):
        """There is at least one spare box of raw."""
        harness.poll_until(self.has_spare, "a spare box")

    def has_spare(self):
        if not self.daemon.spares():
            self.client.run("1", profile="raw")
        return bool(self.daemon.spares())

    def output(self, code, **more):
        result = self.client.run(code, profile="raw", **more)
        self.assertEqual(result.outcome, "success", result)
        return result.stdout.text.strip()

    def wait(self):
        """Until the spare boxes that there are wait for their jobs: their processes sleep."""
        def all_wait():
            spares = [p for p in harness.descendants(self.daemon.process.pid) if p.nested_pid is not None and p.is_spare()]
            return spares and len(spares) % 2 == 0 and all(p.fields["State"][0] == "S" for p in spares)

        harness.poll_until(all_wait, "spare boxes that are ready")

    @contextlib.contextmanager
    def running(self):
        """A job, by its init: nobody else has one."""
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box before")
        with self.client.stream(HERE, profile="raw") as stream:
            harness.next_event(stream, "output")
            (init,) = [p for p in self.daemon.boxed() if p.nested_pid == 1]
            yield init

    def test_used(self):
        """a job that finds a spare box runs in it: its init was there before"""
        self.wait()
        before = {p.pid for p in self.daemon.spares()}
        with self.running() as init:
            self.assertIn(init.pid, before)
            self.assertEqual(init.fields["Name"], "pysb-init")

    def test_never_again(self):
        """no job runs in a box that another one has had, finds anything of it, or shares a namespace with a spare one"""
        seen = set()
        for _ in range(12):
            self.assertEqual(self.output(MARK), "[] []")
            with self.running() as init:
                self.assertNotIn(init.pid, seen)
                seen.add(init.pid)
                for spare in self.daemon.spares():
                    for kind in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"):
                        self.assertNotEqual(init.namespace(kind), spare.namespace(kind))
                    self.assertNotEqual(init.uids, spare.uids)

    def test_limits(self):
        """a spare box has the limits of its request, and one whose disk does not fit is left alone"""
        for limits, expected in (
                ({"open_files": 33, "file_bytes": 12345, "cpu_time_usec": 2000000}, "[33, 12345, 3] File too large"),
                ({"open_files": 44, "file_bytes": 4 << 20}, f"[44, {4 << 20}, "),
                ({"disk_bytes": 1 << 20}, "No space left on device")):
            self.wait()
            self.assertIn(expected, self.output(LIMITS, limits=limits))

    def test_prefaulted(self):
        """most pages that a small job writes to are its box's before it is there"""
        def minor_faults(pid):
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return int(file.read().rpartition(")")[2].split()[7])

        for _ in range(12):  # by then the template has rehearsed, and those from before it are used up
            self.output("print(1)")
        self.wait()
        before = {p.pid: minor_faults(p.pid) for p in harness.descendants(self.daemon.process.pid)
                  if p.nested_pid == 2 and p.is_spare()}
        with self.running():
            (job,) = [p for p in self.daemon.boxed() if p.nested_pid == 2]
            n = minor_faults(job.pid) - before[job.pid]
            print(f"# {before[job.pid]} page faults before the job, {n} by it")
            self.assertLess(n, before[job.pid] / 2)

    def test_siblings(self):
        """what makes processes different differs between spare boxes"""
        code = "import random, uuid, tempfile, os\nprint(random.random(), uuid.uuid1().node, tempfile.mktemp(), os.urandom(4).hex())"
        texts = [self.output(code).split() for _ in range(8)]
        for values in zip(*texts):
            self.assertEqual(len(set(values)), len(values), values)

    def test_killed(self):
        """somebody kills a spare box: nobody notices"""
        for _ in range(4):
            self.wait()
            pid = self.daemon.spares()[0].pid
            os.kill(pid, signal.SIGKILL)
            harness.poll_until(lambda: not os.path.exists(f"/proc/{pid}"), "the builder to notice")
            self.assertEqual(self.output("print(6 * 7)"), "42")

    def test_sessions(self):
        """a session in a spare box is one as any other"""
        self.wait()
        before = {p.pid for p in self.daemon.spares()}
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box before")
        with self.client.open_session(profile="raw") as session:
            (init,) = [p for p in self.daemon.boxed() if p.nested_pid == 1]
            self.assertIn(init.pid, before)
            self.assertEqual(session.execute("x = 6").outcome, "success")
            self.assertEqual(session.execute("print(x * 7)").stdout.text, "42\n")


class Demand(unittest.TestCase):
    def test_none_for_one_job(self):
        """a private daemon that has one job makes no other box"""
        daemon = harness.Daemon(harness.build_tree())
        with daemon.client() as client:
            with client.stream(HERE) as stream:
                harness.next_event(stream, "output")
                self.assertEqual(daemon.spares(), [])
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    tap.run(Spares, Demand)

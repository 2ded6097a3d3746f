#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that ends, in order or by kill -9 of any of its processes at any moment, leaves no process."""

import ctypes
import errno
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import pysb
import tap
import varlink

KILLS = 50
STOPS = 10
JOBS = 3
SEED = int(os.environ.get("PYSB_KILL_SEED", "20251128"))
PR_SET_CHILD_SUBREAPER = 36
STUBBORN = ("import signal\nfor n in (2, 15):\n    signal.signal(n, signal.SIG_IGN)\n"
            "print('ready', flush=True)\nwhile True: pass")
FORKS = "import os, signal\nos.fork()\nprint('ready', flush=True)\nsignal.pause()"
VICTIMS = ("builder", "broker", "template", "init")


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def find(daemon, victim):
    """A process of that kind; the builder where there is none yet."""
    if victim != "builder":
        for process in harness.descendants(daemon.process.pid):
            command = command_of(process.pid)
            if (victim == "broker" and b"pysbd-broker" in command or
                    victim == "init" and process.nested_pid == 1 or
                    victim == "template" and process.nested_pid is None and b"--template" in command):
                return victim, process.pid
    return "builder", daemon.process.pid


def kill(pid):
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    select.select([pidfd], [], [], harness.PATIENCE)
    os.close(pidfd)


def overdue(*_):
    raise AssertionError(f"processes are left: {[(p.pid, p.fields) for p in harness.descendants(os.getpid())]}")


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Orphans become ours: when wait() says that we have no child, there is none
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        signal.signal(signal.SIGALRM, overdue)

    def assert_nobody_left(self):
        signal.alarm(harness.PATIENCE)
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass
        finally:
            signal.alarm(0)

    def work(self, daemon, n_replies):
        """Jobs of which so many events have come: all else is under way somewhere."""
        client = daemon.client()
        self.addCleanup(client.close)
        streams = [client.stream(FORKS, profile="raw") for _ in range(JOBS)]
        for n in range(n_replies):
            next(streams[n % JOBS])
        return streams

    def end_of(self, stream):
        """The outcome, or None if the broker was killed before it could say one."""
        try:
            return stream.wait().outcome
        except pysb.errors.Disconnected:
            return None


class Killing(Base):
    def survive(self, daemon, streams, victim):
        """What was killed was no part of the daemon itself."""
        for stream in streams:
            stream.close()
        result = daemon.submit("print(1)")
        self.assertEqual(result.status, 0, f"{victim}: {result}")
        self.assertEqual(daemon.stop(), 0)

    def test_any_process_at_any_moment(self):
        """R-R1 50 times: clients are told, every process is gone, the next daemon serves"""
        print(f"# PYSB_KILL_SEED={SEED}", flush=True)
        rng = random.Random(SEED)
        killed = dict.fromkeys(VICTIMS, 0)
        for _ in range(KILLS):
            daemon = harness.Daemon(harness.build_tree())
            # accepted, started and output of each job
            streams = self.work(daemon, rng.randrange(3 * JOBS + 1))
            victim, pid = find(daemon, rng.choice(VICTIMS))
            kill(pid)
            killed[victim] += 1
            if victim in ("builder", "broker"):
                for stream in streams:
                    outcome = self.end_of(stream)
                    self.assertIn(outcome, ("lost", None) if victim == "builder" else (None,))
                daemon.stop()
            else:
                self.survive(daemon, streams, victim)
            for stream in streams:
                stream.close()
            self.assert_nobody_left()
        print(f"# killed: {killed}", flush=True)
        self.assertGreater(min(killed.values()), 0, killed)


class Stopping(Base):
    def test_as_soon_as_it_listens(self):
        """SIGTERM as soon as the socket is there is an end in order"""
        tree = harness.build_tree()
        with tempfile.TemporaryDirectory(prefix="pysb-stop.", dir="/tmp") as directory:
            for n in range(STOPS):
                address = os.path.join(directory, str(n))
                daemon = subprocess.Popen([tree.pysbd, "--embedded", "--listen", address],
                                          env=tree.environment, stdin=subprocess.DEVNULL)
                while not os.path.exists(address):
                    self.assertIsNone(daemon.poll())
                daemon.terminate()
                self.assertEqual(daemon.wait(harness.PATIENCE), 0)
        self.assert_nobody_left()

    def test_in_order(self):
        """R-R2 SIGTERM while jobs run: every client gets `cancelled`"""
        daemon = harness.Daemon(harness.build_tree())
        streams = self.work(daemon, 3 * JOBS)
        self.assertEqual(daemon.stop(), 0)
        for stream in streams:
            self.assertEqual(self.end_of(stream), "cancelled")
        self.assert_nobody_left()

    def test_slow_reader(self):
        """SIGTERM while a client is behind with reading: reading on, it gets all output, and `cancelled`"""
        size = 3 << 20
        daemon = harness.Daemon(harness.build_tree())
        with varlink.Connection(daemon.address) as slow, daemon.client() as client:
            slow.run(code=f"print('x' * {size - 1})\nwhile True: pass", limits={"outputBytes": 2 * size})
            with client.job(slow.receive()["event"]["job"]).stream() as other:
                got = 0
                while got < size:
                    event = next(other)
                    got += len(event.output.text) if event.output else 0
            daemon.process.terminate()
            got = 0
            while "result" not in (reply := slow.receive()):
                got += len(reply["event"].get("output", {}).get("text", ""))
            self.assertEqual((got, reply["result"]["outcome"]), (size, "cancelled"))
            self.assertIn("the daemon stops", reply["result"]["message"])
        self.assertEqual(daemon.stop(), 0)
        self.assert_nobody_left()

    def test_everything_at_once(self):
        """R-R2 SIGTERM while a cell runs, a job ignores signals, and jobs wait: all of them get `cancelled`"""
        daemon = harness.Daemon(harness.build_tree())
        with pysb.Client(f"unix:{daemon.address}", timeout=harness.PATIENCE) as client:
            streams = [client.open_session().stream("while True: pass"), client.stream(STUBBORN, profile="raw")]
            for stream, kind in zip(streams, ("started", "output")):
                self.assertTrue(any(event.kind == kind for event in stream))
            places = client.node().max_running_jobs
            streams += [client.stream("while True: pass", limits={"cpu_percent": 5}) for _ in range(places)]
            for stream in streams[2:]:
                self.assertEqual(next(stream).kind, "accepted")
            node = client.node()
            self.assertGreater(node.queued_jobs, 0)
            self.assertEqual(daemon.stop(), 0)
            for stream in streams:
                result = stream.wait()
                self.assertEqual(result.outcome, "cancelled")
                self.assertIn("the daemon stops", result.message)
        self.assert_nobody_left()

    def test_drain_and_stop(self):
        """drained before it is stopped: what runs and what waits comes to its end, and nothing else comes in"""
        daemon = harness.Daemon(harness.build_tree())
        address = f"unix:{daemon.address}"
        with pysb.Client(address, timeout=harness.PATIENCE) as client, pysb.Manager(address) as manager:
            jobs = [client.submit(expression=str(n)) for n in range(40)]
            manager.drain(0)
            self.assertRaises(pysb.errors.ShuttingDown, client.run, "1")
            self.assertEqual(manager.drain(), pysb.types.DrainReply(0, 0, 0))
            self.assertEqual([job.result().value for job in jobs], list(range(40)))
            self.assertEqual(daemon.stop(), 0)
        self.assert_nobody_left()


class Socket(unittest.TestCase):
    """What --listen leaves at its path, and finds there."""

    def setUp(self):
        self.daemon = harness.Daemon(harness.build_tree())
        self.addCleanup(self.daemon.stop)
        os.chmod(self.daemon.directory, 0o755)  # no others' directory: root's, where root starts it

    def end(self, number):
        self.daemon.process.send_signal(number)
        self.daemon.process.wait(harness.PATIENCE)

    def start(self):
        return harness.run(self.daemon.command_line(), self.daemon.tree.environment)

    def test_removed_at_the_end(self):
        """it goes with the daemon that made it"""
        self.end(signal.SIGTERM)
        self.assertEqual(self.daemon.process.returncode, 0)
        self.assertFalse(os.path.lexists(self.daemon.address))

    def test_of_another_one(self):
        """one that somebody else has put there meanwhile stays"""
        os.unlink(self.daemon.address)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.daemon.address)
            self.end(signal.SIGTERM)
        self.assertTrue(os.path.lexists(self.daemon.address))

    def is_refused(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.daemon.address) == errno.ECONNREFUSED

    def test_stale(self):
        """what a daemon has left that was killed is replaced"""
        self.end(signal.SIGKILL)
        harness.poll_until(self.is_refused, "the end of its broker, which listens, too")
        again = subprocess.Popen(self.daemon.command_line(), env=self.daemon.tree.environment,
                                 stdout=self.daemon.log, stderr=self.daemon.log)
        self.daemon.process = again
        harness.poll_until(self.daemon.accepts, "the second daemon's socket")
        with self.daemon.client() as client:
            self.assertEqual(client.run("6 * 7").value, 42)

    def test_alive(self):
        """one that somebody listens on stays, also if he is slow to accept"""
        run = self.start()
        self.assertEqual(run.status, 78, run)
        self.assertIn("Address already in use", run.stderr)
        with self.daemon.client() as client:
            self.assertEqual(client.run("6 * 7").value, 42)
        os.unlink(self.daemon.address)
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as waits:
            full.bind(self.daemon.address)
            full.listen(0)
            waits.connect(self.daemon.address)
            self.assertEqual(self.start().status, 78)
            self.assertTrue(os.path.lexists(self.daemon.address))

    def test_no_socket(self):
        """a file stays, and so does a symlink, wherever it leads"""
        self.end(signal.SIGKILL)
        link, file = self.daemon.address + ".link", self.daemon.address + ".file"
        os.symlink(self.daemon.address, link)
        with open(file, "w", encoding="ascii") as to:
            to.write("text")
        for self.daemon.address in link, file:
            self.assertEqual(self.start().status, 78)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(os.path.getsize(file), 4)


if __name__ == "__main__":
    tap.run(Killing, Stopping, Socket)

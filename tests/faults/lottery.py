# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills a process of a daemon at random instants while clients work: no verdict may be wrong, no process may be left,
and what was not killed goes on."""

import collections
import ctypes
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../e2e"))
import harness
from pysb import errors

VICTIMS = ("builder", "broker", "template")
CLIENTS = 3
# Of builders, this part is killed as they start
STARTING = 0.1
PR_SET_CHILD_SUBREAPER = 36
# A verdict that says that there is none
NO_VERDICT = ("lost", "internal_error")
FORKS = "import os, signal\nos.fork()\nprint('ready', flush=True)\nsignal.pause()"


class Wrong(Exception):
    """Somebody was told what is not true."""


def expect(result, outcome, value=None, text=""):
    """Either it is exactly that, or it says that nobody knows."""
    if result.outcome in NO_VERDICT:
        return result.outcome
    said = result.outcome, result.value if value is not None else None, result.stdout.text if result.stdout else ""
    if said != (outcome, value, text):
        raise Wrong(f"{said} instead of {(outcome, value, text)}: {result.message}")
    return "right"


def run_value(client, n):
    return expect(client.run(f"print({n})\n{n} * 7", display_last_expression=True), "success", n * 7, f"{n}\n")


def run_status(client, n):
    return expect(client.run(f"print({n})\nraise SystemExit(3)"), "exit_nonzero", text=f"{n}\n")


def run_limit(client, n):
    return expect(client.run("while True: pass", limits={"wall_time_usec": 20_000}), "wall_time_limit")


def run_detached(client, n):
    return expect(client.submit(f"print({n})").result(), "success", text=f"{n}\n")


def run_stream(client, n):
    with client.stream(f"for i in range({n % 1000}): print(i)") as stream:
        text = "".join(event.output.text for event in stream if event.output)
    wanted = "".join(f"{i}\n" for i in range(n % 1000))
    said = expect(stream.result, "success", text=wanted)
    if said == "right" and text != wanted:
        raise Wrong(f"a success, and {len(text)} bytes of {len(wanted)} as events")
    return said


def run_forks(client, n):
    with client.stream(FORKS, profile="raw") as stream:
        for event in stream:
            if event.output:
                return "right"  # and closed, which is its end
    return expect(stream.result, "none: it waits for ever")


def run_session(client, n):
    with client.open_session() as session:
        said = expect(session.execute(f"x = {n}"), "success")
        return expect(session.execute("x + 1"), "success", n + 1) if said == "right" else said


KINDS = (run_value, run_status, run_limit, run_detached, run_stream, run_forks, run_session)


class Load:
    """Clients that do all of it again and again, until the daemon is gone or stop()."""

    def __init__(self, daemon, seed):
        self.counts, self.wrong = collections.Counter(), []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(daemon.address, random.Random(seed + i)))
                        for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def work(self, address, rng):
        try:
            with harness.pysb.Client(f"unix:{address}", timeout=harness.PATIENCE) as client:
                while not self.over.is_set():
                    for kind in rng.sample(KINDS, len(KINDS)):
                        self.counts[self.one(kind, client, rng)] += 1
        except ConnectionError:
            self.counts["disconnected"] += 1
        except Exception as e:  # whatever it is
            self.wrong.append(f"{type(e).__name__}: {e}")

    @staticmethod
    def one(kind, client, rng):
        try:
            return kind(client, rng.randrange(1 << 30))
        except errors.SessionLost:
            return "lost"
        except Wrong as e:
            raise Wrong(f"{kind.__name__}: {e}") from e

    def wait(self):
        for thread in self.threads:
            thread.join()

    def stop(self):
        self.over.set()
        self.wait()


def find(daemon, victim):
    """Processes of that kind."""
    if victim == "builder":
        return [daemon.process.pid]
    name = "pysbd-broker" if victim == "broker" else "pysb-runner"
    found = []
    for process in harness.descendants(daemon.process.pid):
        if process.nested_pid is None and process.command_line()[0] == name.encode():
            found.append(process.pid)
    return sorted(found)


def kill(pid):
    """Returns when it is dead; False if it had ended before."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [], harness.PATIENCE)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def overdue(*_):
    raise AssertionError(f"processes are left: {[(p.pid, p.fields) for p in harness.descendants(os.getpid())]}")


def wait_for_all():
    """Until no process is left that was ours or came to us as an orphan."""
    signal.alarm(harness.PATIENCE)
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass
    finally:
        signal.alarm(0)


class Lottery:
    """One victim; what it was about is in the attributes."""

    def __init__(self, victim, seed):
        self.victim, self.rng = victim, random.Random(f"{victim} {seed}")
        self.kills, self.counts, self.wrong = 0, collections.Counter(), []
        self.slowest = 0.0  # how long after a kill the last process of the daemon had gone, in seconds
        self.span = 0.0  # of a client's round, and of the longest pause before a kill
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        signal.signal(signal.SIGALRM, overdue)

    def measure(self):
        """How long a client's round takes on this machine now."""
        daemon = harness.Daemon(harness.build_tree())
        load = Load(daemon, self.rng.randrange(1 << 30))
        load.over.set()  # one round
        begin = time.monotonic()
        load.wait()
        self.span = time.monotonic() - begin
        self.take(load)
        assert daemon.stop() == 0
        wait_for_all()

    def take(self, load):
        self.counts += load.counts
        self.wrong += load.wrong

    def pause(self, longest):
        select.select([], [], [], self.rng.uniform(0, longest))

    def run(self, kills):
        self.measure()
        if self.victim == "template":
            self.kill_templates(kills)
        else:
            while self.kills < kills:
                if self.victim == "builder" and self.rng.random() < STARTING:
                    self.kill_starting()
                else:
                    self.kill_daemon()

    def is_gone(self, begin):
        wait_for_all()
        self.slowest = max(self.slowest, time.monotonic() - begin)

    def kill_starting(self):
        tree = harness.build_tree()
        with tempfile.TemporaryDirectory(prefix="pysb-lottery.", dir="/tmp") as directory:
            daemon = subprocess.Popen([tree.pysbd, "--embedded", "--listen", f"{directory}/socket"],
                                      env=tree.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.pause(self.span)
            begin = time.monotonic()
            self.kills += kill(daemon.pid)
            daemon.wait()
            self.is_gone(begin)

    def kill_daemon(self):
        daemon = harness.Daemon(harness.build_tree())
        victims = harness.poll_until(lambda: find(daemon, self.victim), f"the {self.victim}")
        load = Load(daemon, self.rng.randrange(1 << 30))
        self.pause(self.span)
        begin = time.monotonic()
        self.kills += kill(victims[0])
        status = daemon.process.wait(harness.PATIENCE)
        if self.victim == "broker" and status != 1:
            self.wrong.append(f"the builder ended with {status}: {daemon.read_log()}")
        self.is_gone(begin)
        load.wait()
        self.take(load)
        daemon.stop()

    def kill_templates(self, kills):
        """Of one daemon, which serves on."""
        daemon = harness.Daemon(harness.build_tree())
        load = Load(daemon, self.rng.randrange(1 << 30))
        with daemon.client() as client:
            while self.kills < kills and not load.wrong:
                self.pause(self.span)
                victims = find(daemon, self.victim)
                self.kills += bool(victims) and kill(self.rng.choice(victims))
        load.stop()
        with daemon.client() as client:
            if run_value(client, 1) != "right":
                self.wrong.append("no verdict without a kill")
        self.take(load)
        assert daemon.stop() == 0
        wait_for_all()

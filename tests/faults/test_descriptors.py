#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builder and broker without room for one more descriptor, or for two, and so on, while clients do all kinds of things:
they are answered or wait, and afterwards the same daemon serves on."""

import collections
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import lottery
import memory
import tap
from memory import harness
from pysb import errors

# What the broker says when it leaves clients waiting
NO_ROOM = "cannot accept a client"
ROOM_MAX = 100  # with so much none of the scenarios lacks any
SCENARIOS = {
    "broker": ("plain", "job", "tools", "detached", "session", "management"),
    "builder": ("plain", "session", "management"),
}


class Table:
    """The descriptors of a process. Its limit is changed by one with the same ids, which needs no capability."""

    def __init__(self, process):
        self.process = process
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
            self.limit = next(line for line in file if line.startswith("Max open files")).split()[3]

    def set(self, limit):
        subprocess.run(["setpriv", f"--reuid={self.process.uids[0]}", f"--regid={self.process.gids[0]}", "--clear-groups",
                        "prlimit", f"--pid={self.process.pid}", f"--nofile={limit}:"], check=True)

    def leave_room(self, n):
        """For so many more."""
        used = {int(name) for name in os.listdir(f"/proc/{self.process.pid}/fd")}
        free = itertools.islice((number for number in itertools.count() if number not in used), n, n + 1)
        self.set(next(free))

    def restore(self):
        self.set(self.limit)


class Scenario(threading.Thread):
    """One of memory.py, by clients that are connected already. Whatever was said is true, or "wrong" says what was not."""

    def __init__(self, daemon, name):
        super().__init__()
        self.scenario, self.client, self.manager = memory.SCENARIOS[name], daemon.client(), daemon.manager()
        self.client.who_am_i()
        self.manager.status()
        self.said, self.wrong = "as it should", None

    def run(self):
        try:
            self.scenario(self.client, self.manager)
        except (errors.Timeout, errors.BadReply, ConnectionError) as e:
            self.wrong = f"{type(e).__name__}: {e}"
        except errors.PysbError as e:
            self.said = type(e).__name__
        except Exception as e:  # whatever it is
            self.wrong = f"{type(e).__name__}: {e}"
        finally:
            self.client.close()
            self.manager.close()


@unittest.skipUnless(os.geteuid() == 0, "wants root, to change the limits of processes of other users")
class Descriptors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="pysb-descriptors.", dir="/tmp")
        cls.addClassCleanup(directory.cleanup)
        cls.tree = harness.copied_tree(directory.name, None)  # where a reload may read the profiles

    def setUp(self):
        self.daemon = harness.Daemon(self.tree)
        self.addCleanup(self.end)
        self.client = self.daemon.client()
        self.addCleanup(self.client.close)
        self.client.node()  # by then each process has its ids and its limits

    def end(self):
        self.assertEqual(self.daemon.stop(), 0)

    def table(self, process):
        pids = harness.poll_until(lambda: lottery.find(self.daemon, process), f"the {process}")
        return Table(harness.Process(pids[0]))

    def leave_room(self, table, n):
        for _ in range(2):  # who was closed before is so after the second answer
            self.client.node()
        table.leave_room(n)

    def n_refusals(self):
        return self.daemon.read_log().count(NO_ROOM)

    def settle(self):
        """Serves as before, and no box is left of what failed, nor a process that nobody has reaped."""
        with self.daemon.client() as client:
            result = client.run("print('on')")
            self.assertEqual((result.outcome, result.stdout.text), ("success", "on\n"), result.message)
            for info in client.sessions():  # opened for a client that was not told
                client.session(info.session).close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the boxes")
        zombies = [p for p in harness.descendants(self.daemon.process.pid) if p.fields["State"][0] == "Z"]
        harness.poll_until(lambda: not any(os.path.exists(f"/proc/{p.pid}") for p in zombies), f"{zombies} to be reaped")

    def attempt(self, table, room, name):
        """A scenario with so much room; who waits to be accepted has it again."""
        scenario, before = Scenario(self.daemon, name), self.daemon.read_log()
        self.leave_room(table, room)
        scenario.start()
        harness.poll_until(lambda: not scenario.is_alive() or self.n_refusals() > before.count(NO_ROOM), "an answer")
        has_waited = scenario.is_alive()
        table.restore()
        scenario.join()
        has_failed = self.daemon.read_log() != before
        self.assertIsNone(scenario.wrong, f"{name}, room for {room}: {self.daemon.read_log()[-2000:]}")
        self.settle()
        if has_waited:
            return "waited"
        return "no verdict" if has_failed and scenario.said == "as it should" else scenario.said

    def scenario(self, process, name):
        table, said = self.table(process), collections.Counter()
        for _ in range(2):  # templates and caches first
            Scenario(self.daemon, name).run()
        for room in range(ROOM_MAX):
            said[self.attempt(table, room, name)] += 1
            if said["as it should"] == 3:  # nothing that it needs is missing any more
                break
        print(f"# {process}, {name}: {dict(said)}", flush=True)
        self.assertEqual(said["as it should"], 3)
        self.assertGreater(said.total(), 3)


def add(process, name):
    def test(self):
        self.scenario(process, name)
    test.__doc__ = f"the {process} has room for n descriptors: {name}"
    setattr(Descriptors, f"test_{name}_{process}", test)


for process, names in SCENARIOS.items():
    for name in names:
        add(process, name)

if __name__ == "__main__":
    tap.run(Descriptors)

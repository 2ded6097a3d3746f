#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service under load, one of its tenants hostile: nobody else gets an error, memory has its bound, and
nothing is left. Times are tests/bench/tenants.py's: they say something only on a quiet machine."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import flood
import harness
import leftovers
import service
import tap
import varlink

GOOD = (4001, 4002)
CONNECTIONS = 32
LINE, PLACES = 16, 4
TENANTS = f"""
[default]
max_running = {PLACES}
max_queued = 64

[small]
uids = [{flood.HOSTILE + 1}]
max_running = 1
max_queued = {LINE}
max_connections = 4
"""
SMALL = flood.HOSTILE + 1


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Load(unittest.TestCase):
    def setUp(self):
        self.daemon = service.Service(TENANTS)
        self.addCleanup(self.end)
        # Templates, and what the processes keep, are there from the first job on
        flood.load(self.daemon.address, GOOD, 4, 16)
        self.before = leftovers.take(self.daemon)

    def end(self):
        status = self.daemon.stop()
        self.assertEqual(status, 0, "of pysbd")

    def test_hostile(self):
        """beside floods, slow readers, garbage and messages without an end all trivial jobs succeed"""
        with flood.Attacker(self.daemon, CONNECTIONS):
            seconds = flood.load(self.daemon.address, GOOD, CONNECTIONS, 10 * CONNECTIONS)
        self.assertEqual(len(seconds), 10 * CONNECTIONS)
        with self.daemon.client_of(GOOD[0]) as client:
            bound = flood.bound_bytes(client, 1 + len(GOOD))
        self.assertLess(flood.peak_bytes(self.daemon), bound)
        leftovers.expect(self.daemon, self.before)

    def test_queue_full(self):
        """of a flood of submissions those that have a place are accepted, the others told when to come again"""
        n = 500
        with self.daemon.connect(SMALL) as small:
            small.call("Submit", request={"code": "while True: pass",
                                          "limits": {"wallTimeUSec": 60000000}})
            for _ in range(n):
                small.send("Submit", {"request": {"code": "1"}})
            flood.load(self.daemon.address, GOOD, 4, 16)
            n_accepted = 0
            for _ in range(n):
                try:
                    small.receive()
                    n_accepted += 1
                except varlink.Refused as refused:
                    self.assertEqual(refused.name, "QueueFull")
                    self.assertEqual(refused.parameters["scope"], "tenant")
                    self.assertEqual(refused.parameters["queued"], LINE)
                    self.assertGreaterEqual(refused.parameters["retryAfterUSec"], 10000)
            self.assertEqual(n_accepted, LINE)
        flood.cancel_all(self.daemon, SMALL)
        leftovers.expect(self.daemon, self.before)

    def test_connections(self):
        """connections above max_connections are told so and closed at once, however many come; the others live"""
        mine = [self.daemon.client_of(SMALL) for _ in range(4)]
        for client in mine:
            client.who_am_i()
        for _ in range(200):
            with self.daemon.connect(SMALL) as connection:
                self.assertIn(b"QuotaExceeded", connection.socket.recv(1024))
                self.assertEqual(connection.socket.recv(1), b"")
        flood.load(self.daemon.address, GOOD, 4, 16)
        self.assertEqual([client.who_am_i().connections for client in mine], [4] * 4)
        for client in mine:
            client.close()
        leftovers.expect(self.daemon, self.before)

    def test_slow_readers(self):
        """who reads nothing of a long output costs its output limit, and its own buffer"""
        output, n = 8 * flood.MIB, 4
        code = f"print('x' * {output - 1})"
        readers = flood.connect(self.daemon.address, GOOD[:1], n)
        before = flood.resident_bytes(self.daemon)
        for reader in readers:
            reader.run(code=code, limits={"outputBytes": output})
        with self.daemon.client_of(GOOD[0]) as client:
            harness.poll_until(lambda: len(list(client.jobs(states=["finished"]))) >= n, "the end of the jobs")
        cost = (flood.resident_bytes(self.daemon) - before) / n / flood.MIB
        print(f"# {cost:.1f} MiB for each slow reader of {output / flood.MIB:.0f} MiB", flush=True)
        # Kept once, in a buffer that has doubled; up to 2 MiB as JSON; the kernel's socket is not the broker's
        self.assertLess(cost, 2 * output / flood.MIB + 3 + harness.QUARANTINE_BYTES / flood.MIB)
        for reader in readers:
            self.assertEqual(reader.replies()[-1]["result"]["outcome"], "success")
            reader.close()
        leftovers.expect(self.daemon, self.before)


if __name__ == "__main__":
    tap.run(Load)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that do not read: what they cost the broker's memory, and that they cost nobody else anything."""

import os
import select
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import service
import tap
import varlink
from pysb import errors
from tools import Case

MIB = 1 << 20
OUTPUT = 5 * MIB
# Lines are less than a pipe takes
WRITER = ("import _sandbox\n_sandbox.tool_call('echo')\n"
          f"for _ in range({OUTPUT // 32768}): print('x' * 32767, flush=True)")
# What waits for one connection, as PROTOCOL.md has it: 1 MiB and an event, and a buffer has up to twice
# the bytes that are in it. The last MiB is for what malloc() has beside it.
READER_BYTES = 3 * MIB
TENANT_BYTES = 64 * MIB  # of all its connections together


def broker_of(daemon):
    (broker,) = [p for p in harness.descendants(daemon.process.pid) if p.fields["Name"] == "pysbd-broker"]
    return broker


def peak(daemon):
    """The most memory that the broker ever had."""
    return int(broker_of(daemon).fields["VmHWM"].split()[0]) * 1024


def is_closed(connection):
    poll = select.poll()
    poll.register(connection.socket, 0)
    return bool(poll.poll(0))


class SlowReaders(Case):
    READERS = 20

    def submit(self):
        """A job that writes nothing before its tool call is answered, and the call."""
        job = self.other.call("Submit", request={
            "code": WRITER, "profile": "default", "tools": [{"name": "echo"}], "retainUSec": 60_000_000,
            "limits": {"outputBytes": 2 * OUTPUT, "wallTimeUSec": 50_000_000}})["job"]
        self.main.send("Attach", {"job": job}, more=True)
        return job, self.next_call()

    def stall(self, job):
        connection = self.connect()
        connection.send("Attach", {"job": job}, more=True)
        return connection

    def read_late(self, connection, job):
        """Everything, also of a connection whose silence was too long for the daemon: on a machine that has
        other things to do, what happens meanwhile may take more than 45 s."""
        try:
            return self.read_all(connection)
        except errors.Disconnected:
            return self.read_all(self.stall(job))

    def read_all(self, connection):
        n = 0
        while "result" not in (reply := connection.receive()):
            if reply["event"]["kind"] == "output":
                self.assertEqual(reply["event"]["output"]["offset"], n)
                n += len(reply["event"]["output"]["text"])
        self.assertEqual(reply["result"]["outcome"], "success", reply)
        return n

    def run_other_job(self):
        result = self.other.call("Run", request={"code": "print(6 * 7)"})["result"]
        self.assertEqual((result["outcome"], result["stdout"]["text"]), ("success", "42\n"), result)

    def test_memory(self):
        """what waits for each of them is bounded; the job and others go on; nothing is lost"""
        job, call = self.submit()
        self.complete(job, call, resultJson="1")
        self.assertEqual(self.read_all(self.main), OUTPUT)
        before = peak(self.daemon)  # of such a job, and who reads it
        job, call = self.submit()
        stalled = [self.stall(job) for _ in range(self.READERS)]
        self.complete(job, call, resultJson="1")
        self.run_other_job()
        result = self.other.call("Wait", job=job)["result"]
        self.assertEqual((result["outcome"], result["stdout"]["totalBytes"]), ("success", OUTPUT))
        self.run_other_job()
        grown = peak(self.daemon) - before
        print(f"# {self.READERS} stalled readers of {OUTPUT // MIB} MiB: {grown / MIB:.1f} MiB")
        if not harness.SANITIZED:
            # The result of the first job is kept, too
            self.assertLess(grown, self.READERS * READER_BYTES + 2 * OUTPUT)
        for connection in (self.main, stalled[0], stalled[-1]):
            self.assertEqual(self.read_late(connection, job), OUTPUT)

    def test_own_job(self):
        """a job whose own client does not read comes to its end, and its result is there"""
        stalled = self.connect()
        stalled.run(code=WRITER.replace("_sandbox.tool_call('echo')", "pass"), profile="default",
                    labels={"of": "stalled"}, retainUSec=60_000_000, limits={"outputBytes": 2 * OUTPUT,
                                                                            "wallTimeUSec": 50_000_000})
        (job,) = harness.poll_until(lambda: self.other.call("ListJobs", labels={"of": "stalled"})["jobs"],
                                    "the job")
        self.assertEqual(self.other.call("Wait", job=job["job"])["result"]["outcome"], "success")
        self.run_other_job()
        self.assertEqual(self.read_late(stalled, job["job"]), OUTPUT)

    def test_caller(self):
        """who calls and calls, and reads no answer, is not listened to any longer, and loses no answer"""
        self.run_other_job()
        before = peak(self.daemon)
        caller = self.connect()
        message = b'{"method": "io.pysb.sandbox.ListProfiles", "parameters": {}}\0'
        sent, full = 0, -1
        caller.socket.setblocking(False)
        while True:
            try:
                sent += caller.socket.send(message[sent % len(message):])
            except BlockingIOError:
                if sent == full:
                    break
                # Full, or the broker has not got around to it: with the answer to somebody else it has
                full = sent
                self.run_other_job()
        self.assertLess(peak(self.daemon) - before, READER_BYTES + harness.QUARANTINE_BYTES)
        caller.socket.settimeout(harness.PATIENCE)
        for _ in range(sent // len(message)):
            self.assertIn("profiles", caller.receive())


class SlowTenant(unittest.TestCase):
    """Too many of them, all of one tenant, beside another one."""

    READERS = 100  # some 64 have a mebibyte each

    def test_tenant(self):
        if service.reason_not_to():
            self.skipTest(service.reason_not_to())
        daemon = service.Service()
        self.addCleanup(daemon.stop)
        slow, good = (daemon.connect(uid) for uid in (2001, 2002))
        self.addCleanup(slow.close)
        self.addCleanup(good.close)
        request = {"code": WRITER.replace("_sandbox.tool_call('echo')", "pass"),
                   "retainUSec": 600_000_000, "limits": {"outputBytes": 2 * OUTPUT, "wallTimeUSec": 50_000_000}}
        job = slow.call("Submit", request=request)["job"]
        result = slow.call("Wait", job=job)["result"]
        self.assertEqual((result["outcome"], result["stdout"]["totalBytes"]), ("success", OUTPUT), result)
        before = peak(daemon)
        stalled = []
        for n in range(self.READERS):
            connection = daemon.connect(2001)
            self.addCleanup(connection.close)
            connection.send("Attach", {"job": job}, more=True)
            stalled.append(connection)
            if n % 10 == 9:
                result = good.call("Run", request={"expression": "6 * 7"})["result"]
                self.assertEqual(result["resultJson"], "42")
        # Those that are one too many are told so by the end of their connection
        harness.poll_until(lambda: any(map(is_closed, stalled)), "the end of a connection")
        grown = peak(daemon) - before
        print(f"# {self.READERS} stalled readers of one tenant: {grown / MIB:.1f} MiB")
        if not harness.SANITIZED:
            self.assertLess(grown, TENANT_BYTES + READER_BYTES + 16 * MIB)
        for connection in stalled:
            connection.close()
        slow.send("Attach", {"job": job}, more=True)
        while "result" not in (reply := slow.receive()):
            pass
        self.assertEqual(reply["result"]["outcome"], "success")


if __name__ == "__main__":
    tap.run(SlowReaders, SlowTenant)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that do not read: what they cost the broker's memory, and that they cost nobody else anything. A Stream
of the Python client is not read before somebody asks for its next event."""

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

MIB = 1 << 20
OUTPUT = 5 * MIB
# Lines are less than a pipe takes
WRITER = ("import _sandbox\n_sandbox.tool_call('echo')\n"
          f"for _ in range({OUTPUT // 32768}): print('x' * 32767, flush=True)")
# What waits for one connection, as PROTOCOL.md has it: 1 MiB and an event, and a buffer has up to twice
# the bytes that are in it. The last MiB is for what malloc() has beside it.
READER_BYTES = 3 * MIB
TENANT_BYTES = 64 * MIB  # of all its connections together


OPTIONS = {"retain_usec": 600_000_000,
           "limits": {"output_bytes": 2 * OUTPUT, "wall_time_usec": 50_000_000}}


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


class SlowReaders(harness.OnOneDaemon):
    READERS = 20

    def submit(self):
        """A job that writes nothing before its tool call is answered, its events, and the call."""
        job = self.client.job(self.client.submit(WRITER, tools={"echo": print}, **OPTIONS).id)
        stream = self.stall(job)
        return job, stream, harness.next_event(stream, "tool_call").tool_call

    def stall(self, job):
        stream = job.stream()
        self.addCleanup(stream.close)
        return stream

    def read_late(self, stream, job):
        """Everything, also of a connection whose silence was too long for the daemon: on a machine that has
        other things to do, what happens meanwhile may take more than 45 s."""
        try:
            return self.read_all(stream)
        except errors.Disconnected:
            return self.read_all(self.stall(job))

    def read_all(self, stream):
        n = 0
        for event in stream:
            if event.output:
                self.assertEqual(event.output.offset, n)
                n += len(event.output.data)
        self.assertEqual(stream.result.outcome, "success", stream.result)
        return n

    def run_other_job(self):
        self.assertEqual(self.client.run("print(6 * 7)").check().stdout.text, "42\n")

    def test_memory(self):
        """what waits for each of them is bounded; the job and others go on; nothing is lost"""
        job, stream, call = self.submit()
        self.client.complete_tool_call(job.id, call.call_id, 1)
        self.assertEqual(self.read_all(stream), OUTPUT)
        before = peak(self.daemon)  # of such a job, and who reads it
        job, stream, call = self.submit()
        stalled = [self.stall(job) for _ in range(self.READERS)]
        self.client.complete_tool_call(job.id, call.call_id, 1)
        self.run_other_job()
        self.assertEqual(job.result().check().stdout.total_bytes, OUTPUT)
        self.run_other_job()
        grown = peak(self.daemon) - before
        print(f"# {self.READERS} stalled readers of {OUTPUT // MIB} MiB: {grown / MIB:.1f} MiB")
        if not harness.SANITIZED:
            # The result of the first job is kept, too
            self.assertLess(grown, self.READERS * READER_BYTES + 2 * OUTPUT)
        for each in (stream, stalled[0], stalled[-1]):
            self.assertEqual(self.read_late(each, job), OUTPUT)

    def test_own_job(self):
        """a job whose own client does not read comes to its end, and its result is there"""
        stalled = self.client.stream(WRITER.replace("_sandbox.tool_call('echo')", "pass"), **OPTIONS)
        self.addCleanup(stalled.close)
        job = self.client.job(next(stalled).job)
        self.assertEqual(job.result().outcome, "success")
        self.run_other_job()
        self.assertEqual(self.read_late(stalled, job), OUTPUT)

    def test_caller(self):
        """who calls and calls, and reads no answer, is not listened to any longer, and loses no answer"""
        self.run_other_job()
        before = peak(self.daemon)
        caller = varlink.Connection(self.daemon.address)
        self.addCleanup(caller.close)
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
        slow, good = (daemon.client_of(uid) for uid in (2001, 2002))
        self.addCleanup(slow.close)
        self.addCleanup(good.close)
        job = slow.submit(WRITER.replace("_sandbox.tool_call('echo')", "pass"), **OPTIONS)
        self.assertEqual(job.result().check().stdout.total_bytes, OUTPUT)
        before = peak(daemon)
        stalled = []
        for n in range(self.READERS):
            connection = daemon.connect(2001)
            self.addCleanup(connection.close)
            connection.send("Attach", {"job": job.id}, more=True)
            stalled.append(connection)
            if n % 10 == 9:
                self.assertEqual(good.run(expression="6 * 7").value, 42)
        # Those that are one too many are told so by the end of their connection
        harness.poll_until(lambda: any(map(is_closed, stalled)), "the end of a connection")
        grown = peak(daemon) - before
        print(f"# {self.READERS} stalled readers of one tenant: {grown / MIB:.1f} MiB")
        if not harness.SANITIZED:
            self.assertLess(grown, TENANT_BYTES + READER_BYTES + 16 * MIB)
        for connection in stalled:
            connection.close()
        self.assertEqual(job.stream().wait().outcome, "success")


if __name__ == "__main__":
    tap.run(SlowReaders, SlowTenant)

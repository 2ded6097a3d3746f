#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes in and out while a job runs: WriteInput, events of all kinds, Attach, ForgetJob."""

import os
import sys
import threading

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import varlink
from harness import next_event
from pysb import errors
from tools import SPIN

LONG = {"wall_time_usec": 50_000_000}
PIPE_BYTES = 65536
READER = "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: print('got', line, end='', flush=True)"


class Streaming(harness.OnOneDaemon):
    def start(self, code, **options):
        """Starts a program; returns its events, and how to reach it from elsewhere."""
        stream = self.client.stream(code, **{"profile": "raw"} | options)
        self.addCleanup(stream.close)
        return stream, self.client.job(next_event(stream, "accepted").job)

    def start_reader(self, code=READER, **options):
        stream, job = self.start(code, **{"stdin_open": True, "limits": LONG} | options)
        self.assertEqual(self.next_output(stream), "ready\n")
        return stream, job

    def next_output(self, stream):
        return next_event(stream, "output").output.text

    def connect(self):
        """For what waits while others go on: a raw call on a connection of its own."""
        connection = varlink.Connection(self.daemon.address)
        self.addCleanup(connection.close)
        return connection


class Input(Streaming):
    def test_dialogue(self):
        """a program answers each line that it is given"""
        stream, job = self.start_reader()
        for line in ("one\n", "zwölf\n", "three\n"):
            self.assertEqual(job.write_input(line), len(line.encode()))
            self.assertEqual(self.next_output(stream), "got " + line)
        self.assertEqual(job.write_input(b"four\n", end_of_file=True), 5)
        self.assertEqual(self.next_output(stream), "got four\n")
        self.assertEqual(stream.wait().outcome, "success")

    def test_judge(self):
        """two jobs play with each other: the output of each is the input of the other"""
        guesser = ("low, high = 0, 1000\nwhile True:\n    guess = (low + high) // 2\n"
                   "    print(guess, flush=True)\n    answer = input()\n"
                   "    if answer == 'right': break\n"
                   "    low, high = (guess + 1, high) if answer == 'more' else (low, guess)\n"
                   "result = guess")
        judge = ("for n in range(20):\n    guess = int(input())\n"
                 "    print('right' if guess == 612 else 'more' if guess < 612 else 'less', flush=True)\n"
                 "    if guess == 612: break")
        (first, first_job), (second, second_job) = (
            self.start(code, profile="default", stdin_open=True, limits=LONG) for code in (guesser, judge))
        answer = ""
        while answer != "right\n":
            second_job.write_input(self.next_output(first))
            answer = self.next_output(second)
            first_job.write_input(answer)
        self.assertEqual(first.wait().value, 612)
        self.assertEqual(second.wait().outcome, "success")

    def test_end_only(self):
        """endOfFile needs no bytes; nothing is taken after it"""
        stream, job = self.start_reader("import sys, time\nprint('ready', flush=True)\nsys.stdin.read()\n"
                                        "print('end', flush=True)\ntime.sleep(1000)")
        self.assertEqual(job.write_input(end_of_file=True), 0)
        self.assertEqual(self.next_output(stream), "end\n")
        with self.assertRaises(errors.JobNotAccepting) as refused:
            job.write_input("x")
        self.assertEqual(refused.exception.parameters, {"job": job.id, "state": "running"})
        job.cancel(grace_usec=0)
        stream.wait()

    def test_flow(self):
        """who writes more than the pipe takes waits for the program; the order is that of the calls"""
        code = ("import sys\nprint('ready', flush=True)\nfirst = sys.stdin.buffer.readline()\n"
                "rest = sys.stdin.buffer.read()\nprint(first, len(rest), rest[-3:])")
        stream, job = self.start_reader(code)
        # Nobody takes the second one before the end of the input is known to the program
        self.assertEqual(job.write_input("a" * (4 * PIPE_BYTES) + "\n"), 4 * PIPE_BYTES + 1)
        self.assertEqual(job.write_input("b" * (4 * PIPE_BYTES)), 4 * PIPE_BYTES)
        self.assertEqual(job.write_input("c\n", end_of_file=True), 2)
        result = stream.wait()
        self.assertEqual(result.outcome, "success", result)
        self.assertTrue(result.stdout.text.endswith(f" {4 * PIPE_BYTES + 2} b'bc\\n'\n"),
                        result.stdout.text[-100:])

    def test_nobody_reads(self):
        """a program that does not read holds up its own writers only, until it ends"""
        stream, job = self.start_reader("print('ready', flush=True)\n" + SPIN,
                                        limits={"wall_time_usec": 1_000_000})
        waiting = [self.connect() for _ in range(3)]
        for connection in waiting:
            connection.send("WriteInput", {"job": job.id, "text": "x" * (2 * PIPE_BYTES)})
        self.assertEqual(self.client.run("print(1)").stdout.text, "1\n")
        for connection in waiting:
            with self.assertRaises(varlink.Refused) as refused:
                connection.receive()
            self.assertEqual(refused.exception.name, "JobNotAccepting")
        self.assertEqual(stream.wait().outcome, "wall_time_limit")

    def test_order(self):
        """what was written before a tool call or a display is told before it"""
        stream, _ = self.start("import _sandbox\nfor i in range(1, 31):\n    print(i, flush=True)\n"
                               "    _sandbox.tool_call('echo')\n    print(-i, flush=True)\n"
                               "    _sandbox.display('text/plain', str(i))", tools={"echo": lambda: 1})
        seen, calls, displays = [], 0, 0
        for event in stream:
            if event.kind == "output":
                seen += event.output.text.split()
            elif event.kind == "tool_call":
                calls += 1
                self.assertIn(str(calls), seen)
            elif event.kind == "display":
                displays += 1
                self.assertIn(str(-displays), seen)
        self.assertEqual((calls, displays), (30, 30), stream.result)

    def test_writer_leaves(self):
        """a writer that goes away takes back what is not in the pipe; the next one goes on"""
        answer = threading.Event()
        self.addCleanup(answer.set)
        stream, job = self.start_reader(
            "import sys, _sandbox\nprint('ready', flush=True)\n"
            "_sandbox.tool_call('echo')\nprint(sys.stdin.read().lstrip('x'))", tools={"echo": answer.wait})
        next_event(stream, "tool_call")
        gone, next_one = self.connect(), self.connect()
        gone.send("WriteInput", {"job": job.id, "text": "x" * (2 * PIPE_BYTES)})
        self.assertEqual(job.info().state, "waiting_tool")
        next_one.send("WriteInput", {"job": job.id, "text": "end", "endOfFile": True})
        gone.close()
        answer.set()
        self.assertEqual(next_one.receive(), {"writtenBytes": 3})
        result = stream.wait()
        self.assertEqual((result.stdout.text, result.outcome), ("ready\nend\n", "success"), result)

    def test_before_the_start(self):
        """a write waits with a job that waits in the queue, and goes with it"""
        busy = [self.client.submit(SPIN, limits=LONG) for _ in range(self.client.node().max_running_jobs)]
        stream, job = self.start("print(input())", profile="default", stdin_open=True)
        self.assertEqual(job.info().state, "queued")
        writer = self.connect()
        writer.send("WriteInput", {"job": job.id, "text": "early\n"})
        gone, lost = self.start("1", profile="default", stdin_open=True)
        gone.close()
        harness.poll_until(lambda: self.is_forgotten(lost), "the end of a queued job without a client")
        for each in busy:
            each.cancel(grace_usec=0)
        self.assertEqual(writer.receive(), {"writtenBytes": 6})
        self.assertEqual(stream.wait().stdout.text, "early\n")

    def is_forgotten(self, job):
        try:
            job.info()
        except errors.JobNotFound:
            return True
        return False

    def test_closed_by_the_program(self):
        """a program that closes its stdin takes no more"""
        stream, job = self.start_reader(
            "import os, time\nos.close(0)\nprint('ready', flush=True)\ntime.sleep(1000)")
        self.assertRaises(errors.JobNotAccepting, job.write_input, "x")
        job.cancel(grace_usec=0)
        stream.wait()

    def test_errors(self):
        """no such job, one without stdinOpen, one that has ended, no bytes, both kinds, no Base64"""
        job = self.client.submit("input()", stdin_open=True)
        closed = self.client.submit("1")
        closed.result()
        self.assertRaises(errors.JobNotFound, self.client.job("0" * 32).write_input, "x")
        self.assertRaises(errors.JobNotAccepting, closed.write_input, "x")
        self.assertRaises(errors.InvalidRequest, job.write_input)
        for parameters in ({"text": "x", "data": "AA=="}, {"data": "*"}):  # the client sends no such thing
            self.assertRaises(errors.InvalidRequest, self.client.call, "WriteInput",
                              {"job": job.id, **parameters})
        self.assertRaises(errors.InvalidRequest, self.client.run, "1", stdin_open=True, stdin="x")
        job.cancel(grace_usec=0)


class Events(Streaming):
    def test_heartbeat_and_usage(self):
        """silence and figures at the intervals asked for, with the number of the event before"""
        stream, _ = self.start("print('ready', flush=True)\n" + SPIN, limits={"wall_time_usec": 1_500_000},
                               heartbeat_usec=1_000_000, profile="default")
        last = next_event(stream, "output").sequence
        self.assertEqual(next_event(stream, "heartbeat").sequence, last)
        stream.wait()
        stream, _ = self.start("print('ready', flush=True)\n" + SPIN, limits={"wall_time_usec": 1_000_000},
                               usage_interval_usec=100_000, profile="default")
        next_event(stream, "output")
        first, second = (next_event(stream, "usage").usage for _ in range(2))
        self.assertLess(first.wall_time_usec, second.wall_time_usec)
        self.assertEqual(second.stdout_bytes, 6)
        stream.wait()
        for wrong in ({"heartbeat_usec": 999_999}, {"usage_interval_usec": 99_999}):
            self.assertRaises(errors.InvalidRequest, self.client.run, "1", **wrong)

    def test_usage_now(self):
        """memory and CPU time of this moment, while the program runs"""
        answer = threading.Event()
        self.addCleanup(answer.set)
        stream, job = self.start(
            "import _sandbox\nx = bytearray(b'x') * (64 << 20)\n_sandbox.tool_call('echo')\n"
            "del x\nprint('ready', flush=True)\n" + SPIN, limits=LONG, usage_interval_usec=100_000,
            tools={"echo": answer.wait})

        def next_usage():
            return next_event(stream, "usage").usage
        next_event(stream, "tool_call")
        self.assertGreater(next_usage().memory_bytes, 64 << 20)
        answer.set()
        next_event(stream, "output")
        # Less memory, and more CPU time from one event to another
        first = next_usage()
        while first.memory_bytes > 64 << 20:
            first = next_usage()
        while next_usage().cpu_user_usec < first.cpu_user_usec + 50_000:
            pass
        job.cancel(grace_usec=0)
        self.assertIsNone(stream.wait().usage.memory_bytes)

    def test_violation(self):
        """what the policy blocks is an event while the program goes on"""
        stream, _ = self.start("try:\n    __import__('ctypes')\nexcept ImportError:\n    pass\n" + SPIN,
                               profile="default", limits={"wall_time_usec": 1_000_000})
        violation = next_event(stream, "violation").violation
        self.assertEqual((violation.layer, violation.subject), ("import_policy", "ctypes"))
        self.assertEqual(stream.wait().violations[0].count, 1)

    def test_kinds(self):
        """Attach sends the kinds asked for, and always the result"""
        job = self.client.submit("print('x')")
        job.result()
        for kinds, seen in ((["output"], ["output"]), ([], []), (["accepted", "started"],) * 2):
            with job.stream(kinds=kinds) as stream:
                self.assertEqual([event.kind for event in stream], seen)
                self.assertEqual(stream.result.outcome, "success")
        self.assertRaises(errors.InvalidParameter, job.stream(kinds=["nothing"]).wait)

    def test_stalled(self):
        """a client that does not read costs the others nothing, and loses nothing itself"""
        job = self.client.submit("for n in range(8000): print(n, 'x' * 120)")
        stalled = job.stream()
        self.assertEqual(job.result().outcome, "success")
        text = job.stream().wait().stdout.text
        self.assertEqual(stalled.wait().stdout.text, text)
        self.assertEqual(text.count("\n"), 8000)


class Forget(Streaming):
    def test_forget(self):
        """ForgetJob drops a result before its time, and refuses a job that has not ended"""
        job = self.client.submit("print(1)", labels={"f": "1"})
        job.result()
        info = job.info()
        self.assertEqual(info.retained_until_usec, info.finished_at_usec + 600_000_000)
        job.forget()
        for method in (job.info, job.wait, job.forget, job.cancel):
            self.assertRaises(errors.JobNotFound, method)
        self.assertEqual(list(self.client.jobs(labels={"f": "1"})), [])
        job = self.client.submit(SPIN, limits=LONG)
        self.assertRaises(errors.InvalidRequest, job.forget)
        job.cancel(grace_usec=0)


if __name__ == "__main__":
    tap.run(Input, Events, Forget)

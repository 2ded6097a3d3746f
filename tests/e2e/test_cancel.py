#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a job is made to end: Cancel with its grace, wherever the program is."""

import os
import signal
import sys
import threading

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from pysb import errors

LONG_USEC = 50_000_000
LONG = {"wall_time_usec": LONG_USEC}
# Each waits somewhere else, and ends itself when it is interrupted
PLACES = {
    "a loop": "while True: pass",
    "sleep": "time.sleep(1000)",
    "a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a C loop that looks": "re.match('(a+)+b', 'a' * 60)",
    "input": "input()",
    "a child": "os.wait()",
    "asyncio": "asyncio.run(asyncio.sleep(1000))",
    "a tool call": "_sandbox.tool_call('echo')",
    "an awaited tool call": "await _sandbox.tool_call_async('echo')",
    "a join": "l = _thread.allocate_lock(); l.acquire()\n"
              "t = threading.Thread(target=l.acquire, daemon=True); t.start(); t.join()",
}
# Not when the program has said that it is ready: CPython forgets a KeyboardInterrupt in a callback, and import and
# fork have some
IMPORTS = "import asyncio, os, re, threading, time, _sandbox, _thread\n"
CHILD = "os.fork() or time.sleep(1000)\n"
HANDLER = """
try:
    print("ready", flush=True)
    {}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
"""
DEAF = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('ready', flush=True)
while True: pass
"""


class Cancel(harness.OnOneDaemon):
    def start(self, code, **options):
        """Starts a program; returns its events, and how to reach it from elsewhere."""
        stream = self.client.stream(code, **{"profile": "raw", "limits": LONG} | options)
        self.addCleanup(stream.close)
        return stream, self.client.job(harness.next_event(stream, "accepted").job)

    def start_ready(self, code, **options):
        """Starts a program and waits for the line that it writes."""
        stream, job = self.start(code, **options)
        self.assertEqual(harness.next_event(stream, "output").output.text, "ready\n")
        return stream, job

    def check_place(self, code):
        # The stack of lines that the handler has around the code
        program = IMPORTS + (CHILD if "wait()" in code else "") + HANDLER.format(code.replace("\n", "\n    "))
        if "tool_call" in code:
            over = threading.Event()
            self.addCleanup(over.set)
            # Its event and that of "ready" come in any order: by two pipes
            stream, job = self.start(program, tools={"echo": over.wait})
            harness.next_event(stream, "tool_call")
        else:
            stream, job = self.start_ready(program, stdin_open=True)
        self.assertEqual(job.cancel("enough", LONG_USEC), "cancelling")
        result = stream.wait()
        self.assertIn("interrupted\n", result.stdout.text)
        self.assertEqual((result.outcome, result.message, result.exit_code),
                         ("cancelled", "cancelled: enough", 1), result)
        self.assertEqual(result.exception.type, "KeyboardInterrupt")

    def test_nudge(self):
        """a call that blocks although the signal has come, to another thread here, is ended"""
        stream, job = self.start_ready(
            "import signal, threading, time\n"
            "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n" +
            HANDLER.format("input()"), stdin_open=True)
        job.cancel(grace_usec=LONG_USEC)
        result = stream.wait()
        self.assertEqual((result.stdout.text[:18], result.outcome), ("ready\ninterrupted\n", "cancelled"))

    def test_ignored(self):
        """a program that ignores SIGINT is killed when its grace is over"""
        stream, job = self.start_ready(DEAF)
        job.cancel(grace_usec=300_000)
        self.assertEqual(job.info().state, "cancelling")
        result = stream.wait()
        self.assertEqual((result.outcome, result.message), ("cancelled", "cancelled: by the client"))
        self.assertIsNone(result.exit_code)

    def test_caught(self):
        """a program that catches it and ends well is cancelled even so, with what it has to say"""
        stream, job = self.start_ready("import time\ntry:\n    print('ready', flush=True)\n"
                                       "    time.sleep(1000)\nexcept KeyboardInterrupt:\n    result = 'saved'")
        job.cancel(grace_usec=LONG_USEC)
        result = stream.wait()
        self.assertEqual((result.outcome, result.exit_code, result.result_json),
                         ("cancelled", 0, '"saved"'), result)
        self.assertIsNone(result.exception)

    def test_no_grace(self):
        """0 kills at once: the program sees nothing"""
        stream, job = self.start_ready(HANDLER.format("while True: pass"))
        job.cancel(grace_usec=0)
        result = stream.wait()
        self.assertEqual((result.stdout.text, result.outcome), ("ready\n", "cancelled"))
        self.assertIsNone(result.exception)

    def test_shorter(self):
        """a second Cancel can make the grace shorter, and not longer"""
        stream, job = self.start_ready(DEAF, retain_usec=60_000_000)
        for grace, reason in ((LONG_USEC, "first"), (0, "second"), (LONG_USEC, "third")):
            job.cancel(reason, grace)
        result = stream.wait()
        self.assertEqual(result.message, "cancelled: first")
        self.assertLess(result.usage.wall_time_usec, LONG_USEC / 2)

    def test_profiles(self):
        """null is the profile's choice: default gives time, eval does not"""
        code = "try:\n    print('ready', flush=True)\n    while True: pass\n" \
               "except KeyboardInterrupt:\n    print('interrupted', flush=True)"
        for profile, output in (("default", "ready\ninterrupted\n"), ("eval", "ready\n")):
            stream, job = self.start_ready(code, profile=profile)
            job.cancel()
            result = stream.wait()
            self.assertEqual((result.stdout.text, result.outcome), (output, "cancelled"), profile)

    def test_limit(self):
        """limits hold during the grace, and are the outcome then"""
        stream, job = self.start_ready(DEAF, limits={"wall_time_usec": 1_000_000})
        job.cancel(grace_usec=LONG_USEC)
        self.assertEqual(stream.wait().outcome, "wall_time_limit")

    def test_finished(self):
        """a job that has ended is not cancelled, and that is no error"""
        job = self.client.submit("1")
        self.assertEqual(job.result().outcome, "success")
        self.assertEqual(job.cancel(grace_usec=1), "finished")
        self.assertEqual(job.result().outcome, "success")

    def test_pysbctl(self):
        """pysbctl cancel --grace and forget; a time that is none"""
        stream, job = self.start_ready(HANDLER.format("while True: pass"), detach=True, retain_usec=60_000_000)
        self.assertEqual(self.daemon.call("cancel", "--grace", "50s", job.id).status, 0)
        result = stream.wait()
        self.assertIn("interrupted\n", result.stdout.text)
        self.assertEqual(result.outcome, "cancelled")
        self.assertEqual(self.daemon.call("cancel", "--grace", "soon", job.id).status, 125)
        self.assertEqual(self.daemon.call("forget", job.id).status, 0)
        self.assertNotEqual(self.daemon.call("forget", job.id).status, 0)

    def test_interrupt(self):
        """the first ^C of pysbctl submit is for the program, the second one kills it"""
        caught = "try:\n    print('ready', flush=True)\n    while True: pass\n" \
                 "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
        process = self.daemon.start(caught)
        harness.read_until(process.stdout, b"ready\n")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual((out, process.returncode), (b"interrupted\n", 130))
        again = "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt:\n" \
                "        print('no', flush=True)"
        process = self.daemon.start(caught + again, "-p", "raw")
        harness.read_until(process.stdout, b"ready\n")
        process.send_signal(signal.SIGINT)
        harness.read_until(process.stdout, b"interrupted\n")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 130)

    def test_errors(self):
        """no such job, a reason that is too long, a grace below 0"""
        job = self.client.submit("1")
        for wrong, options, error in ((self.client.job("f" * 32), {}, errors.JobNotFound),
                                      (job, {"reason": "x" * 257}, errors.InvalidRequest),
                                      (job, {"grace_usec": -1}, errors.InvalidParameter)):
            with self.assertRaises(error):
                wrong.cancel(**options)


for number, (place, code) in enumerate(PLACES.items()):
    def test(self, code=code):
        self.check_place(code)
    test.__doc__ = f"KeyboardInterrupt reaches {place}"
    setattr(Cancel, f"test_place_{number}", test)

if __name__ == "__main__":
    tap.run(Cancel)

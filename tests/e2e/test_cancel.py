#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a job is made to end: Cancel with its grace, wherever the program is."""

import os
import signal
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from tools import Case
from varlink import Refused

LONG_USEC = 50_000_000
# Each waits somewhere else, and ends itself when it is interrupted
PLACES = {
    "a loop": "while True: pass",
    "sleep": "import time; time.sleep(1000)",
    "a lock": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a C loop that looks": "import re; re.match('(a+)+b', 'a' * 60)",
    "input": "input()",
    "a child": "import subprocess; subprocess.run(['/usr/bin/python3', '-c', 'input()'])",
    "asyncio": "import asyncio; asyncio.run(asyncio.sleep(1000))",
    "a tool call": "import _sandbox; _sandbox.tool_call('echo')",
    "an awaited tool call": "import _sandbox; await _sandbox.tool_call_async('echo')",
    "a join": "import threading, _thread; l = _thread.allocate_lock(); l.acquire()\n"
              "t = threading.Thread(target=l.acquire, daemon=True); t.start(); t.join()",
}
HANDLER = """
try:
    print("ready", flush=True)
    {}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
"""


class Cancel(Case):
    def start_ready(self, code, **request):
        """Starts a program and waits for the line that it writes."""
        job = self.start(code, **{"limits": {"wallTimeUSec": LONG_USEC}} | request)
        self.assertEqual(self.main.next("output")["output"]["text"], "ready\n")
        return job

    def finish(self):
        """The rest of the output, and the result."""
        text = ""
        while True:
            reply = self.main.receive()
            if "result" in reply:
                return text, reply["result"]
            if reply["event"]["kind"] == "output":
                text += reply["event"]["output"]["text"]

    def check_place(self, code):
        # The stack of lines that the handler has around the code
        program = HANDLER.format(code.replace("\n", "\n    "))
        if "tool_call" in code:
            # Its event and that of "ready" come in any order: by two pipes
            job = self.start(program, limits={"wallTimeUSec": LONG_USEC})
            self.next_call()
        else:
            job = self.start_ready(program, stdinOpen=True)
        state = self.other.call("Cancel", job=job, graceUSec=LONG_USEC, reason="enough")["state"]
        self.assertEqual(state, "cancelling")
        text, result = self.finish()
        self.assertIn("interrupted\n", text)
        self.assertEqual((result["outcome"], result["message"], result["exitCode"]),
                         ("cancelled", "cancelled: enough", 1), result)
        self.assertEqual(result["exception"]["type"], "KeyboardInterrupt")

    def test_nudge(self):
        """a call that blocks although the signal has come, to another thread here, is ended"""
        job = self.start_ready("import signal, threading, time\n"
                               "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
                               "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n" +
                               HANDLER.format("input()"), stdinOpen=True)
        self.other.call("Cancel", job=job, graceUSec=LONG_USEC)
        text, result = self.finish()
        self.assertEqual((text[:12], result["outcome"]), ("interrupted\n", "cancelled"))

    def test_ignored(self):
        """a program that ignores SIGINT is killed when its grace is over"""
        job = self.start_ready("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                               "print('ready', flush=True)\nwhile True: pass")
        self.other.call("Cancel", job=job, graceUSec=300000)
        self.assertEqual(self.other.call("GetJob", job=job)["info"]["state"], "cancelling")
        _, result = self.finish()
        self.assertEqual((result["outcome"], result["message"]), ("cancelled", "cancelled: by the client"))
        self.assertNotIn("exitCode", result)

    def test_caught(self):
        """a program that catches it and ends well is cancelled even so, with what it has to say"""
        job = self.start_ready("import time\ntry:\n    print('ready', flush=True)\n"
                               "    time.sleep(1000)\nexcept KeyboardInterrupt:\n    result = 'saved'")
        self.other.call("Cancel", job=job, graceUSec=LONG_USEC)
        _, result = self.finish()
        self.assertEqual((result["outcome"], result["exitCode"], result["resultJson"]),
                         ("cancelled", 0, '"saved"'), result)
        self.assertNotIn("exception", result)

    def test_no_grace(self):
        """0 kills at once: the program sees nothing"""
        job = self.start_ready(HANDLER.format("while True: pass"))
        self.other.call("Cancel", job=job, graceUSec=0)
        text, result = self.finish()
        self.assertEqual((text, result["outcome"]), ("", "cancelled"))
        self.assertNotIn("exception", result)

    def test_shorter(self):
        """a second Cancel can make the grace shorter, and not longer"""
        job = self.start_ready("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                               "print('ready', flush=True)\nwhile True: pass", retainUSec=60_000_000)
        for grace, reason in ((LONG_USEC, "first"), (0, "second"), (LONG_USEC, "third")):
            self.other.call("Cancel", job=job, graceUSec=grace, reason=reason)
        _, result = self.finish()
        self.assertEqual(result["message"], "cancelled: first")
        self.assertLess(result["usage"]["wallTimeUSec"], LONG_USEC / 2)

    def test_profiles(self):
        """null is the profile's choice: default gives time, eval does not"""
        code = "import time\ntry:\n    print('ready', flush=True)\n    while True: pass\n" \
               "except KeyboardInterrupt:\n    print('interrupted', flush=True)"
        for profile, output in (("default", "interrupted\n"), ("eval", "")):
            self.setUp()
            job = self.start_ready(code.replace("import time\n", ""), profile=profile, tools=[])
            self.other.call("Cancel", job=job)
            text, result = self.finish()
            self.assertEqual((text, result["outcome"]), (output, "cancelled"), profile)

    def test_limit(self):
        """limits hold during the grace, and are the outcome then"""
        job = self.start_ready("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                               "print('ready', flush=True)\nwhile True: pass",
                               limits={"wallTimeUSec": 1000000})
        self.other.call("Cancel", job=job, graceUSec=LONG_USEC)
        self.assertEqual(self.finish()[1]["outcome"], "wall_time_limit")

    def test_finished(self):
        """a job that has ended is not cancelled, and that is no error"""
        job = self.other.call("Submit", request={"code": "1"})["job"]
        self.assertEqual(self.other.call("Wait", job=job)["result"]["outcome"], "success")
        self.assertEqual(self.other.call("Cancel", job=job, graceUSec=1)["state"], "finished")
        self.assertEqual(self.other.call("Wait", job=job)["result"]["outcome"], "success")

    def test_pysbctl(self):
        """pysbctl cancel --grace and forget; a time that is none"""
        job = self.start_ready(HANDLER.format("while True: pass"), detach=True, retainUSec=60_000_000)
        self.assertEqual(self.daemon.call("cancel", "--grace", "50s", job).status, 0)
        text, result = self.finish()
        self.assertIn("interrupted\n", text)
        self.assertEqual(result["outcome"], "cancelled")
        self.assertEqual(self.daemon.call("cancel", "--grace", "soon", job).status, 125)
        self.assertEqual(self.daemon.call("forget", job).status, 0)
        self.assertNotEqual(self.daemon.call("forget", job).status, 0)

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
        job = self.other.call("Submit", request={"code": "1"})["job"]
        for parameters, name in (({"job": "f" * 32}, "JobNotFound"),
                                 ({"job": job, "reason": "x" * 257}, "InvalidRequest"),
                                 ({"job": job, "graceUSec": -1}, "org.varlink.service.InvalidParameter")):
            with self.assertRaises(Refused) as refused:
                self.other.call("Cancel", **parameters)
            self.assertEqual(refused.exception.name, name)


for number, (place, code) in enumerate(PLACES.items()):
    def test(self, code=code):
        self.check_place(code)
    test.__doc__ = f"KeyboardInterrupt reaches {place}"
    setattr(Cancel, f"test_place_{number}", test)

if __name__ == "__main__":
    tap.run(Cancel)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes in and out while a job runs: WriteInput, events of all kinds, Attach, ForgetJob."""

import base64
import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from tools import SPIN, Case
from varlink import Refused

LONG = {"wallTimeUSec": 50_000_000}
PIPE_BYTES = 65536
READER = "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: print('got', line, end='', flush=True)"


class Streaming(Case):
    def start_reader(self, code=READER, **request):
        job = self.start(code, **{"stdinOpen": True, "limits": LONG} | request)
        self.assertEqual(self.main.next("output")["output"]["text"], "ready\n")
        return job

    def write(self, job, text="", **parameters):
        return self.other.call("WriteInput", job=job, **{"text": text} | parameters)["writtenBytes"]

    def rest(self):
        """The output that is still to come, and the result."""
        text = ""
        while True:
            reply = self.main.receive()
            if "result" in reply:
                return text, reply["result"]
            if reply["event"]["kind"] == "output":
                text += reply["event"]["output"]["text"]

    def assert_refused(self, name, method, **parameters):
        with self.assertRaises(Refused) as refused:
            self.other.call(method, **parameters)
        self.assertEqual(refused.exception.name, name)
        return refused.exception.parameters


class Input(Streaming):
    def test_dialogue(self):
        """a program answers each line that it is given"""
        job = self.start_reader()
        for line in ("one\n", "zwölf\n", "three\n"):
            self.assertEqual(self.write(job, line), len(line.encode()))
            self.assertEqual(self.main.next("output")["output"]["text"], "got " + line)
        data = base64.b64encode(b"four\n").decode()
        self.assertEqual(self.other.call("WriteInput", job=job, data=data, endOfFile=True), {"writtenBytes": 5})
        text, result = self.rest()
        self.assertEqual((text, result["outcome"]), ("got four\n", "success"))

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
        players = [(self.connect(), code) for code in (guesser, judge)]
        for connection, code in players:
            connection.run(code=code, stdinOpen=True, limits=LONG)
        (first, _), (second, _) = players
        jobs = [connection.next("accepted")["job"] for connection, _ in players]
        answer = ""
        while answer != "right\n":
            self.write(jobs[1], first.next("output")["output"]["text"])
            answer = second.next("output")["output"]["text"]
            self.write(jobs[0], answer)
        self.assertEqual(first.result()["resultJson"], "612")
        self.assertEqual(second.result()["outcome"], "success")

    def test_end_only(self):
        """endOfFile needs no bytes; nothing is taken after it"""
        job = self.start_reader("import sys, time\nprint('ready', flush=True)\nsys.stdin.read()\n"
                                "print('end', flush=True)\ntime.sleep(1000)")
        self.assertEqual(self.other.call("WriteInput", job=job, endOfFile=True), {"writtenBytes": 0})
        self.assertEqual(self.main.next("output")["output"]["text"], "end\n")
        refusal = self.assert_refused("JobNotAccepting", "WriteInput", job=job, text="x")
        self.assertEqual(refusal, {"job": job, "state": "running"})
        self.other.call("Cancel", job=job, graceUSec=0)
        self.main.result()

    def test_flow(self):
        """who writes more than the pipe takes waits for the program; the order is that of the calls"""
        code = ("import sys\nprint('ready', flush=True)\nfirst = sys.stdin.buffer.readline()\n"
                "rest = sys.stdin.buffer.read()\nprint(first, len(rest), rest[-3:])")
        job = self.start_reader(code)
        writers = [self.connect() for _ in range(3)]
        writers[0].send("WriteInput", {"job": job, "text": "a" * (4 * PIPE_BYTES) + "\n"})
        self.assertEqual(writers[0].receive()["writtenBytes"], 4 * PIPE_BYTES + 1)
        # Nobody takes the next ones before the end of the input is known to the program
        writers[1].send("WriteInput", {"job": job, "text": "b" * (4 * PIPE_BYTES)})
        self.assertEqual(writers[1].receive()["writtenBytes"], 4 * PIPE_BYTES)
        writers[2].send("WriteInput", {"job": job, "text": "c\n", "endOfFile": True})
        self.assertEqual(writers[2].receive()["writtenBytes"], 2)
        text, result = self.rest()
        self.assertEqual(result["outcome"], "success", result)
        self.assertTrue(text.endswith(f" {4 * PIPE_BYTES + 2} b'bc\\n'\n"), text[-100:])

    def test_nobody_reads(self):
        """a program that does not read holds up its own writers only, until it ends"""
        job = self.start_reader("print('ready', flush=True)\n" + SPIN, limits={"wallTimeUSec": 1_000_000})
        waiting = [self.connect() for _ in range(3)]
        for connection in waiting:
            connection.send("WriteInput", {"job": job, "text": "x" * (2 * PIPE_BYTES)})
        other = self.connect().call("Run", request={"code": "print(1)"})["result"]
        self.assertEqual(other["stdout"]["text"], "1\n")
        for connection in waiting:
            with self.assertRaises(Refused) as refused:
                connection.receive()
            self.assertEqual(refused.exception.name, "JobNotAccepting")
        self.assertEqual(self.main.result()["outcome"], "wall_time_limit")

    def test_order(self):
        """what was written before a tool call or a display is told before it"""
        job = self.start("import _sandbox\nfor i in range(1, 31):\n    print(i, flush=True)\n"
                         "    _sandbox.tool_call('echo')\n    print(-i, flush=True)\n"
                         "    _sandbox.display('text/plain', str(i))")
        seen, calls, displays = [], 0, 0
        while "result" not in (reply := self.main.receive()):
            event = reply["event"]
            if event["kind"] == "output":
                seen += event["output"]["text"].split()
            elif event["kind"] == "tool_call":
                calls += 1
                self.assertIn(str(calls), seen)
                self.other.call("CompleteToolCall", job=job, callId=event["toolCall"]["callId"], resultJson="1")
            elif event["kind"] == "display":
                displays += 1
                self.assertIn(str(-displays), seen)
        self.assertEqual((calls, displays), (30, 30), reply)

    def test_writer_leaves(self):
        """a writer that goes away takes back what is not in the pipe; the next one goes on"""
        job = self.start_reader("import sys, _sandbox\nprint('ready', flush=True)\n"
                                "_sandbox.tool_call('echo')\nprint(sys.stdin.read().lstrip('x'))")
        call = self.next_call()
        gone, next_one = self.connect(), self.connect()
        gone.send("WriteInput", {"job": job, "text": "x" * (2 * PIPE_BYTES)})
        self.assertEqual(self.other.call("GetJob", job=job)["info"]["state"], "waiting_tool")
        next_one.send("WriteInput", {"job": job, "text": "end", "endOfFile": True})
        gone.close()
        self.complete(job, call, resultJson="1")
        self.assertEqual(next_one.receive(), {"writtenBytes": 3})
        text, result = self.rest()
        self.assertEqual((text, result["outcome"]), ("end\n", "success"), result)

    def test_before_the_start(self):
        """a write waits with a job that waits in the queue, and goes with it"""
        slots = self.other.call("GetNode")["maxRunningJobs"]
        busy = [self.other.call("Submit", request={"code": SPIN, "limits": LONG})["job"]
                for _ in range(slots)]
        self.main.run(code="print(input())", stdinOpen=True)
        job = self.main.next("accepted")["job"]
        self.assertEqual(self.other.call("GetJob", job=job)["info"]["state"], "queued")
        writer = self.connect()
        writer.send("WriteInput", {"job": job, "text": "early\n"})
        gone = self.connect()
        gone.send("Run", {"request": {"code": "1", "stdinOpen": True}}, more=True)
        lost = gone.next("accepted")["job"]
        gone.close()
        harness.poll_until(lambda: self.is_forgotten(lost), "the end of a queued job without a client")
        for each in busy:
            self.other.call("Cancel", job=each, graceUSec=0)
        self.assertEqual(writer.receive(), {"writtenBytes": 6})
        self.assertEqual(self.rest()[0], "early\n")

    def is_forgotten(self, job):
        try:
            self.other.call("GetJob", job=job)
        except Refused:
            return True
        return False

    def test_closed_by_the_program(self):
        """a program that closes its stdin takes no more"""
        job = self.start_reader("import os, time\nos.close(0)\nprint('ready', flush=True)\ntime.sleep(1000)",
                                profile="raw")
        self.assert_refused("JobNotAccepting", "WriteInput", job=job, text="x")
        self.other.call("Cancel", job=job, graceUSec=0)
        self.main.result()

    def test_errors(self):
        """no such job, one without stdinOpen, one that has ended, no bytes, both kinds, no Base64"""
        job = self.other.call("Submit", request={"code": "input()", "stdinOpen": True})["job"]
        closed = self.other.call("Submit", request={"code": "1"})["job"]
        self.other.call("Wait", job=closed)
        for name, parameters in (
                ("JobNotFound", {"job": "0" * 32, "text": "x"}),
                ("JobNotAccepting", {"job": closed, "text": "x"}),
                ("InvalidRequest", {"job": job}),
                ("InvalidRequest", {"job": job, "text": "x", "data": "AA=="}),
                ("InvalidRequest", {"job": job, "data": "*"})):
            self.assert_refused(name, "WriteInput", **parameters)
        self.assert_refused("InvalidRequest", "Run",
                            request={"code": "1", "stdinOpen": True, "stdinText": "x"})
        self.other.call("Cancel", job=job, graceUSec=0)


class Events(Streaming):
    def test_heartbeat_and_usage(self):
        """silence and figures at the intervals asked for, with the number of the event before"""
        self.start("print('ready', flush=True)\n" + SPIN, limits={"wallTimeUSec": 1_500_000},
                   heartbeatUSec=1_000_000, profile="default")
        last = self.main.next("output")["sequence"]
        self.assertEqual(self.main.next("heartbeat")["sequence"], last)
        self.main.result()
        self.start("print('ready', flush=True)\n" + SPIN, limits={"wallTimeUSec": 1_000_000},
                   usageIntervalUSec=100_000, profile="default")
        self.main.next("output")
        first, second = self.main.next("usage")["usage"], self.main.next("usage")["usage"]
        self.assertLess(first["wallTimeUSec"], second["wallTimeUSec"])
        self.assertEqual(second["stdoutBytes"], 6)
        self.main.result()
        for field, value in (("heartbeatUSec", 999_999), ("usageIntervalUSec", 99_999)):
            self.assert_refused("InvalidRequest", "Run", request={"code": "1", field: value})

    def test_usage_now(self):
        """memory and CPU time of this moment, while the program runs"""
        self.start("import _sandbox\nx = bytearray(b'x') * (64 << 20)\n_sandbox.tool_call('echo')\n"
                   "del x\nprint('ready', flush=True)\n" + SPIN, limits=LONG,
                   usageIntervalUSec=100_000)
        call = self.main.next("tool_call")["toolCall"]
        usage = self.main.next("usage")["usage"]
        job = self.other.call("ListJobs")["jobs"][0]["job"]
        self.assertGreater(usage["memoryBytes"], 64 << 20)
        self.complete(job, call, resultJson="1")
        self.main.next("output")
        # Less memory, and more CPU time from one event to another
        first = self.main.next("usage")["usage"]
        while first["memoryBytes"] > 64 << 20:
            first = self.main.next("usage")["usage"]
        last = self.main.next("usage")["usage"]
        while last["cpuUserUSec"] < first["cpuUserUSec"] + 50_000:
            last = self.main.next("usage")["usage"]
        self.other.call("Cancel", job=job, graceUSec=0)
        result = self.main.result()
        self.assertNotIn("memoryBytes", result["usage"])

    def test_violation(self):
        """what the policy blocks is an event while the program goes on"""
        self.start("try:\n    __import__('ctypes')\nexcept ImportError:\n    pass\n" + SPIN,
                   profile="default", limits={"wallTimeUSec": 1_000_000})
        event = self.main.next("violation")
        self.assertEqual((event["violation"]["layer"], event["violation"]["subject"]),
                         ("import_policy", "ctypes"))
        self.assertEqual(self.main.result()["violations"][0]["count"], 1)

    def test_kinds(self):
        """Attach sends the kinds asked for, and always the result"""
        job = self.other.call("Submit", request={"code": "print('x')"})["job"]
        self.other.call("Wait", job=job)
        for kinds, seen in ((["output"], ["output"]), ([], []), (["accepted", "started"],) * 2):
            self.other.send("Attach", {"job": job, "kinds": kinds}, more=True)
            replies = [self.other.receive()]
            while "result" not in replies[-1]:
                replies.append(self.other.receive())
            self.assertEqual([r["event"]["kind"] for r in replies[:-1]], seen)
        self.other.send("Attach", {"job": job, "kinds": ["nothing"]}, more=True)
        self.assertRaises(Refused, self.other.receive)

    def test_stalled(self):
        """a client that does not read costs the others nothing, and loses nothing itself"""
        code = "for n in range(8000): print(n, 'x' * 120)"
        job = self.other.call("Submit", request={"code": code})["job"]
        stalled = self.connect()
        stalled.send("Attach", {"job": job}, more=True)
        self.assertEqual(self.other.call("Wait", job=job)["result"]["outcome"], "success")
        self.main.send("Attach", {"job": job}, more=True)
        text, _ = self.rest()
        self.main = stalled
        self.assertEqual(self.rest()[0], text)
        self.assertEqual(text.count("\n"), 8000)


class Forget(Streaming):
    def test_forget(self):
        """ForgetJob drops a result before its time, and refuses a job that has not ended"""
        job = self.other.call("Submit", request={"code": "print(1)", "labels": {"f": "1"}})["job"]
        self.other.call("Wait", job=job)
        info = self.other.call("GetJob", job=job)["info"]
        self.assertEqual(info["retainedUntilUSec"], info["finishedAtUSec"] + 600_000_000)
        self.assertEqual(self.other.call("ForgetJob", job=job), {})
        for method in ("GetJob", "Wait", "ForgetJob", "Cancel"):
            self.assert_refused("JobNotFound", method, job=job)
        self.assertEqual(self.other.call("ListJobs", labels={"f": "1"})["jobs"], [])
        job = self.other.call("Submit", request={"code": SPIN, "limits": LONG})["job"]
        self.assert_refused("InvalidRequest", "ForgetJob", job=job)
        self.other.call("Cancel", job=job, graceUSec=0)


if __name__ == "__main__":
    tap.run(Input, Events, Forget)

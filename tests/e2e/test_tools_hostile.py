#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tool calls against the rules: what clients may not ask for or answer, and what jobs forge."""

import json
import os
import socket
import sys
import threading

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from pysb import errors
from tools import TOOLS, Case, add_rows

USER = 12345


class Answers(Case):
    """CompleteToolCall."""

    def refused(self, kind, **parameters):
        with self.assertRaises(kind):
            self.client.call("CompleteToolCall", parameters)

    def test_rules(self):
        """exactly one of result and error, in its bounds; the first answer wins"""
        events = self.start("import tools\nprint(tools.echo(), tools.echo())")
        job, call = events.job, self.next_call(events).call_id
        error = {"type": "t", "message": ""}
        self.refused(errors.InvalidRequest, job=job, callId=call)
        self.refused(errors.InvalidRequest, job=job, callId=call, resultJson="1", error=error)
        self.refused(errors.InvalidRequest, job=job, callId=call, resultJson="")
        self.refused(errors.InvalidRequest, job=job, callId=call, error={"type": "", "message": ""})
        self.refused(errors.TooLarge, job=job, callId=call, resultJson="1" * ((1 << 20) + 1))
        self.refused(errors.TooLarge, job=job, callId=call, error={"type": "t" * 65, "message": ""})
        self.refused(errors.TooLarge, job=job, callId=call, error={"type": "t", "message": "m" * 4097})
        self.refused(errors.JobNotFound, job="0" * 32, callId=call, resultJson="1")
        for unknown in ("", "0", "3", "-1", "x", "18446744073709551616"):
            self.refused(errors.ToolCallNotFound, job=job, callId=unknown, resultJson="1")
        self.client.complete_tool_call(job, call, [1])
        self.refused(errors.ToolCallNotFound, job=job, callId=call, resultJson="2")
        self.reply(events, self.next_call(events))
        self.assert_success(events.wait(), "[1] {}\n")

    def test_other_user(self):
        """a job of somebody else does not exist"""
        if os.getuid() != 0:
            self.skipTest("only root can be somebody else")
        events = self.start("import tools\nprint(tools.echo())")
        job, call = events.job, self.next_call(events).call_id
        os.chmod(self.daemon.address, 0o666)
        message = {"method": "io.pysb.sandbox.CompleteToolCall",
                   "parameters": {"job": job, "callId": call, "resultJson": "1"}}
        reply = self.say_as(USER, json.dumps(message).encode() + b"\0")
        self.assertIn(b"io.pysb.sandbox.JobNotFound", reply)
        self.client.complete_tool_call(job, call, 2)
        self.assert_success(events.wait(), "2\n")

    def say_as(self, uid, message):
        """Sends one message as another user and returns the answer."""
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setresuid(uid, uid, uid)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.daemon.address)
                s.sendall(message)
                os.write(writable, s.recv(4096))
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable, "rb") as pipe:
            reply = pipe.read()
        os.waitpid(pid, 0)
        return reply

    def test_attach(self):
        """a job that was handed over is answered by whoever attaches; answered calls have no arguments"""
        code = "import tools\nprint(tools.add(1, 1) + tools.add(2, 2))"
        job = self.client.submit(code, tools=TOOLS)
        self.assert_success(job.stream().wait(), "6\n")
        events = job.stream()
        for number in "12":
            call = self.next_call(events)
            self.assertEqual((call.call_id, call.name, call.arguments_json), (number, "add", None))
        self.assertEqual(events.wait().usage.tool_calls, 2)
        self.refused(errors.ToolCallNotFound, job=job.id, callId="1", resultJson="1")

    def test_client_gone(self):
        """when the client goes, its job does not wait any longer"""
        gone = threading.Event()
        self.addCleanup(gone.set)
        with self.client.stream("import tools\ntools.wait()", tools={"wait": lambda: gone.wait()}) as events:
            self.next_call(events)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the job")

    def test_job_gone(self):
        """a job that ends with an open call leaves nothing to answer"""
        events = self.start("import _sandbox\n_sandbox.tool_call_start('echo')")
        call = self.next_call(events)
        self.assertEqual(events.wait().outcome, "success")
        self.refused(errors.ToolCallNotFound, job=events.job, callId=call.call_id, resultJson="1")


class Requests(Case):
    def refused(self, error, tools):
        with self.assertRaises(error) as caught:
            self.client.call("Run", {"request": {"code": "1", "tools": tools}})
        return caught.exception

    def test_names(self):
        """a tool has a name that Python can use, and its own"""
        for name in ("", "a b", "1a", "_a", "def", "None", "ä", "a" * 65, "add"):
            error = self.refused(errors.InvalidRequest, [{"name": "add"}, {"name": name}])
            self.assertEqual(error.field, "tools[1].name")

    def test_clash(self):
        """NAME_async is the other form of NAME, so no second tool may have that name"""
        for names in (("a", "a_async"), ("a_async", "a")):
            error = self.refused(errors.InvalidRequest, [{"name": name} for name in names])
            self.assertEqual(error.field, "tools[1].name")
            self.assertIn("NAME_async", error.reason)

    def test_bounds(self):
        """at most 64 tools, with descriptions and schemas of a bounded size"""
        error = self.refused(errors.InvalidRequest, [{"name": f"t{n}"} for n in range(65)])
        self.assertEqual(error.field, "tools")
        for member, size in (("description", 1 << 14), ("parametersSchemaJson", 1 << 16)):
            error = self.refused(errors.TooLarge, [{"name": "t", member: "x" * (size + 1)}])
            self.assertEqual(error.field, f"tools[0].{member}")

    def test_types(self):
        """a wrong type is named with its place"""
        for tools, place in (([{}], "tools[0].name"), ([{"name": 1}], "tools[0].name"),
                             ([1], "tools[0]"), ([{"name": "a", "x": 1}], "tools[0].x"),
                             ([{"name": "a", "timeoutUSec": -1}], "tools[0].timeoutUSec")):
            self.assertEqual(self.refused(errors.InvalidParameter, tools).parameter, f"request.{place}")

    def test_many(self):
        """64 tools are fine"""
        tools = {f"t{n}": print for n in range(64)}
        self.assert_success(self.run_job("import tools\nprint(len(tools.__all__))", tools=tools), "64\n")


FORGE = """
import os, struct
def field(type, data):
    return struct.pack("<II", len(data), type) + data
def frame(type, payload):
    return struct.pack("<II", len(payload), type) + payload
def call(id, name=b"echo", arguments=b"{}", more=b""):
    return frame(9, field(64, struct.pack("<Q", id)) + field(65, name) + field(66, arguments) + more)
def send(data):
    while data:
        data = data[os.write(3, data):]
def closed():
    try:
        while os.read(3, 65536):
            pass
    except ConnectionResetError:
        pass
    print("closed")
"""
FORGED = {
    "a number twice": "send(call(1) + call(1))",
    "a number that falls": "send(call(5) + call(4))",
    "the number 0": "send(call(0))",
    "one too many at once": "send(b''.join(call(n) for n in range(1, 18)))",
    "a long name": "send(call(1, name=b'x' * 65))",
    "no name": "send(call(1, name=b''))",
    "long arguments": "send(call(1, arguments=b'x' * 65537))",
    "arguments that are no text": "send(call(1, arguments=b'\\xff'))",
    "arguments with NUL": "send(call(1, arguments=b'{\\0}'))",
    "a field twice": "send(call(1, more=field(66, b'{}')))",
    "a foreign field": "send(call(1, more=field(67, b'1')))",
    "no fields": "send(frame(9, b''))",
    "a field that is too long": "send(frame(9, struct.pack('<II', 100, 64)))",
    "a reply": "send(frame(10, field(64, struct.pack('<Q', 1)) + field(67, b'1')))",
    "a size beyond all": "send(struct.pack('<II', 1 << 31, 9))",
}


class Forged(Case):
    """A job that speaks for itself on descriptor 3 harms nobody, and learns that it is not believed."""

    def check_frame(self, code):
        """It ends the channel, and nothing else."""
        self.assert_success(self.start(f"{FORGE}\n{code}\nclosed()").wait(), "closed\n")

    def test_flood_unknown(self):
        """a flood of calls of unknown tools, whose answers nobody reads, ends itself"""
        result = self.run_job(FORGE + "n = 0\ntry:\n    while True:\n        n += 1\n"
                         "        send(call(n, name=b'unknown'))\n"
                         "except (BrokenPipeError, ConnectionResetError):\n    print('closed')",
                         limits={"wall_time_usec": 300_000_000, "cpu_time_usec": 300_000_000})
        self.assert_success(result, "closed\n")

    def test_flood_known(self):
        """a flood of calls is ended by the limit"""
        result = self.run_job(FORGE + "for n in range(1, 10 ** 9):\n    send(call(n))\n    os.read(3, 4096)",
                         limits={"wall_time_usec": 300_000_000, "cpu_time_usec": 300_000_000})
        self.assertEqual(result.outcome, "tool_call_limit")

    def test_unread(self):
        """a job that reads no answers holds nobody up"""
        events = self.start(FORGE + "import signal\nsend(b''.join(call(n) for n in range(1, 17)))\n"
                         "signal.pause()")
        calls = [self.next_call(events) for _ in range(16)]
        for call in calls:
            self.client.complete_tool_call(events.job, call.call_id, "x" * 1_000_000)
        self.assertEqual(self.client.job(events.job).cancel(), "cancelling")
        self.assertEqual(events.wait().outcome, "cancelled")

    def test_closed(self):
        """after that a call fails as closed, and open calls are forgotten"""
        events = self.start(FORGE + """
import _sandbox
call = _sandbox.tool_call_start("echo")
send(b"\\xff" * 8)
for f in (lambda: _sandbox.get_tool_result(call), lambda: _sandbox.tool_call("echo")):
    try:
        f()
    except _sandbox.ToolError as error:
        print(error.type)""")
        self.assert_success(events.wait(), "closed\nclosed\n")

    def test_child(self):
        """a process that the program forks has no part in the channel"""
        code = """
import _sandbox, os
pid = os.fork()
if pid == 0:
    try:
        _sandbox.tool_call("echo")
    except _sandbox.ToolError as error:
        os._exit(7 if error.type == "closed" else 8)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), _sandbox.tool_call("add", a=1, b=1))"""
        self.assert_success(self.run_job(code, limits={"processes": 4}), "7 2\n")

    def test_success(self):
        """forged replies and calls make no success of a failure"""
        result = self.run_job(FORGE + "send(frame(10, b''))\nraise ValueError")
        self.assertIn(result.outcome, ("exception", "exit_nonzero"))


add_rows(Forged, FORGED, Forged.check_frame)

if __name__ == "__main__":
    tap.run(Answers, Requests, Forged)

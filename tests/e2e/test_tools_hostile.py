#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tool calls against the rules: what clients may not ask for or answer, and what jobs forge."""

import json
import os
import socket
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from tools import TOOLS, Case, add_rows
from varlink import Refused

USER = 12345


class Answers(Case):
    """CompleteToolCall."""

    def refused(self, name, **parameters):
        with self.assertRaises(Refused) as caught:
            self.other.call("CompleteToolCall", **parameters)
        self.assertEqual(caught.exception.name, name, caught.exception.parameters)
        return caught.exception.parameters

    def test_rules(self):
        """exactly one of result and error, in its bounds; the first answer wins"""
        job = self.start("import tools\nprint(tools.echo(), tools.echo())")
        call = self.next_call()["callId"]
        error = {"type": "t", "message": ""}
        self.refused("InvalidRequest", job=job, callId=call)
        self.refused("InvalidRequest", job=job, callId=call, resultJson="1", error=error)
        self.refused("InvalidRequest", job=job, callId=call, resultJson="")
        self.refused("InvalidRequest", job=job, callId=call, error={"type": "", "message": ""})
        self.refused("TooLarge", job=job, callId=call, resultJson="1" * ((1 << 20) + 1))
        self.refused("TooLarge", job=job, callId=call, error={"type": "t" * 65, "message": ""})
        self.refused("TooLarge", job=job, callId=call, error={"type": "t", "message": "m" * 4097})
        self.refused("JobNotFound", job="0" * 32, callId=call, resultJson="1")
        for unknown in ("", "0", "3", "-1", "x", "18446744073709551616"):
            self.refused("ToolCallNotFound", job=job, callId=unknown, resultJson="1")
        self.other.call("CompleteToolCall", job=job, callId=call, resultJson="[1]")
        self.refused("ToolCallNotFound", job=job, callId=call, resultJson="2")
        self.reply(job, self.next_call())
        self.assert_success(self.serve(job), "[1] {}\n")

    def test_other_user(self):
        """a job of somebody else does not exist"""
        if os.getuid() != 0:
            self.skipTest("only root can be somebody else")
        job = self.start("import tools\nprint(tools.echo())")
        call = self.next_call()["callId"]
        os.chmod(self.daemon.address, 0o666)
        message = {"method": "io.pysb.sandbox.CompleteToolCall",
                   "parameters": {"job": job, "callId": call, "resultJson": "1"}}
        reply = self.say_as(USER, json.dumps(message).encode() + b"\0")
        self.assertIn(b"io.pysb.sandbox.JobNotFound", reply)
        self.other.call("CompleteToolCall", job=job, callId=call, resultJson="2")
        self.assert_success(self.serve(job), "2\n")

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
        job = self.other.call("Submit", request={"code": code, "tools": TOOLS})["job"]
        self.main.send("Attach", {"job": job}, more=True)
        self.assert_success(self.serve(job), "6\n")
        self.main.send("Attach", {"job": job}, more=True)
        for number in "12":
            call = self.next_call()
            self.assertEqual((call["callId"], call["name"]), (number, "add"))
            self.assertNotIn("argumentsJson", call)
        self.assertEqual(self.main.result()["usage"]["toolCalls"], 2)
        self.refused("ToolCallNotFound", job=job, callId="1", resultJson="1")

    def test_client_gone(self):
        """when the client goes, its job does not wait any longer"""
        self.start("import tools\ntools.echo()")
        self.next_call()
        self.main.close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the job")

    def test_job_gone(self):
        """a job that ends with an open call leaves nothing to answer"""
        job = self.start("import _sandbox\n_sandbox.tool_call_start('echo')")
        call = self.next_call()
        self.assertEqual(self.main.result()["outcome"], "success")
        self.refused("JobNotFound", job=job, callId=call["callId"], resultJson="1")


class Requests(Case):
    def refused(self, tools):
        with self.assertRaises(Refused) as caught:
            self.other.call("Run", request={"code": "1", "tools": tools})
        return caught.exception

    def test_names(self):
        """a tool has a name that Python can use, and its own"""
        for name in ("", "a b", "1a", "_a", "def", "None", "ä", "a" * 65, "add"):
            error = self.refused([{"name": "add"}, {"name": name}])
            self.assertEqual((error.name, error.parameters["field"]), ("InvalidRequest", "tools[1].name"))

    def test_clash(self):
        """NAME_async is the other form of NAME, so no second tool may have that name"""
        for names in (("a", "a_async"), ("a_async", "a")):
            error = self.refused([{"name": name} for name in names])
            self.assertEqual((error.name, error.parameters["field"]), ("InvalidRequest", "tools[1].name"))
            self.assertIn("NAME_async", error.parameters["reason"])

    def test_bounds(self):
        """at most 64 tools, with descriptions and schemas of a bounded size"""
        self.assertEqual(self.refused([{"name": f"t{n}"} for n in range(65)]).parameters["field"], "tools")
        for member, size in (("description", 1 << 14), ("parametersSchemaJson", 1 << 16)):
            error = self.refused([{"name": "t", member: "x" * (size + 1)}])
            self.assertEqual((error.name, error.parameters["field"]), ("TooLarge", f"tools[0].{member}"))

    def test_types(self):
        """a wrong type is named with its place"""
        for tools, place in (([{}], "tools[0].name"), ([{"name": 1}], "tools[0].name"),
                             ([1], "tools[0]"), ([{"name": "a", "x": 1}], "tools[0].x"),
                             ([{"name": "a", "timeoutUSec": -1}], "tools[0].timeoutUSec")):
            error = self.refused(tools)
            self.assertEqual(error.parameters["parameter"], f"request.{place}")

    def test_many(self):
        """64 tools are fine"""
        tools = [{"name": f"t{n}"} for n in range(64)]
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
        job = self.start(f"{FORGE}\n{code}\nclosed()")
        self.assert_success(self.serve(job, tool=self.ignore), "closed\n")

    def test_flood_unknown(self):
        """a flood of calls of unknown tools, whose answers nobody reads, ends itself"""
        job = self.start(FORGE + "n = 0\ntry:\n    while True:\n        n += 1\n"
                         "        send(call(n, name=b'unknown'))\n"
                         "except (BrokenPipeError, ConnectionResetError):\n    print('closed')",
                         limits={"wallTimeUSec": 300_000_000, "cpuTimeUSec": 300_000_000})
        self.assert_success(self.serve(job), "closed\n")

    def test_flood_known(self):
        """a flood of calls is ended by the limit"""
        job = self.start(FORGE + "for n in range(1, 10 ** 9):\n    send(call(n))\n    os.read(3, 4096)",
                         limits={"wallTimeUSec": 300_000_000, "cpuTimeUSec": 300_000_000})
        self.assertEqual(self.serve(job)["outcome"], "tool_call_limit")

    def test_unread(self):
        """a job that reads no answers holds nobody up"""
        job = self.start(FORGE + "import signal\nsend(b''.join(call(n) for n in range(1, 17)))\n"
                         "signal.pause()")
        calls = [self.next_call() for _ in range(16)]
        for call in calls:
            self.complete(job, call, resultJson=json.dumps("x" * 1_000_000))
        self.assertEqual(self.other.call("Cancel", job=job)["state"], "cancelling")
        self.assertEqual(self.main.result()["outcome"], "cancelled")

    def test_closed(self):
        """after that a call fails as closed, and open calls are forgotten"""
        job = self.start(FORGE + """
import _sandbox
call = _sandbox.tool_call_start("echo")
send(b"\\xff" * 8)
for f in (lambda: _sandbox.get_tool_result(call), lambda: _sandbox.tool_call("echo")):
    try:
        f()
    except _sandbox.ToolError as error:
        print(error.type)""")
        self.assert_success(self.serve(job, tool=self.ignore), "closed\nclosed\n")

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
        job = self.start(FORGE + "send(frame(10, b''))\nraise ValueError")
        self.assertIn(self.serve(job)["outcome"], ("exception", "exit_nonzero"))


add_rows(Forged, FORGED, Forged.check_frame)

if __name__ == "__main__":
    tap.run(Answers, Requests, Forged)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of tool calls share: a program that runs on one connection, and a client that answers
on another one."""

import json
import unittest

import harness
from varlink import Connection

ADD = {"type": "object", "required": ["a"], "properties": {
    "a": {"type": "integer", "description": "the first number"},
    "b": {"type": "integer", "default": 7}}}
TOOLS = [{"name": "add", "description": "Adds two numbers.", "parametersSchemaJson": json.dumps(ADD)},
         {"name": "echo"}, {"name": "fail"}]
# Runs until its limit of wall clock time: its result is the event that so much time is over
SPIN = "while True: pass"


class Failure(Exception):
    """What a tool answers instead of a value."""

    def __init__(self, kind, message):
        super().__init__(kind, message)
        self.answer = {"error": {"type": kind, "message": message}}


def answer_honestly(name, arguments):
    if name == "add":
        return arguments["a"] + arguments["b"]
    if name == "echo":
        return arguments
    raise Failure("no-luck", f"not for {arguments}")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(harness.build_tree())

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        assert status == 0, status

    def setUp(self):
        self.main, self.other = self.connect(), self.connect()

    def connect(self):
        connection = Connection(self.daemon.address)
        self.addCleanup(connection.close)
        return connection

    def start(self, code, **request):
        """Runs a program on the main connection; returns its job."""
        self.main.run(**{"code": code, "profile": "raw", "tools": TOOLS} | request)
        return self.main.next("accepted")["job"]

    def next_call(self):
        return self.main.next("tool_call")["toolCall"]

    def calls_and_output(self, n):
        """n tool calls and a line of output, which may come in any order: they have ways of their own."""
        calls, output = [], ""
        while len(calls) < n or not output.endswith("\n"):
            event = self.main.receive()["event"]
            if event["kind"] == "tool_call":
                calls.append(event["toolCall"])
            elif event["kind"] == "output":
                output += event["output"]["text"]
        return calls, output

    def complete(self, job, call, **answer):
        return self.other.call("CompleteToolCall", job=job, callId=call["callId"], **answer)

    def ignore(self, name, arguments):
        """A tool that never answers."""

    def reply(self, job, call, tool=answer_honestly):
        if tool == self.ignore:
            return None
        try:
            value = tool(call["name"], json.loads(call["argumentsJson"]))
        except Failure as failure:
            return self.complete(job, call, **failure.answer)
        return self.complete(job, call, resultJson=json.dumps(value))

    def serve(self, job, tool=answer_honestly):
        """Answers everything; returns the result, with the output in it."""
        output = {"stdout": "", "stderr": ""}
        while True:
            reply = self.main.receive()
            if "result" in reply:
                return reply["result"] | output
            event = reply["event"]
            if event["kind"] == "tool_call":
                self.reply(job, event["toolCall"], tool)
            elif event["kind"] == "output":
                output[event["output"]["stream"]] += event["output"].get("text", "")

    def run_job(self, code, tool=answer_honestly, **request):
        return self.serve(self.start(code, **request), tool)

    def pass_time(self, usec):
        """Until so much time is over, by a job that is killed for it."""
        connection = self.connect()
        result = connection.call("Run", request={
            "code": SPIN, "limits": {"wallTimeUSec": usec}})["result"]
        self.assertEqual(result["outcome"], "wall_time_limit")

    def assert_success(self, result, output):
        self.assertEqual((result["outcome"], result["stdout"]), ("success", output), result)


def add_rows(case, table, check):
    """One test for each row of a table: check(self, row)."""
    for number, (name, row) in enumerate(table.items()):
        def test(self, row=row):
            check(self, row)
        test.__doc__ = name
        setattr(case, f"test_row_{number}_{name.split('(')[0].replace(' ', '_')}", test)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of tool calls share: tools, and jobs whose calls a test answers by hand."""

import json

import harness
from pysb import Tool, ToolFailure

ADD = {"type": "object", "required": ["a"], "properties": {
    "a": {"type": "integer", "description": "the first number"},
    "b": {"type": "integer", "default": 7}}}
# Runs until its limit of wall clock time: its result is the event that so much time is over
SPIN = "while True: pass"


def fail(**arguments):
    raise ToolFailure("no-luck", f"not for {arguments}")


TOOLS = [Tool(lambda a, b: a + b, "add", "Adds two numbers.", ADD), Tool(lambda **arguments: arguments, "echo"),
         Tool(fail, "fail")]


class Case(harness.OnOneDaemon):
    def run_job(self, code, **options):
        return self.client.run(code, **{"profile": "raw", "tools": TOOLS} | options)

    def start(self, code, **options):
        """A program whose calls nobody answers but the test; returns its events."""
        job = self.client.submit(code, **{"profile": "raw", "tools": TOOLS} | options)
        events = self.client.job(job.id).stream()
        self.addCleanup(events.close)
        return events

    def next_call(self, events):
        return harness.next_event(events, "tool_call").tool_call

    def calls_and_output(self, events, n):
        """n tool calls and a line of output, which may come in any order: they have ways of their own."""
        calls, output = [], ""
        while len(calls) < n or not output.endswith("\n"):
            event = next(events)
            if event.tool_call:
                calls.append(event.tool_call)
            elif event.output:
                output += event.output.text
        return calls, output

    def complete(self, events, call, **answer):
        return self.client.call("CompleteToolCall", {"job": events.job, "callId": call.call_id, **answer})

    def reply(self, events, call):
        """What the tool would."""
        (tool,) = (tool for tool in TOOLS if tool.name == call.name)
        self.client.complete_tool_call(events.job, call.call_id, tool(**json.loads(call.arguments_json)))

    def pass_time(self, usec):
        """Until so much time is over, by a job that is killed for it."""
        self.assertEqual(self.client.run(SPIN, limits={"wall_time_usec": usec}).outcome, "wall_time_limit")

    def assert_success(self, result, output):
        self.assertEqual((result.outcome, result.stdout.text), ("success", output), result)


def add_rows(case, table, check):
    """One test for each row of a table: check(self, row)."""
    for number, (name, row) in enumerate(table.items()):
        def test(self, row=row):
            check(self, row)
        test.__doc__ = name
        setattr(case, f"test_row_{number}_{name.split('(')[0].replace(' ', '_')}", test)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tool calls from a program to its client and back."""

import json
import os
import signal
import sys
import tempfile

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from tools import SPIN, TOOLS, Case, add_rows
from pysb import Tool, errors

WAYS = {
    "tool_call, keywords": "print(_sandbox.tool_call('add', a=1, b=2))",
    "tool_call, dict": "print(_sandbox.tool_call('add', {'a': 1, 'b': 2}))",
    "tool_call, an argument called name": "print(3 * (_sandbox.tool_call('echo', name=1)['name']))",
    "start and get": "print(_sandbox.get_tool_result(_sandbox.tool_call_start('add', a=1, b=2)))",
    "in another order": "i, j = [_sandbox.tool_call_start('add', a=n, b=2) for n in (1, 2)]\n"
                        "r = _sandbox.get_tool_result(j)\n"
                        "print(_sandbox.get_tool_result(i, timeout=60)) if r == 4 else 0",
    "await": "print(await _sandbox.tool_call_async('add', a=1, b=2))",
    "gather": "print(sum(await _sandbox.gather(*[_sandbox.tool_call_async('add', a=0, b=n) "
              "for n in (1, 2)])))",
    "gather of coroutines": """
async def two(n):
    return await tools.add_async(n, 0) + await tools.add_async(0, 0)
import tools
one, two, none = await _sandbox.gather(two(1), two(2), _sandbox.gather())
print(one + two + len(none))""",
    "gather returns exceptions": """
r = await _sandbox.gather(_sandbox.tool_call_async('fail'), _sandbox.tool_call_async('add', a=1, b=2),
                          return_exceptions=True)
print(r[1] if r[0].type == 'no-luck' else r)""",
    "tools": "import tools\nprint(tools.add(1, b=2))",
    "from tools import *": "from tools import *\nprint(add(b=2, a=1))",
    "tools, the default": "import tools\nprint(tools.add(-4))",
    "tools, await": "import tools\nprint(await tools.add_async(1, 2))",
    "await in a function": "async def main():\n    return await _sandbox.tool_call_async('add', a=1, b=2)\n"
                           "print(await main())",
    "asyncio": """
import asyncio, tools
async def one(n):
    await asyncio.sleep(0)
    return await tools.add_async(n, 0)
async def main():
    a, b = await asyncio.gather(one(1), one(2))
    c, = await _sandbox.gather(tools.add_async(0, 0))
    return a + b + c
print(asyncio.run(main()))""",
    "asyncio and threads": """
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    jobs = [loop.run_in_executor(None, lambda n=n: _sandbox.tool_call('add', a=n, b=0)) for n in (0, 1)]
    return sum(await asyncio.gather(*jobs, _sandbox.tool_call_async('add', a=1, b=1)))
print(asyncio.run(main()))""",
    "a thread": """
import threading
t = threading.Thread(target=lambda: print(_sandbox.tool_call('add', a=1, b=2)))
t.start()
t.join()""",
}


class Ways(Case):
    """How a program calls a tool."""

    def check_way(self, code):
        self.assert_success(self.run_job("import _sandbox\n" + code), "3\n")

    def test_eval(self):
        """the same in a profile without files, with await"""
        code = "import _sandbox, tools\nprint(tools.add(1, 2), await tools.add_async(3, 4))"
        self.assert_success(self.run_job(code, profile="eval", limits={"tool_calls": 2}), "3 7\n")

    def test_values(self):
        """values and arguments of all kinds and sizes come through as they are"""
        code = """
import _sandbox, sys
for value in ([], {"ä": "😀\\0\\n\\""}, 2**70, -0.5, None, "x" * 60000, "ä" * 30000, "\\ud800"):
    assert _sandbox.tool_call("echo", v=value) == {"v": value}, value
print(len(_sandbox.tool_call("add", a=0, b=0)))"""
        big = "é" * ((1 << 19) - 1)

        events = self.start(code)
        while (call := self.next_call(events)).name == "echo":
            self.reply(events, call)
        self.complete(events, call, resultJson=json.dumps(big, ensure_ascii=False))
        self.assert_success(events.wait(), f"{(1 << 19) - 1}\n")

    def test_module(self):
        """the module tools: signatures, documentation, names, errors of Python's own"""
        schema = {"type": "object", "required": ["z"], "additionalProperties": True, "properties": {
            "a": {}, "z": {"type": "string"}, "def": {}, "extra": {"default": [1]}}}
        hidden = {"required": ["class"], "properties": {"class": {"type": "string"}}}
        tools = [tool.to_wire() for tool in [*TOOLS, Tool(None, "odd", None, schema),
                                             Tool(None, "hidden", None, hidden)]]
        tools.append({"name": "broken", "parametersSchemaJson": "{["})
        code = """
import inspect, tools
for name in ("add", "add_async", "echo", "odd", "broken", "hidden"):
    print(name, inspect.signature(getattr(tools, name)))
print(tools.__all__, "add_async" in dir(tools), tools.add is tools.add)
print(tools.add.__doc__)
for call in ("tools.add()", "tools.add(1, 2, 3)", "tools.hidden()", "tools.hidden_async(extra=1)",
             "tools.nothing"):
    try:
        eval(call)
    except Exception as error:
        print(type(error).__name__, error)
"""
        request = {"code": code, "profile": "raw", "tools": tools}
        self.assertEqual(self.client.call("Run", {"request": request})["result"]["stdout"]["text"], """\
add (a, b=7)
add_async (a, b=7)
echo (**extra)
odd (z, a=Ellipsis, extra=[1], **extra_)
broken (**extra)
hidden (**extra)
['add', 'echo', 'fail', 'odd', 'hidden', 'broken'] True True
Adds two numbers.

Arguments:
    a (integer): the first number
    b (integer)
TypeError add() missing 1 required positional argument: 'a'
TypeError add() takes from 1 to 2 positional arguments but 3 were given
TypeError hidden() needs the argument 'class'; as it is no name for a parameter here, give it as \
**{'class': ...}
TypeError hidden() needs the argument 'class'; as it is no name for a parameter here, give it as \
**{'class': ...}
AttributeError module 'tools' has no attribute 'nothing'; there is no tool 'nothing'; there are: add, \
echo, fail, odd, hidden, broken
""")

    def test_keyword(self):
        """a parameter that is a keyword of Python reaches the tool"""
        schema = {"required": ["class"], "properties": {"class": {}, "a": {}}}
        tool = Tool(lambda **arguments: arguments, "echo", None, schema)
        self.assert_success(self.run_job("import tools\nprint(tools.echo(a=1, **{'class': 2}))", tools=[tool]),
                            "{'a': 1, 'class': 2}\n")

    def test_names_of_the_client(self):
        """tools and parameters may have the names of what the functions are made of"""
        names = ["locals", "__debug__", "_pysb_call_", "_pysb_locals_", "extra", "None"]
        schema = {"required": ["a", "locals"], "properties": {name: {} for name in ["a", *names]}}
        tools = [Tool(lambda **values: values, name, None, schema) for name in ("echo", "locals")]
        arguments = {name: 1 for name in ["a", *names]}
        code = f"import tools\nfor tool in ('echo', 'locals', 'locals_async'):\n" \
               f"    r = getattr(tools, tool)(**{arguments})\n" \
               "    r = r if isinstance(r, dict) else await r\n" \
               f"    print(tool, getattr(tools, tool).__name__, r == {arguments})"
        result = self.run_job(code, tools=tools)
        self.assert_success(result, "echo echo True\nlocals locals True\n"
                                    "locals_async locals_async True\n")

    def test_interface(self):
        """what a program finds in _sandbox without an underscore is its interface"""
        code = "import _sandbox\nprint(*(name for name in dir(_sandbox) if name[0] != '_'))"
        for profile in "raw", "eval":
            self.assert_success(self.run_job(code, profile=profile, limits={"tool_calls": 0}),
                                "ResultNotEncodable ResultTooLarge TickLimit ToolError display gather "
                                "get_tool_result print result stderr tool_call tool_call_async "
                                "tool_call_start\n")

    def test_no_tools(self):
        """without tools there is no module tools, and a call says so"""
        code = """
import _sandbox
try:
    import tools
except ModuleNotFoundError as error:
    print(error.name)
try:
    _sandbox.tool_call("add")
except _sandbox.ToolError as error:
    print(error.type)"""
        self.assert_success(self.run_job(code, tools=[]), "tools\nunknown-tool\n")


ERRORS = {
    "fail()": "no-luck not for {}",
    "nothing()": "unknown-tool there is no tool 'nothing'; there are: add, echo, fail",
    "echo(x=object())": "not-encodable the arguments cannot be JSON: "
                        "Object of type object is not JSON serializable",
    "echo(x=float('nan'))": "not-encodable",
    "echo(x='x' * 65536)": "arguments-too-large the arguments have 65545 bytes of JSON, the limit is "
                           "65536",
}


class Errors(Case):
    def check_error(self, row):
        call, words = row
        result = self.run_job(f"""
import _sandbox
class Any:
    def __getattr__(self, name):
        return lambda **arguments: _sandbox.tool_call(name, arguments)
try:
    Any().{call}
except _sandbox.ToolError as error:
    print(error.type, error.message)""")
        self.assertTrue(result.stdout.text.startswith(words), result)

    def test_uncaught(self):
        """a ToolError that nobody catches ends the job, and its traceback shows the program only"""
        for call in ("_sandbox.tool_call('fail')", "tools.fail()", "await tools.fail_async()"):
            result = self.run_job(f"import _sandbox, tools\n{call}")
            self.assertEqual(result.outcome, "exception")
            self.assertEqual(result.exception.type, "_sandbox.ToolError")
            self.assertEqual(result.exception.message, "no-luck: not for {}")
            self.assertEqual(result.exception.line, 2)
            self.assertNotIn("frozen", result.exception.traceback)

    def test_no_json(self):
        """an answer that is no JSON is an error of the call"""
        events = self.start("import _sandbox\ntry:\n    _sandbox.tool_call('echo')\n"
                         "except _sandbox.ToolError as error:\n    print(error.type)")
        self.complete(events, self.next_call(events), resultJson="{no json")
        self.assert_success(events.wait(), "invalid-answer\n")

    def test_foreign(self):
        """awaiting something foreign says what to do instead"""
        code = "class F:\n    def __await__(self):\n        yield 1\nawait F()"
        result = self.run_job(code)
        self.assertEqual(result.exception.type, "RuntimeError")
        self.assertIn("asyncio.run()", result.exception.message)

    def test_taken(self):
        """a result can be taken once, and a wait can be cut short and resumed"""
        code = """
import _sandbox
call = _sandbox.tool_call_start("add", a=1, b=2)
try:
    _sandbox.get_tool_result(call, timeout=0)
except _sandbox.ToolError as error:
    print(error.type, flush=True)
print(_sandbox.get_tool_result(call))
try:
    _sandbox.get_tool_result(call)
except ValueError as error:
    print(error)"""
        events = self.start(code)
        (call,), output = self.calls_and_output(events, 1)
        self.assertEqual(output, "timeout\n")
        self.reply(events, call)
        self.assert_success(events.wait(), "timeout\n3\nthere is no call 1, or its result was taken already\n")

    def test_timeouts(self):
        """a timeout that is no time is refused at once, and the call stays open"""
        code = """
import _sandbox
call = _sandbox.tool_call_start("add", a=1, b=2)
for timeout in (float("nan"), -1, float("inf"), "1"):
    try:
        _sandbox.get_tool_result(call, timeout)
    except (TypeError, ValueError) as error:
        print(type(error).__name__, timeout)
print(_sandbox.get_tool_result(call, 60.5))"""
        self.assert_success(self.run_job(code),
                            "ValueError nan\nValueError -1\nValueError inf\nTypeError 1\n3\n")

    def test_unknown_by_limit(self):
        """with a limit of 0 the daemon answers, and names the limit"""
        result = self.run_job("import _sandbox\ntry:\n    _sandbox.tool_call('echo')\n"
                              "except _sandbox.ToolError as error:\n    print(error)",
                              limits={"tool_calls": 0})
        self.assert_success(result, "unknown-tool: this job may call no tools, raise limits.tool_calls\n")


class Concurrency(Case):
    def collect(self, events, n):
        return [self.next_call(events) for _ in range(n)]

    def test_gather(self):
        """calls of gather() are all on their way before the first answer"""
        events = self.start("import tools, _sandbox\n"
                         "print(await _sandbox.gather(*[tools.add_async(n, n) for n in range(16)]))")
        calls = self.collect(events, 16)
        self.assertEqual([call.call_id for call in calls], [str(n) for n in range(1, 17)])
        for call in reversed(calls):
            self.reply(events, call)
        self.assert_success(events.wait(), f"{list(range(0, 32, 2))}\n")

    def test_threads(self):
        """threads wait side by side, whatever the order of the answers"""
        events = self.start("""
import _sandbox, threading
results = {}
def work(n):
    results[n] = _sandbox.tool_call("add", a=n, b=100)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(results.items()) == [(n, n + 100) for n in range(8)])""", profile="default")
        for call in reversed(self.collect(events, 8)):
            self.reply(events, call)
        self.assert_success(events.wait(), "True\n")

    def test_in_flight(self):
        """16 calls may wait for their answers, one more is an error; afterwards there is room again"""
        events = self.start("""
import _sandbox
calls = [_sandbox.tool_call_start("add", a=n, b=0) for n in range(16)]
try:
    _sandbox.tool_call("echo")
except _sandbox.ToolError as error:
    print(error.type, flush=True)
print(sum(map(_sandbox.get_tool_result, calls)), _sandbox.tool_call("add", a=1, b=1))""")
        calls, output = self.calls_and_output(events, 16)
        self.assertEqual(output, "too-many-calls\n")
        for call in calls:
            self.reply(events, call)
        self.reply(events, self.next_call(events))
        self.assert_success(events.wait(), "too-many-calls\n120 2\n")


class Limits(Case):
    def test_calls(self):
        """one call more than toolCalls ends the job"""
        result = self.run_job("import tools\nwhile True:\n    tools.add(1, 1)", limits={"tool_calls": 3})
        self.assertEqual(result.outcome, "tool_call_limit")
        self.assertEqual(result.message, "tool call limit of 3 reached, raise limits.tool_calls")
        self.assertEqual(result.usage.tool_calls, 3)

    def test_exactly(self):
        """as many as toolCalls are fine"""
        self.assert_success(self.run_job("import tools\nprint(sum(tools.add(n, 0) for n in range(3)))",
                                         limits={"tool_calls": 3}), "3\n")

    def test_timeout(self):
        """nobody answers: the call fails after its timeout, and the late answer finds nothing"""
        tools = [Tool(None, "slow", timeout_usec=50_000), *TOOLS]
        events = self.start("""
import _sandbox, tools
try:
    tools.slow()
except _sandbox.ToolError as error:
    print(error.type, flush=True)
print(tools.echo(x=1))""", tools=tools)
        call = self.next_call(events)
        self.assertIsNotNone(call.deadline_usec)
        self.assertEqual(harness.next_event(events, "output").output.text, "timeout\n")
        with self.assertRaises(errors.ToolCallNotFound) as caught:
            self.complete(events, call, resultJson="1")
        self.assertEqual(caught.exception.parameters, {"job": events.job, "callId": call.call_id})
        self.reply(events, self.next_call(events))
        result = events.wait()
        self.assert_success(result, "timeout\n{'x': 1}\n")
        self.assertGreaterEqual(result.usage.tool_wait_usec, 50_000)

    def test_wait_used_up(self):
        """when toolWait is used up, calls fail at once and name the limit"""
        result = self.start("""
import _sandbox
for n in range(2):
    try:
        _sandbox.get_tool_result(_sandbox.tool_call_start("echo"))
    except _sandbox.ToolError as error:
        print(error.type, "limits.tool_wait" in error.message)""",
                            limits={"tool_wait_usec": 50_000}).wait()
        self.assert_success(result, "timeout True\ntimeout True\n")

    def test_wall_clock(self):
        """waiting is no wall clock time: an answer that takes longer than the limit is in time"""
        events = self.start("import tools\nprint(tools.add(1, 2))", limits={"wall_time_usec": 1_000_000})
        call = self.next_call(events)
        self.pass_time(1_300_000)
        self.reply(events, call)
        result = events.wait()
        self.assert_success(result, "3\n")
        self.assertGreater(result.usage.tool_wait_usec, 1_200_000)
        self.assertLess(result.usage.wall_time_usec, 1_000_000)

    def test_wall_clock_runs(self):
        """what the program does itself still counts, before a wait and after it"""
        events = self.start(f"import tools\nprint(tools.add(1, 2), flush=True)\n{SPIN}",
                         limits={"wall_time_usec": 700_000})
        call = self.next_call(events)
        self.pass_time(900_000)
        self.reply(events, call)
        result = events.wait()
        self.assertEqual(result.outcome, "wall_time_limit")
        self.assertGreaterEqual(result.usage.wall_time_usec, 650_000)
        self.assertLess(result.usage.wall_time_usec, 1_500_000)

    def test_wall_clock_bound(self):
        """a job that waits for ever gets no more than toolWait and the wall clock limit together"""
        events = self.start("import _sandbox, signal\n_sandbox.tool_call_start('echo')\n"
                         "while True: signal.pause()",
                         limits={"wall_time_usec": 300_000, "tool_wait_usec": 300_000})
        self.next_call(events)
        self.assertEqual(events.wait().outcome, "wall_time_limit")


class Commands(Case):
    """pysbctl submit --tool NAME=COMMAND"""

    def submit(self, code, *tools, options=()):
        options = [*options, *(word for tool in tools for word in ("--tool", tool))]
        return self.daemon.call("submit", "-p", "raw", "-c", "import tools\n" + code, *options)

    def test_value(self):
        """arguments go to standard input, standard output is the value; both ways to print"""
        code = "print(tools.mirror(a='ä'), tools.five())"
        tools = ("mirror=cat", "five=echo 5")
        run = self.submit(code, *tools)
        self.assertEqual((run.status, run.stdout.decode()), (0, "{'a': 'ä'} 5\n"), run)
        run = self.submit(code, *tools, options=["--json"])
        self.assertEqual(run.result["stdout"]["text"], "{'a': 'ä'} 5\n", run)

    def test_together(self):
        """calls that are open together run together: each waits for the other one"""
        with tempfile.TemporaryDirectory() as directory:
            code = ("import _sandbox\n"
                    "print(await _sandbox.gather(tools.meet_async(), tools.greet_async()))")
            os.mkfifo(f"{directory}/pipe")
            run = self.submit(code, f"meet=cat {directory}/pipe", f"greet=echo 1 >{directory}/pipe; echo 2")
        self.assertEqual((run.status, run.stdout), (0, b"[1, 2]\n"), run)

    def test_failures(self):
        """a command that fails is a ToolError with what it said"""
        code = ("import _sandbox\nfor tool in tools.bad, tools.mute, tools.gone, tools.silent:\n"
                "    try:\n        tool()\n"
                "    except _sandbox.ToolError as error:\n        print(error)")
        run = self.submit(code, "bad=echo no such city >&2; exit 3", "mute=exit 4", "gone=kill -9 $$",
                          "silent=:")
        self.assertEqual(run.stdout.decode(), """\
tool-failed: no such city
tool-failed: exited with status 4
tool-failed: ended by signal 9
tool-failed: it printed nothing, and no JSON value
""", run)

    def test_background(self):
        """the answer is complete when the command ends, not when its last child closes the pipe"""
        with tempfile.NamedTemporaryFile("r") as pid:
            run = self.submit("print(tools.a())", f"a=tail -f /dev/null & echo $! >{pid.name}; echo 5")
            os.kill(int(pid.read()), signal.SIGKILL)
        self.assertEqual((run.status, run.stdout), (0, b"5\n"), run)

    def test_limits(self):
        """--tool-calls and --tool-wait are the limits; what still runs then is ended"""
        run = self.submit("while True: tools.a()", "a=echo 1", options=["--tool-calls", "2"])
        self.assertEqual(run.status, 154, run)
        self.assertIn("tool call limit of 2", run.stderr)
        run = self.submit("tools.a()", "a=exec tail -f /dev/null", options=["--tool-wait", "100ms"])
        self.assertEqual(run.status, 1, run)
        self.assertIn("ToolError: timeout", run.stderr)
        run = self.submit("tools.a()", "a=exec >/dev/null 2>&1; exec tail -f /dev/null", options=["--tool-wait", "100ms"])
        self.assertIn("ToolError: timeout", run.stderr)

    def test_usage(self):
        """what is no tool is refused in one sentence"""
        for tool in ("", "a", "=b", "a=", "1=b", "a b=c"):
            run = self.submit("1", tool)
            self.assertEqual(run.status, 125, run)
        self.assertEqual(self.submit("1", "a=b", options=["--detach"]).status, 125)


add_rows(Ways, WAYS, Ways.check_way)
add_rows(Errors, {row[0]: row for row in ERRORS.items()}, Errors.check_error)

if __name__ == "__main__":
    tap.run(Ways, Errors, Concurrency, Limits, Commands)

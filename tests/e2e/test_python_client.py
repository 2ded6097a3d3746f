#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python client against the daemon: the same cases for the client that blocks and for asyncio, by an
address and by a private daemon."""

import asyncio
import hashlib
import os
import sys
import unittest

sys.path[1:1] = [os.path.dirname(os.path.dirname(os.path.realpath(__file__)))]
sys.path[2:2] = [os.path.join(os.path.dirname(sys.path[1]), "lib/python")]
import harness
import tap
import pysb
from pysb import errors

SPIN = "print('ready', flush=True)\nwhile True: pass"
# Request -> the class of what check() raises, and a word of its sentence
OUTCOMES = {
    "exception": ({"code": "1 / 0"}, errors.ProgramException, "ZeroDivisionError"),
    "exit_nonzero": ({"code": "raise SystemExit(3)"}, errors.ExitNonzero, "exit"),
    "signaled": ({"code": "import os; os.abort()", "profile": "raw"}, errors.Signaled, "SIGABRT"),
    "wall_time_limit": ({"code": "import time; time.sleep(60)", "limits": {"wall_time_usec": 100000}},
                        errors.WallTimeLimit, "100 ms"),
    # On a busy machine a second of CPU time takes many of the wall's
    "cpu_time_limit": ({"code": SPIN, "limits": {"cpu_time_usec": 1000000, "wall_time_usec": 50000000}},
                       errors.CpuTimeLimit, "CPU"),
    "memory_limit": ({"code": "x = bytearray(1 << 40)"}, errors.MemoryLimit, "memory"),
    "output_limit": ({"code": "print('x' * 9999)", "limits": pysb.Limits(output_bytes=100)},
                     errors.OutputLimit, "output"),
    "tick_limit": ({"code": "while True: pass", "limits": {"ticks": 1000}}, errors.TickLimit, "tick"),
    "rejected": ({"code": "eval('1')", "analysis": "strict"}, errors.Rejected, "eval"),
}
# Call -> the class of the error
REFUSALS = [
    (lambda c: c.job("0" * 32).info(), errors.JobNotFound),
    (lambda c: c.profile("no-such"), errors.ProfileNotFound),
    (lambda c: c.session("0" * 32).info(), errors.SessionNotFound),
    (lambda c: c.run("1", limits={"memory_bytes": 1 << 50}), errors.LimitExceeded),
    (lambda c: c.run(), errors.InvalidRequest),
    (lambda c: c.run("1", arguments=["x" * 200000]), errors.TooLarge),
    (lambda c: c.complete_tool_call("0" * 32, "1", 1), errors.JobNotFound),
    (lambda c: c.call("NoSuch"), errors.MethodNotFound),
    (lambda c: c.call("GetJob", {"job": 1}), errors.InvalidParameter),
    (lambda c: c.call("Attach", {"job": "0" * 32}), errors.ExpectedMore),
    (lambda c: c.call("org.varlink.service.GetInterfaceDescription", {"interface": "a.b"}),
     errors.InterfaceNotFound),
]


def add(a: int, b: int = 7) -> int:
    """Adds two numbers."""
    return a + b


async def add_later(a: int, b: int = 7) -> int:
    """Adds two numbers."""
    await asyncio.sleep(0)
    return a + b


def fail():
    raise pysb.ToolFailure("no-luck", "today")


class Once:
    """A result that is there already, for 'await' to wait for nothing."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield  # pylint: disable=unreachable; what makes it a generator


class Blocking:
    """Makes the client that blocks look like the other one, so that each case is written once."""

    def __init__(self, thing):
        self.thing = thing

    def __getattr__(self, name):
        value = getattr(self.thing, name)
        if not callable(value):
            return value

        def call(*args, **kwargs):
            made = value(*args, **kwargs)
            return Blocking(made) if isinstance(made, (pysb.Stream, pysb.Job, pysb.Session)) else Once(made)
        return call

    def __await__(self):
        return self
        yield  # pylint: disable=unreachable

    async def __aenter__(self):
        self.thing.__enter__()
        return self

    async def __aexit__(self, *why):
        self.thing.__exit__(*why)

    async def __aiter__(self):
        for event in self.thing:
            yield event


class Cases:
    embedded = False

    def with_client(self, function):
        async def go():
            address = None if self.embedded else f"unix:{self.daemon.address}"
            async with self.make(address, embedded=self.embedded, timeout=harness.PATIENCE) as client:
                return await function(client)
        return asyncio.run(go())

    @classmethod
    def setUpClass(cls):
        os.environ.update(harness.build_tree().environment)
        if not cls.embedded:
            cls.daemon = harness.Daemon(harness.build_tree())

    @classmethod
    def tearDownClass(cls):
        if not cls.embedded:
            assert cls.daemon.stop() == 0

    def test_run(self):
        """values, output, files, inputs, arguments, standard input"""
        async def go(c):
            self.assertEqual((await c.run("6 * 7")).value, 42)
            result = await c.run("print(6 * 7)")
            self.assertEqual((result.stdout.text, result.value), ("42\n", None))
            self.assertEqual((await c.run(expression="[1, 2]")).value, [1, 2])
            self.assertEqual((await c.run("f = lambda n: n + 1", callable="f", inputs={"n": 1})).value, 2)
            self.assertEqual((await c.run("inputs['x']", inputs={"x": "é"})).value, "é")
            self.assertEqual((await c.run("import sys; sys.argv[1:]", arguments=["a", "b"])).value, ["a", "b"])
            for stdin in (b"\xff\0", "text", b"x" * 700000):
                result = await c.run("import sys; len(sys.stdin.buffer.read())", stdin=stdin)
                self.assertEqual(result.value, len(stdin))
            files = {"a.bin": b"\xff\0", "d/b.txt": "b"}
            code = "[len(open(n, 'rb').read()) for n in ('a.bin', 'd/b.txt')]"
            self.assertEqual((await c.run(code, files=files)).value, [2, 1])
            self.assertEqual((await c.run(script_path="m.py", files={"m.py": "8"})).value, 8)
        self.with_client(go)

    def test_stdin_pipe(self):
        """standard input may be a pipe, which stays the caller's"""
        read, write = os.pipe()
        os.write(write, b"piped")
        os.close(write)

        async def go(c):
            self.assertEqual((await c.run("input()", stdin=read)).value, "piped")
        self.with_client(go)
        os.close(read)

    def test_outcomes(self):
        """each outcome that a program can make has its exception"""
        async def go(c):
            for outcome, (request, expected, word) in OUTCOMES.items():
                result = await c.run(**request)
                self.assertEqual(result.outcome, outcome, result)
                with self.assertRaises(expected) as raised:
                    result.check()
                self.assertIs(raised.exception.result, result)
                self.assertIn(word, str(raised.exception))
        self.with_client(go)

    def test_refusals(self):
        """a refused call is the error of the interface, and the connection goes on"""
        async def go(c):
            for call, expected in REFUSALS:
                with self.assertRaises(expected) as raised:
                    await call(c)
                self.assertIs(type(raised.exception), expected)
            with self.assertRaises(errors.LimitExceeded) as raised:
                await c.run("1", limits={"memory_bytes": 1 << 50})
            self.assertEqual((raised.exception.limit, raised.exception.requested), ("memoryBytes", 1 << 50))
            self.assertEqual((await c.run("1")).value, 1)
        self.with_client(go)

    def test_no_value(self):
        """a value that JSON cannot carry is NoValue"""
        async def go(c):
            result = await c.run("import sys\nresult = sys")
            self.assertRaises(errors.NoValue, lambda: result.value)
        self.with_client(go)

    def test_stream(self):
        """events come in order, then the result with the whole output"""
        async def go(c):
            code = "import _sandbox\nprint(1)\n_sandbox.display('text/html', '<b>')"
            async with c.stream(code) as stream:
                events = [event async for event in stream]
                kinds = [event.kind for event in events]
                self.assertEqual(kinds[0], "accepted")
                self.assertLessEqual({"started", "output", "display"}, set(kinds))
                self.assertEqual([e.sequence for e in events], list(range(1, len(events) + 1)))
                self.assertEqual(stream.result.stdout.text, "1\n")
                self.assertEqual(stream.result.displays[0].text, {"text/html": "<b>"})
        self.with_client(go)

    def test_leaving_a_stream_cancels(self):
        """the end of 'with' cancels what still runs, and the client goes on"""
        async def go(c):
            async with c.stream(SPIN) as stream:
                async for event in stream:
                    if event.output:
                        break
                job = stream.job
            self.assertTrue(job)
            self.assertEqual((await c.run("1")).value, 1)
            if not self.embedded:
                harness.poll_until(lambda: not self.daemon.boxed(), "the end of the job's processes")
        self.with_client(go)

    def test_tools(self):
        """functions are called, exceptions arrive with their types"""
        code = ("import tools\ndef kind(f, **a):\n    try:\n        return f(**a)\n"
                "    except Exception as e:\n        return [e.type, e.message]\n"
                "print(tools.add.__doc__)\n"
                "[tools.add(a=1), tools.add(a=1, b=2), kind(tools.fail), kind(tools.parse, text='x'),"
                " kind(tools.odd), kind(tools.large, mib=1), kind(tools.large, mib=5)]")

        async def go(c):
            functions = {"add": self.add, "fail": fail, "parse": lambda text: int(text),
                         "odd": object, "large": lambda mib: "x" * (mib << 20)}
            result = await c.run(code, profile="agent", tools=functions)
            value = result.value
            self.assertEqual(value[:3], [8, 3, ["no-luck", "today"]])
            self.assertEqual([kind for kind, _ in value[3:]],
                             ["ValueError", "ResultNotEncodable", "ResultTooLarge", "ResultTooLarge"])
            self.assertIn("Adds two numbers.", result.stdout.text)
            self.assertEqual(result.usage.tool_calls, 7)
        self.with_client(go)

    def test_tools_that_exit(self):
        """what a function raises is told the program, also if it would end a program of its own"""
        async def go(c):
            for error in SystemExit, KeyboardInterrupt:
                def leave(error=error):
                    raise error("no")
                code = "import tools\ntry:\n    tools.leave()\nexcept Exception as e:\n    print(e.type)"
                result = await c.run(code, profile="agent", tools={"leave": leave})
                self.assertEqual(result.stdout.text, f"{error.__name__}\n", result)
        self.with_client(go)

    def test_large_and_wrong_requests(self):
        """large files need no message; what is too large is TooLarge; a wrong option leaves no descriptor"""
        async def go(c):
            large = "x" * (300 << 10)
            code = "import os; print(os.stat('a').st_size, os.stat('b').st_size)"
            result = await c.run(code, files={"a": large, "b": pysb.FileInput(large.encode())},
                                 limits={"source_bytes": 1 << 20})
            self.assertEqual(result.stdout.text, f"{300 << 10} {300 << 10}\n", result)
            self.assertEqual((await c.run("1", files={"a": large * 20})).outcome, "rejected")
            code = "import os; print(len(os.listdir()))"
            files = {f"f{i}": large[:1] + "y" * (260 << 10) for i in range(8)}
            result = await c.run(code, files=files, limits={"source_bytes": 3 << 20})
            self.assertEqual(result.stdout.text, "8\n", result)
            files = {"a": "x" * (6 << 20), "b": b"y" * (6 << 20)}
            result = await c.run("import os; print(sum(os.stat(f).st_size for f in 'ab'))", files=files,
                                 limits={"source_bytes": 16 << 20})
            self.assertEqual(result.stdout.text, f"{12 << 20}\n", result)
            with self.assertRaises(errors.TooLarge) as refused:
                await c.open_session(files={"a": large})
            self.assertEqual((refused.exception.field, refused.exception.maximum_bytes),
                             ("files", 256 << 10))
            with self.assertRaises(errors.TooLarge):
                await c.run("1" * (5 << 20))
            before = len(os.listdir("/proc/self/fd"))
            for wrong in {"limits": {"bad": 1}}, {"inputs": {"a": {1}}}:
                with self.assertRaises(TypeError):
                    await c.run("1", files={"a": large}, stdin=sys.stdin, **wrong)
            self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        self.with_client(go)

    def test_request_id(self):
        """what is null in a request may as well be absent, also for its requestId"""
        async def go(c):
            request = {"expression": "1", "requestId": "null", "retainUSec": 60000000}
            first = await c.call("Submit", {"request": request})
            again = {**request, "priority": None, "limits": None}
            second = await c.call("Submit", {"request": again})
            self.assertEqual(second, {"job": first["job"], "created": False})
            with self.assertRaises(errors.RequestConflict):
                await c.call("Submit", {"request": {**request, "priority": 3}})
        self.with_client(go)

    def test_jobs(self):
        """a job that is handed over is waited for, listed, shown, followed and cancelled"""
        async def go(c):
            job = await c.submit("print(3)", labels={"case": "jobs"}, retain_usec=60000000)
            self.assertEqual((await job.result()).stdout.text, "3\n")
            self.assertEqual((await job.info()).state, "finished")
            async with job.stream() as stream:
                self.assertEqual((await stream.wait()).stdout.text, "3\n")
            async with job.stream(after_sequence=1) as stream:
                self.assertGreater([e async for e in stream][0].sequence, 1)
            job = await c.submit(SPIN)
            self.assertIsNone(await job.wait(0))
            await job.cancel("enough")
            with self.assertRaises(errors.Cancelled) as raised:
                (await job.result()).check()
            self.assertIn("enough", str(raised.exception))
        self.with_client(go)

    def test_input(self):
        """standard input may come while the job runs; then there is nobody who reads"""
        async def go(c):
            job = await c.submit("import sys\nlen(sys.stdin.buffer.read())", stdin_open=True,
                                 retain_usec=60000000)
            self.assertEqual(await job.write_input("text"), 4)
            self.assertEqual(await job.write_input(b"\xff", end_of_file=True), 1)
            self.assertEqual((await job.result()).value, 5)
            with self.assertRaises(errors.JobNotAccepting):
                await job.write_input(b"more")
        self.with_client(go)

    def test_blobs(self):
        """blobs are put, given to a job, handed back and removed; files have modes and may be memfds"""
        async def go(c):
            data = b"\xff" * (3 << 20)
            for content in (data, "text", b""):
                raw = content.encode() if isinstance(content, str) else content
                blob = await c.put_blob(content)
                self.assertEqual((blob.blob, blob.size_bytes),
                                 ("sha256:" + hashlib.sha256(raw).hexdigest(), len(raw)))
                self.assertEqual(await c.get_blob(blob.blob), raw)
            text = "sha256:" + hashlib.sha256(b"text").hexdigest()
            fd = os.memfd_create("f")
            os.write(fd, b"memfd")
            self.addCleanup(os.close, fd)
            result = await c.run(
                "import os\nopen('out', 'w').write(repr([(open(n).read(), os.stat(n).st_mode & 0o777) for n in 'abc']))",
                files={"a": pysb.FileInput(blob=text, read_only=True), "b": pysb.FileInput(file=fd),
                       "c": pysb.FileInput("inline", executable=True)},
                collect=[pysb.CollectRule("out", delivery="blob")])
            out = await c.get_blob(result.check().files[0].blob)
            self.assertEqual(out.decode(), repr([("text", 0o444), ("memfd", 0o644), ("inline", 0o755)]))
            self.assertEqual(await c.remove_blobs(text, text), 1)
            with self.assertRaises(errors.BlobNotFound) as raised:
                await c.get_blob(text)
            self.assertEqual(raised.exception.blob, text)
        self.with_client(go)

    def test_collect(self):
        """files come back in the result of a call, and of a stream"""
        async def go(c):
            code = ("import os\nopen('a', 'wb').write(b'\\xff')\nopen('b', 'w').write('text')\n"
                    "os.symlink('a', 'c')")
            collect = [pysb.types.CollectRule("a", truncate=True), "[bc]"]
            results = [await c.run(code, collect=collect)]
            async with c.stream(code, collect=collect) as stream:
                self.assertEqual([e.file.path for e in [e async for e in stream] if e.file], ["a", "b", "c"])
                results.append(await stream.wait())
            for result in results:
                self.assertEqual([(f.path, f.data, f.problem) for f in result.files],
                                 [("a", b"\xff", None), ("b", b"text", None), ("c", b"", "not-regular")])
        self.with_client(go)

    def test_grace_and_forget(self):
        """a job that is asked to stop may clean up; its result can be dropped"""
        async def go(c):
            code = "try:\n    print('ready', flush=True)\n    while True: pass\nfinally:\n    print('cleaned')"
            job = await c.submit(code, retain_usec=60000000)
            async with job.stream(kinds=["output"]) as stream:
                async for event in stream:
                    self.assertEqual(event.kind, "output")
                    break
            await job.cancel("enough", grace_usec=10000000)
            result = await job.result()
            self.assertEqual((result.outcome, result.stdout.text), ("cancelled", "ready\ncleaned\n"))
            await job.forget()
            with self.assertRaises(errors.JobNotFound):
                await job.info()
        self.with_client(go)

    def test_submitted_tools(self):
        """a stream of a job that was handed over answers its tool calls"""
        async def go(c):
            job = await c.submit("import tools\ntools.add(a=2)", profile="agent",
                                 tools={"add": self.add})
            async with job.stream() as stream:
                self.assertEqual((await stream.wait()).value, 9)
        self.with_client(go)

    def test_session(self):
        """variables live from one cell to the next, and 'with' closes the session"""
        async def go(c):
            async with await c.open_session(labels={"case": "session"}, idle_timeout_usec=60000000) as s:
                await s.execute("x = inputs['n']", inputs={"n": 6})
                result = await s.execute("x * 7")
                self.assertEqual((result.value, result.session, result.execution_count,
                                  result.session_alive), (42, s.id, 2, True))
                info = await s.info()
                self.assertEqual((info.execution_count, info.labels), (2, {"case": "session"}))
                self.assertEqual((await s.extend(idle_timeout_usec=5000000)).idle_timeout_usec, 5000000)
                self.assertEqual((await c.who_am_i()).sessions, 1)
                self.assertEqual((await c.session(s.id).execute("x")).value, 6)
                branch = await s.branch(labels={"case": "branch"})
                self.assertEqual((await branch.execute("x += 1\nx")).value, 7)
                self.assertEqual((await branch.info()).labels, {"case": "branch"})
                self.assertEqual((await s.execute("x")).value, 6)
                await branch.close()
                self.assertEqual((await s.restart()).session, s.id)
                self.assertEqual((await s.execute("x")).exception.type, "NameError")
            with self.assertRaises(errors.SessionNotFound):
                await s.execute("x")
        self.with_client(go)

    def test_session_interrupt(self):
        """interrupt() and leaving a stream raise KeyboardInterrupt in the cell, and its variables stay"""
        async def go(c):
            async with await c.open_session() as s:
                await s.execute("x = 1")
                async with s.stream(SPIN) as stream:
                    async for event in stream:
                        if event.output:
                            break
                    with self.assertRaises(errors.SessionBusy):
                        await c.call("Execute", {"session": s.id, "code": "1"})
                    await s.interrupt()
                    result = await stream.wait()
                self.assertEqual(result.exception.type, "KeyboardInterrupt")
                async with s.stream(SPIN) as stream:
                    async for event in stream:
                        if event.output:
                            break
                self.assertEqual((await s.execute("x", queue=True)).value, 1)
        self.with_client(go)

    def test_session_tools(self):
        """functions of a session are called by each of its cells"""
        async def go(c):
            async with await c.open_session(profile="agent", tools={"add": self.add}) as s:
                await s.execute("import tools\nx = tools.add(a=1)")
                self.assertEqual((await s.execute("tools.add(a=x, b=1)")).value, 9)
        self.with_client(go)

    def test_session_lost(self):
        """a cell that ends the interpreter says so, and the next one is refused"""
        async def go(c):
            async with await c.open_session(profile="raw") as s:
                self.assertFalse((await s.execute("import os\nos._exit(3)")).session_alive)
                with self.assertRaises(errors.SessionLost):
                    await s.execute("1")
                with self.assertRaises(errors.SessionLost):
                    await s.restart()
        self.with_client(go)

    def test_what_there_is(self):
        """node, profiles, who_am_i and check"""
        async def go(c):
            self.assertGreater((await c.node()).max_message_bytes, 0)
            self.assertIn("default", [p.name for p in await c.profiles()])
            profile = await c.profile("default")
            self.assertEqual((profile.info.name, len(profile.digest)), ("default", 64))
            self.assertEqual((await c.who_am_i()).uid, os.getuid())
            reply = await c.check("import socket\neval('1')", analysis="strict")
            self.assertFalse(reply.accepted)
            self.assertIn("builtin-denied", [f.rule for f in reply.findings])
        self.with_client(go)


class Sync(Cases, unittest.TestCase):
    add = staticmethod(add)

    @staticmethod
    def make(*args, **kwargs):
        return Blocking(pysb.Client(*args, **kwargs))

    def test_list(self):
        """jobs() goes through all pages"""
        with pysb.Client(f"unix:{self.daemon.address}") as c:
            made = [c.submit("1", labels={"case": "list"}, retain_usec=60000000) for _ in range(3)]
            self.assertEqual({j.job for j in c.jobs(labels={"case": "list"})}, {j.id for j in made})
            with c.open_session(labels={"case": "list"}) as s:
                cell = s.execute("1", retain_usec=60000000)
                self.assertEqual([i.session for i in c.sessions(labels={"case": "list"})], [s.id])
                self.assertEqual([i.session for i in c.sessions(labels={"case": "none"})], [])
                self.assertEqual([i.job for i in c.jobs(session=s.id)], [cell.job])

    def test_daemon_goes_away(self):
        """a daemon that is killed is Disconnected, and nothing gets through to it afterwards"""
        daemon = harness.Daemon(harness.build_tree())
        with pysb.Client(f"unix:{daemon.address}") as c:
            stream = c.stream(SPIN)
            for event in stream:
                if event.output:
                    break
            daemon.process.kill()
            with self.assertRaises((errors.Disconnected, errors.Lost)):  # the broker may say so first
                stream.wait().check()
            daemon.stop()
            with self.assertRaises((errors.Disconnected, errors.ConnectFailed)):  # the broker is last to go
                c.node()

    def test_one_liner(self):
        """pysb.run() runs one program"""
        self.assertEqual(pysb.run("6 * 7", address=f"unix:{self.daemon.address}").value, 42)


class Async(Cases, unittest.TestCase):
    add = staticmethod(add_later)
    make = pysb.AsyncClient

    def test_list(self):
        """jobs() goes through all pages"""
        async def go(c):
            made = [await c.submit("1", labels={"case": "list"}, retain_usec=60000000) for _ in range(3)]
            listed = {j.job async for j in c.jobs(labels={"case": "list"})}
            self.assertEqual(listed, {j.id for j in made})
            async with await c.open_session(labels={"case": "list"}) as s:
                listed = [i.session async for i in c.sessions(labels={"case": "list"})]
                self.assertEqual(listed, [s.id])
        self.with_client(go)

    def test_at_once(self):
        """many calls at once each get their own answer"""
        async def go(c):
            results = await asyncio.gather(*(c.run(str(n)) for n in range(8)))
            self.assertEqual([r.value for r in results], list(range(8)))
        self.with_client(go)


class SyncEmbedded(Sync):
    embedded = True
    test_list = test_daemon_goes_away = None

    def test_one_liner(self):
        """pysb.run() by a daemon for this one call"""
        self.assertEqual(pysb.run("6 * 7", embedded=True).value, 42)

    def test_nothing_left(self):
        """close() returns when the private daemon has ended"""
        with pysb.Client(embedded=True) as c:
            c.run("1")
            pid = c._pool.daemon.process.pid
            family = [p.pid for p in harness.descendants(pid)]
        self.assertFalse(harness.is_alive(pid))
        harness.poll_until(lambda: not any(map(harness.is_alive, family)), "the end of its family")

    def test_no_program(self):
        """where there is no daemon to start is ConnectFailed"""
        before = os.environ["PYSBD"]
        os.environ["PYSBD"] = "/nonexistent/pysbd"
        try:
            self.assertRaises(errors.ConnectFailed, pysb.Client, embedded=True)
        finally:
            os.environ["PYSBD"] = before


class AsyncEmbedded(Async):
    embedded = True
    test_list = None


if __name__ == "__main__":
    tap.run(Sync, Async, SyncEmbedded, AsyncEmbedded)

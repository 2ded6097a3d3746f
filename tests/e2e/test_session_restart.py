#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RestartSession: another interpreter in the same box and its files."""

import asyncio
import os
import sys
import threading

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
from harness import next_event
from pysb import aio, errors
from pysb.types import SessionInfo
from sessions import DEAF, Case, value


class Restart(Case):
    def test_fresh_interpreter_same_files(self):
        session = self.open(files={"given.txt": "given"}, environment={"COLOUR": "red"},
                            tools={"add": lambda a: a + 6})
        session.execute("import json, os\nx = 1\nos.environ['COLOUR'] = 'blue'\n"
                        "open('/app/given.txt', 'w').write('mine')\nopen('/tmp/t', 'w').write('tmp')")
        for _ in range(3):
            info = session.restart()
            self.assertEqual((info.session, info.state), (session.id, "idle"))
            self.assertEqual(session.execute("x").exception.type, "NameError")
            self.assertEqual(session.execute("json").exception.type, "NameError")
            self.assertEqual(value(session, "import os\nos.environ['COLOUR']"), "red")
            self.assertEqual(value(session, "open('/app/given.txt').read() + open('/tmp/t').read()"), "minetmp")
            self.assertEqual(value(session, "x = 5\nx"), 5)
        self.assertEqual(session.execute("1").execution_count, 17)
        self.assertEqual(value(session, "import _sandbox\n_sandbox.tool_call('add', a=1)"), 7)

    def test_running_and_waiting_cells_are_cancelled(self):
        session = self.open()
        cell = self.start(session, f"print('on', flush=True)\n{DEAF}")
        with session.stream("5", queue=True) as waiting:
            next(waiting)
            self.assertEqual(session.restart().state, "idle")
            for result in cell.wait(), waiting.wait():
                self.assert_ends(result, "cancelled", True)
                self.assertIn("the session was restarted", result.message)
        self.assertEqual(value(session, "1"), 1)

    def test_what_was_written_is_told(self):
        session = self.open()
        with session.stream("import sys\nfor i in range(1000): print(i)\nsys.stdout.flush()\n"
                            "print('on', file=sys.stderr, flush=True)\nwhile True: pass") as cell:
            for event in cell:
                if event.output and event.output.stream == "stderr":
                    session.restart()
        self.assertEqual(cell.result.outcome, "cancelled")
        self.assertEqual((cell.result.stdout.text, cell.result.stderr.text),
                         ("".join(f"{i}\n" for i in range(1000)), "on\n"))

    def test_open_tool_call(self):
        over = threading.Event()
        self.addCleanup(over.set)
        session = self.open(tools={"add": over.wait})
        with session.stream("import _sandbox\n_sandbox.tool_call('add')") as cell:
            next_event(cell, "tool_call")
            session.restart()
            self.assertEqual(cell.wait().outcome, "cancelled")
        self.assertEqual(value(session, "1"), 1)

    def test_everything_that_ran_is_gone(self):
        """Children, threads, handlers, descriptors: none of it is in the next interpreter's box."""
        session = self.open(profile="raw")
        session.execute("pass")
        before = len(self.daemon.boxed())
        session.execute("import os, signal\nfor _ in range(3):\n    if os.fork() == 0:\n"
                        "        signal.signal(2, signal.SIG_IGN)\n        while True: signal.pause()\n")
        self.assertEqual(len(self.daemon.boxed()), before + 3)
        session.restart()
        self.assertEqual(len(self.daemon.boxed()), before)
        self.assertEqual(value(session, "import os\nsorted(map(int, os.listdir('/proc/self/fd')))[:4]"),
                         [0, 1, 2, 3])

    def test_denied_calls_are_answered_in_the_next_one(self):
        """The filter's listener is that of the new interpreter."""
        session = self.open(profile="raw")
        code = "import os\ntry: os.chroot('/')\nexcept PermissionError: print('denied')"
        for _ in range(3):
            self.assertEqual(session.execute(code).stdout.text, "denied\n")
            session.restart()

    def test_limits_hold_in_the_next_one(self):
        session = self.open(limits={"memory_bytes": 64 << 20})
        session.restart()
        self.assertEqual(session.execute("x = bytearray(1 << 30)").outcome, "memory_limit")
        result = session.execute("while True: pass", limits={"cpu_time_usec": 200_000})
        self.assert_ends(result, "cpu_time_limit", True)
        result = session.execute("import time\ntime.sleep(100)", limits={"wall_time_usec": 200_000})
        self.assert_ends(result, "wall_time_limit", True)
        self.assertEqual(value(session, "1"), 1)

    def test_interrupt_is_not_the_next_ones(self):
        session = self.open()
        for number in range(50):
            cell = session.stream("while True: pass")
            session.interrupt()
            session.restart()
            cell.wait()
            self.assertEqual(value(session, "sum(range(2000))"), 1999000)

    def test_right_after_it_was_opened(self):
        session = self.open()
        session.restart()
        self.assertEqual(value(session, "1"), 1)

    def at_once(self, session, *methods):
        """What each of them returns or raises."""
        async def call():
            async with aio.Client(f"unix:{self.daemon.address}") as client:
                same = client.session(session.id)
                return await asyncio.gather(*[getattr(same, method)() for method in methods], return_exceptions=True)
        return asyncio.run(call())

    def test_two_at_once(self):
        session = self.open()
        session.execute("x = 1")
        for info in self.at_once(session, "restart", "restart"):
            self.assertEqual(info.state, "idle")
        self.assertEqual(session.execute("x").exception.type, "NameError")

    def test_close_meanwhile(self):
        session = self.open()
        session.execute("1")
        restarted, closed = self.at_once(session, "restart", "close")
        self.assertIsNone(closed)
        self.assertIsInstance(restarted, (SessionInfo, errors.SessionNotFound))
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_lost_stays_lost(self):
        session = self.open(profile="raw")
        session.execute("import os\nos._exit(1)")
        self.assertEqual(self.refused(errors.SessionLost, session.restart).parameters, {"session": session.id})

    def test_many(self):
        """Neither the daemons nor the box keep anything of the interpreters before."""
        session = self.open()
        session.execute("1")
        pids = [p.pid for p in harness.descendants(self.daemon.process.pid)
                if p.fields["Name"] in ("pysbd-broker", "pysbd")] + [p.pid for p in self.daemon.boxed()
                                                                     if p.nested_pid == 1]
        count = lambda: [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]
        before = count()
        for _ in range(100):
            session.restart()
        self.assertEqual(count(), before)
        self.assertEqual(value(session, "1"), 1)


if __name__ == "__main__":
    tap.run(Restart)

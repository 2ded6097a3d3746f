#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions: an interpreter whose variables live from one cell to the next, and what ends it."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import pysb
import tap
import varlink
from harness import next_event
from pysb import errors
from sessions import DEAF, LOOP, Case, value

CELLS = 500 if harness.SANITIZED else 10_000


class Cells(Case):
    def test_variables_imports_and_files_stay(self):
        session = self.open(files={"given.txt": "given"}, labels={"a": "b"},
                            environment={"COLOUR": "red"})
        self.assertEqual(session.info().labels, {"a": "b"})
        session.execute("import json\nx = 40\ndef f(): return x + 1")
        self.assertEqual(value(session, "f()"), 41)
        self.assertEqual(value(session, "_ + 1"), 42)
        self.assertEqual(value(session, "open('/app/given.txt').read()"), "given")
        session.execute("open('/app/mine.py', 'w').write('y = 7')")
        self.assertEqual(value(session, "import mine\nmine.y"), 7)
        self.assertEqual(value(session, "import os\nos.environ['COLOUR']"), "red")

    def test_result_names_session_and_number(self):
        session = self.open()
        session.execute("result = 5")
        result = session.execute("pass")
        self.assertEqual((result.session, result.execution_count, result.session_alive),
                         (session.id, 2, True))
        self.assertIsNone(result.result_json)  # the variable is that of an earlier cell
        job = session.execute("1", retain_usec=60_000_000).job
        self.assertEqual(self.client.job(job).info().session, session.id)
        self.assertEqual([info.job for info in self.client.jobs(session=session.id)], [job])

    def test_each_cell_has_its_own_output(self):
        session = self.open()
        self.assertEqual(session.execute("print('one', end='')").stdout.text, "one")
        self.assertEqual(session.execute("print('two', end='')").stdout.text, "two")

    def test_display_of_the_last_expression(self):
        session = self.open()
        self.assertTrue(session.execute("1 + 1").displays)
        self.assertIsNone(session.execute("1 + 1", display_last_expression=False).displays)

    def test_traceback_shows_lines_of_earlier_cells(self):
        session = self.open()
        session.execute("def f():\n    return 1 / 0")
        exception = session.execute("f()").exception
        self.assertEqual(exception.type, "ZeroDivisionError")
        self.assertIn('File "<cell 1>", line 2, in f\n    return 1 / 0', exception.traceback)
        self.assertEqual(value(session, "1"), 1)

    def test_inputs(self):
        session = self.open()
        result = session.execute("inputs['n']", inputs={"n": 3})
        self.assertEqual(result.value, 3)
        self.assertEqual(value(session, "inputs['n']"), 3)

    def test_syntax_error_and_refused_import_leave_it_alive(self):
        session = self.open()
        self.assertEqual(session.execute("(").exception.type, "SyntaxError")
        result = session.execute("import ctypes")
        self.assert_ends(result, "rejected", True)
        self.assertEqual(value(session, "1"), 1)

    def test_exit_ends_the_cell(self):
        session = self.open()
        session.execute("x = 1")
        result = session.execute("import sys\nsys.exit(3)")
        self.assertEqual((result.outcome, result.exit_code, result.session_alive),
                         ("exit_nonzero", 3, True))
        self.assertEqual(value(session, "x"), 1)

    def test_source_too_large_does_not_run(self):
        session = self.open(limits={"source_bytes": 64})
        result = session.execute("#" * 65)
        self.assert_ends(result, "rejected", True)
        self.assertEqual(value(session, "1"), 1)

    def test_ticks_count_for_each_cell(self):
        session = self.open()
        loop = "for i in range(50): pass"
        for _ in range(2):
            result = session.execute(loop, limits={"ticks": 60})
            self.assertEqual((result.outcome, result.usage.ticks), ("success", 50))
        self.assertEqual(session.execute(loop, limits={"ticks": 20}).outcome, "tick_limit")
        self.assertEqual(value(session, "1"), 1)

    def test_bound_to_its_object(self):
        """bind_to_connection: a session that nobody closes ends with its object"""
        session = self.client.open_session(bind_to_connection=True)
        self.assertEqual(value(session, "6 * 7"), 42)
        other = self.client.session(session.id)
        self.assertEqual(value(other, "1"), 1)
        del session
        harness.poll_until(lambda: self.client.who_am_i().sessions == 0, "the end of the session")
        self.assertRaises(errors.SessionNotFound, other.info)

        async def go():
            async with pysb.AsyncClient(f"unix:{self.daemon.address}") as client:
                async with await client.open_session(bind_to_connection=True) as session:
                    return (await session.execute("6 * 7")).value
        self.assertEqual(asyncio.run(go()), 42)

    def test_usage_is_that_of_all_cells(self):
        session = self.open()
        self.assertEqual(session.info().usage.wall_time_usec, 0)
        results = [session.execute("sum(range(300_000))\nprint('twelve bytes')") for _ in range(2)]
        results.append(session.execute("import os\nos._exit(3)"))
        usage = session.info().usage
        for name in ("wall_time_usec", "cpu_user_usec", "cpu_system_usec", "stdout_bytes"):
            self.assertEqual(getattr(usage, name), sum(getattr(r.usage, name) for r in results), name)
        self.assertEqual(usage.stdout_bytes, 26)

    def test_the_last_cell_has_only_its_own_time(self):
        """many cells have used more than one may; the one that ends the interpreter is not blamed for it"""
        session = self.open(limits={"cpu_time_usec": 300_000})
        for _ in range(4):
            cell = "import time\nend = time.process_time() + 0.15\nwhile time.process_time() < end: pass"
            self.assertEqual(session.execute(cell).outcome, "success")
        self.assert_ends(session.execute("import os\nos._exit(3)"), "exit_nonzero", False)

    def test_repeated_call_makes_no_second_cell(self):
        session = self.open()
        session.execute("n = 0")
        jobs = {session.execute("n += 1", request_id="once").job for _ in range(3)}
        self.assertEqual((len(jobs), value(session, "n")), (1, 1))
        with self.assertRaises(errors.RequestConflict) as refused:
            session.execute("n += 2", request_id="once")
        self.assertEqual(refused.exception.job, jobs.pop())
        results = [session.execute("import os\nos._exit(3)", request_id="last") for _ in range(2)]
        self.assertEqual(results[0], results[1])
        self.assertRaises(errors.SessionLost, session.execute, "1")

    def test_figures_of_a_cell_that_runs(self):
        session = self.open()
        session.execute("sum(range(300_000))")
        with session.stream(LOOP, usage_interval_usec=100_000) as stream:
            usage = next_event(stream, "usage").usage
            self.assertGreater(usage.memory_bytes, 0)
            session.interrupt()
            stream.wait()
        with session.stream("import time\ntime.sleep(60)", heartbeat_usec=1_000_000) as stream:
            next_event(stream, "heartbeat")
            session.interrupt()

    def test_many_cells_in_flat_memory(self):
        session = self.open()
        session.execute("n = 0")
        broker = [p for p in harness.descendants(self.daemon.process.pid)
                  if p.fields["Name"] == "pysbd-broker"][0].pid
        warm = min(1000, CELLS // 2)
        for number in range(CELLS):
            if number == warm:
                before = [resident(pid) for pid in (broker, self.boxed_job())]
            session.execute("n += 1")
        after = [resident(pid) for pid in (broker, self.boxed_job())]
        self.assertEqual(value(session, "n"), CELLS)
        for then, now in zip(before, after):
            self.assertLess(now, then + 1024 + harness.QUARANTINE_BYTES // 1024, "KiB")
        self.assertEqual(list(self.client.jobs()), [])


def resident(pid):
    return int(harness.Process(pid).fields["VmRSS"].split()[0])


def ignores(pid, number):
    return int(harness.Process(pid).fields["SigIgn"], 16) >> (number - 1) & 1


class Interrupts(Case):
    def test_variables_stay(self):
        session = self.open()
        cell = self.start(session, "x = 7\n" + LOOP)
        self.assertEqual(session.info().state, "executing")
        session.interrupt()
        result = cell.wait()
        self.assertEqual((result.exception.type, result.session_alive), ("KeyboardInterrupt", True))
        self.assertEqual(value(session, "x"), 7)

    def test_nothing_runs_nothing_happens(self):
        session = self.open()
        session.execute("1")
        for _ in range(20):
            session.interrupt()
            self.assertEqual(value(session, "2"), 2)

    def test_late_one_is_not_the_next_cells(self):
        """The interrupt comes when its cell is over, and is not the next one's."""
        def pause():
            os.kill(init, signal.SIGSTOP)
            session.interrupt()

        session = self.open(tools=[pause])
        session.execute("import tools")
        init = next(p.pid for p in self.daemon.boxed() if p.nested_pid == 1)
        job = self.boxed_job()
        for _ in range(20):
            cell = self.start(session, "tools.pause(); print('on')")
            harness.poll_until(lambda: ignores(job, signal.SIGINT), "the end of the cell")
            later = session.stream("sum(range(10 ** 6))", queue=True)
            os.kill(init, signal.SIGCONT)
            self.assertEqual(cell.wait().outcome, "success")
            self.assertEqual(later.wait().value, 499999500000)

    def test_cancel_interrupts_and_the_session_stays(self):
        session = self.open()
        session.execute("x = 1")
        cell = self.start(session, LOOP)
        self.client.job(cell.job).cancel("enough")
        result = cell.wait()
        self.assert_ends(result, "cancelled", True)
        self.assertEqual(result.message, "cancelled: enough")
        self.assertEqual(value(session, "x"), 1)

    def test_cancel_kills_what_does_not_listen(self):
        session = self.open(profile="raw")
        cell = self.start(session, "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + LOOP)
        self.client.job(cell.job).cancel()
        self.assert_ends(cell.wait(), "cancelled", False)
        self.assertEqual(session.info().state, "lost")
        self.refused(errors.SessionLost, session.execute, "1")

    def test_client_that_goes_away_cancels_its_cell(self):
        session = self.open()
        session.execute("x = 1")
        with session.stream("while True: pass") as cell:
            next(cell)
        harness.poll_until(lambda: session.info().state == "idle", "the end of the cell")
        self.assertEqual(value(session, "x"), 1)


class Limits(Case):
    def test_wall_time_of_each_cell(self):
        session = self.open()
        session.execute("import time\nx = 1")
        for _ in range(2):
            result = session.execute("time.sleep(100)", limits={"wall_time_usec": 200_000})
            self.assert_ends(result, "wall_time_limit", True)
        self.assertEqual(value(session, "x"), 1)

    def test_cpu_time_of_each_cell(self):
        session = self.open()
        for _ in range(2):
            result = session.execute("while True: pass", limits={"cpu_time_usec": 200_000})
            self.assert_ends(result, "cpu_time_limit", True)
        self.assertEqual(value(session, "1"), 1)

    def test_wall_time_kills_what_does_not_listen(self):
        session = self.open()
        result = session.execute(DEAF, limits={"wall_time_usec": 200_000})
        self.assert_ends(result, "wall_time_limit", False)

    def test_memory_error_leaves_it_alive(self):
        session = self.open(limits={"memory_bytes": 64 << 20})
        result = session.execute("x = bytearray(1 << 30)")
        self.assert_ends(result, "memory_limit", True)
        self.assertEqual(value(session, "1"), 1)

    def test_output_of_each_cell(self):
        session = self.open(limits={"output_bytes": 1000})
        for _ in range(3):
            self.assertEqual(session.execute("print('x' * 900)").outcome, "success")
        result = session.execute("while True: print('x' * 900)")
        self.assert_ends(result, "output_limit", False)

    def test_result_of_each_cell(self):
        session = self.open(limits={"result_bytes": 1000})
        for _ in range(3):
            self.assertEqual(value(session, "'x' * 300"), "x" * 300)

    def test_what_only_raises_leaves_it_alive(self):
        """The limits that the kernel answers with an error"""
        for profile, limits, code, error in (
                ("raw", {"processes": 3}, "import os\nwhile os.fork(): pass\nimport time\ntime.sleep(100)",
                 "BlockingIOError"),
                ("default", {}, "import threading, time\nwhile True:\n"
                 "    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()", "RuntimeError"),
                ("default", {"disk_bytes": 1 << 20}, "open('/app/f', 'wb').write(b'x' * (2 << 20))", "OSError"),
                ("default", {"disk_files": 20}, "for i in range(30): open(f'/app/{i}', 'w')", "OSError"),
                ("default", {"file_bytes": 1000}, "with open('/app/f', 'wb') as f: f.write(b'x' * 2000)", "OSError"),
                ("default", {"open_files": 20}, "kept = [open('/app/f', 'w') for _ in range(30)]", "OSError")):
            with self.subTest(error=error, limits=limits), self.open(profile=profile, limits=limits) as session:
                session.execute("x = 1")
                result = session.execute(code)
                self.assertEqual((result.exception.type, result.session_alive), (error, True))
                self.assertEqual(value(session, "x"), 1)

    def test_tool_calls_end_it(self):
        session = self.open(tools={"add": lambda: 1}, limits={"tool_calls": 1})
        result = session.execute("import _sandbox\nfor _ in range(2): _sandbox.tool_call_start('add')")
        self.assert_ends(result, "tool_call_limit", False)

    def test_limits_are_the_sessions(self):
        session = self.open(limits={"wall_time_usec": 1_000_000})
        said = self.refused(errors.LimitExceeded, session.execute, "1", limits={"wall_time_usec": 1_000_001})
        self.assertEqual(said.maximum, 1_000_000)
        said = self.refused(errors.InvalidRequest, session.execute, "1", limits={"memory_bytes": 64 << 20})
        self.assertEqual(said.field, "limits.memoryBytes")

    def test_idle_and_lifetime_close_it(self):
        for times in {"idle_timeout_usec": 1_000_000}, {"lifetime_usec": 1_000_000}:
            session = self.open(**times)
            session.execute("1")
            harness.poll_until(lambda: not self.exists(session), "the end of the session")

    def exists(self, session):
        try:
            return bool(session.info())
        except errors.SessionNotFound:
            return False


class Methods(Case):
    def test_one_cell_at_a_time(self):
        session = self.open()
        cell = self.start(session, LOOP)
        said = self.refused(errors.SessionBusy, session.execute, "1")
        self.assertEqual(said.parameters, {"session": session.id, "job": cell.job})
        with session.stream("5", queue=True) as second:
            self.assertEqual(next(second).kind, "accepted")
            session.interrupt()
            self.assertEqual(second.wait().value, 5)

    def test_waiting_cell_is_cancelled_alone(self):
        session = self.open()
        cell = self.start(session, LOOP)
        with session.stream("5", queue=True) as second:
            self.client.job(next(second).job).cancel()
            self.assertEqual(second.wait().outcome, "cancelled")
        session.interrupt()
        self.assertTrue(cell.wait().session_alive)

    def test_unknown_ones_are_not_found(self):
        session = self.client.session("0" * 32)
        for method, arguments in ((session.execute, ("1",)), (session.interrupt, ()), (session.info, ()),
                                  (session.extend, ()), (session.restart, ()), (session.close, ())):
            self.assertEqual(self.refused(errors.SessionNotFound, method, *arguments).parameters,
                             {"session": "0" * 32})

    def test_close_ends_what_runs(self):
        session = self.open()
        cell = self.start(session, LOOP)
        session.close()
        me = self.client.who_am_i()
        self.assertEqual((me.sessions, me.running_jobs), (0, 0))
        self.refused(errors.SessionNotFound, session.info)
        self.assert_ends(cell.wait(), "cancelled", False)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_close_cancels_what_waits(self):
        session = self.open()
        cell = self.start(session, LOOP)
        with session.stream("1", queue=True, retain_usec=60_000_000) as waiting:
            job = self.client.job(next(waiting).job)
            session.close()
            self.assertEqual(waiting.wait().outcome, "cancelled")
        self.assert_ends(cell.wait(), "cancelled", False)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
        job.cancel()  # it is over, and so is what it was for
        self.assertEqual(job.info().state, "finished")
        job.forget()

    # The client closes its sessions itself, and has more than one connection
    def test_bound_to_its_connection(self):
        with varlink.Connection(self.daemon.address) as connection:
            info = connection.call("OpenSession", bindToConnection=True)["info"]
            connection.call("Execute", session=info["session"], code="1")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
        self.refused(errors.SessionNotFound, self.client.session(info["session"]).info)

    def test_unbound_ones_stay(self):
        with self.daemon.client() as client:
            session = client.open_session()
            session.execute("x = 3")
        with self.client.session(session.id) as session:
            self.assertEqual(value(session, "x"), 3)

    def test_extend(self):
        session = self.open(idle_timeout_usec=60_000_000, lifetime_usec=60_000_000)
        before = session.info()
        info = session.extend(idle_timeout_usec=7200_000_000, lifetime_usec=3600_000_000)
        self.assertEqual(info.idle_timeout_usec, 7200_000_000)
        self.assertGreater(info.expires_at_usec, before.expires_at_usec + 3000_000_000)
        for error, times in ((errors.InvalidRequest, {"idle_timeout_usec": 0}),
                             (errors.LimitExceeded, {"lifetime_usec": 24 * 3600_000_000 + 1})):
            self.refused(error, session.extend, **times)
            self.refused(error, self.client.open_session, **times)

    def test_profile_without(self):
        profiles = {p.name: p.sessions for p in self.client.profiles()}
        self.assertEqual((profiles["eval"], profiles["default"], profiles["agent"]), (False, True, True))
        said = self.refused(errors.NotSupported, self.client.open_session, profile="eval")
        self.assertEqual(said.feature, "sessions in the profile eval")
        self.assertEqual(self.client.who_am_i().sessions, 0)

    def test_list(self):
        first, second = self.open(labels={"k": "1"}), self.open(labels={"k": "2"})
        self.assertEqual([s.session for s in self.client.sessions()], [second.id, first.id])
        self.assertEqual([s.session for s in self.client.sessions(labels={"k": "1"})], [first.id])
        page = self.client.call("ListSessions", {"maxEntries": 1})
        following = self.client.call("ListSessions", {"cursor": page["nextCursor"]})["sessions"]
        self.assertEqual(following[0]["session"], first.id)
        for wrong in {"maxEntries": 0}, {"cursor": "x"}:
            self.refused(errors.InvalidRequest, self.client.call, "ListSessions", wrong)

    def test_quota(self):
        opened = []
        while True:
            self.assertLessEqual(len(opened), 16)
            try:
                opened.append(self.open())
            except errors.QuotaExceeded as refused:
                self.assertEqual((refused.scope, refused.quota, refused.used), ("node", "sessions", len(opened)))
                break
        self.assertEqual(value(opened[-1], "1"), 1)

    def test_host_is_no_job_of_anybody(self):
        session = self.open()
        session.execute("1")
        self.assertEqual(list(self.client.jobs()), [])
        self.refused(errors.JobNotFound, self.client.job(session.id).info)

    def test_tools(self):
        answers, jobs, over = [1, 2], [], threading.Event()
        self.addCleanup(over.set)

        def add(**arguments):
            jobs.append(session.info().job)
            return answers.pop(0) if arguments else over.wait()
        session = self.open(tools={"add": add})
        for answer in 1, 2:
            result = session.execute("import _sandbox\n_sandbox.tool_call('add', a=1)")
            self.assertEqual((result.value, jobs[-1]), (answer, result.job))
        # A call that nobody waited for: its answer is that the cell has ended
        self.assertEqual(session.execute("c = _sandbox.tool_call_start('add')").outcome, "success")
        result = session.execute("_sandbox.get_tool_result(c)")
        self.assertEqual(result.exception.message.split(":")[0], "cell-ended")


class Hostile(Case):
    def test_lost_by_its_own_hand(self):
        for code in ("import os\nos._exit(3)", "import os\nos.kill(os.getpid(), 9)",
                     "import os\nos.close(3)\nx = 1", "import os\nos.write(3, b'x' * 4096)"):
            with self.subTest(code), self.open(profile="raw") as session:
                result = session.execute(code)
                self.assertFalse(result.session_alive, result)
                self.refused(errors.SessionLost, session.execute, "1")

    def test_closed_output(self):
        session = self.open(profile="raw")
        session.execute("import os\nos.close(1)")
        self.assertEqual(value(session, "1"), 1)

    def test_forged_end_of_a_cell(self):
        """It shortens its own cell; the rest of it is the next one's, and its CPU time is bounded."""
        session = self.open(profile="raw", limits={"cpu_time_usec": 300_000})
        result = session.execute("import os, struct\nos.write(3, struct.pack('<III', 4, 12, 0))\n"
                                 "while True: pass")
        self.assertEqual(result.outcome, "success")
        harness.poll_until(lambda: session.info().state == "lost", "the CPU time to be used up")

    def test_fork(self):
        session = self.open(profile="raw")
        result = session.execute("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\n"
                                 "print('parent' if pid else 'child')")
        self.assertEqual(sorted(result.stdout.text.split()), ["child", "parent"])
        self.assertEqual(value(session, "1"), 1)

    def test_thread_between_cells(self):
        """What it writes between two cells is the next one's."""
        session = self.open(profile="raw")
        session.execute("import threading, os\ngo = threading.Event()\ndone = threading.Event()\n"
                        "def late():\n    go.wait()\n    os.write(1, b'late')\n    done.set()\n"
                        "threading.Thread(target=late, daemon=True).start()")
        result = session.execute("go.set()\ndone.wait()")
        self.assertEqual(result.stdout.text, "late")

    def test_replaced_handler_is_its_own_business(self):
        session = self.open(profile="raw")
        session.execute("import signal\nhits = []\n"
                        "signal.signal(signal.SIGINT, lambda *_: hits.append(1))")
        cell = self.start(session, "print('on', flush=True)\nwhile not hits: pass")
        session.interrupt()
        self.assertEqual(cell.wait().outcome, "success")
        self.assertEqual(value(session, "len(hits)"), 1)


class OrdinaryUser(unittest.TestCase):
    """One host id, no range: the same."""

    def test_cells_and_interrupt(self):
        directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        daemon = harness.Daemon(harness.copied_tree(directory, 12345))
        self.addCleanup(daemon.stop)
        with daemon.client() as client, client.open_session() as session:
            session.execute("x = 1")
            with session.stream(LOOP) as cell:
                next_event(cell, "output")
                session.interrupt()
                self.assertTrue(cell.wait().session_alive)
            self.assertEqual(value(session, "x"), 1)
            session.restart()
            self.assertEqual(session.execute("x").exception.type, "NameError")


if __name__ == "__main__":
    tap.run(Cells, Interrupts, Limits, Methods, Hostile, OrdinaryUser)

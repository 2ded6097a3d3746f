#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions: an interpreter whose variables live from one cell to the next, and what ends it."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import varlink
from sessions import DEAF, Session, SessionCase

CELLS = 500 if harness.SANITIZED else 10_000


class Cells(SessionCase):
    def test_variables_imports_and_files_stay(self):
        session = self.open(files=[{"path": "given.txt", "text": "given"}], labels={"a": "b"},
                            environment={"COLOUR": "red"})
        self.assertEqual(session.info["labels"], {"a": "b"})
        session.execute("import json\nx = 40\ndef f(): return x + 1")
        self.assertEqual(session.value("f()"), "41")
        self.assertEqual(session.value("_ + 1"), "42")
        self.assertEqual(session.value("open('/app/given.txt').read()"), '"given"')
        session.execute("open('/app/mine.py', 'w').write('y = 7')")
        self.assertEqual(session.value("import mine\nmine.y"), "7")
        self.assertEqual(session.value("import os\nos.environ['COLOUR']"), '"red"')

    def test_result_names_session_and_number(self):
        session = self.open()
        session.execute("result = 5")
        result = session.execute("pass")
        self.assertEqual((result["session"], result["executionCount"], result["sessionAlive"]),
                         (session.id, 2, True))
        self.assertNotIn("resultJson", result)  # the variable is that of an earlier cell
        job = session.execute("1", retainUSec=60_000_000)["job"]
        self.assertEqual(self.other.call("GetJob", job=job)["info"]["session"], session.id)
        listed = self.other.call("ListJobs", session=session.id)["jobs"]
        self.assertEqual([entry["job"] for entry in listed], [job])

    def test_each_cell_has_its_own_output(self):
        session = self.open()
        self.assertEqual(session.execute("print('one', end='')")["stdout"]["text"], "one")
        self.assertEqual(session.execute("print('two', end='')")["stdout"]["text"], "two")

    def test_display_of_the_last_expression(self):
        session = self.open()
        self.assertIn("displays", session.execute("1 + 1"))
        self.assertNotIn("displays", session.execute("1 + 1", displayLastExpression=False))

    def test_traceback_shows_lines_of_earlier_cells(self):
        session = self.open()
        session.execute("def f():\n    return 1 / 0")
        exception = session.execute("f()")["exception"]
        self.assertEqual(exception["type"], "ZeroDivisionError")
        self.assertIn('File "<cell 1>", line 2, in f\n    return 1 / 0', exception["traceback"])
        self.assertEqual(session.value("1"), "1")

    def test_inputs(self):
        session = self.open()
        result = session.execute("inputs['n']", inputsJson='{"n": 3}')
        self.assertEqual(result["resultJson"], "3")
        self.assertEqual(session.value("inputs['n']"), "3")

    def test_syntax_error_and_refused_import_leave_it_alive(self):
        session = self.open()
        self.assertEqual(session.execute("(")["exception"]["type"], "SyntaxError")
        result = session.execute("import ctypes")
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("rejected", True))
        self.assertEqual(session.value("1"), "1")

    def test_exit_ends_the_cell(self):
        session = self.open()
        session.execute("x = 1")
        result = session.execute("import sys\nsys.exit(3)")
        self.assertEqual((result["outcome"], result["exitCode"], result["sessionAlive"]),
                         ("exit_nonzero", 3, True))
        self.assertEqual(session.value("x"), "1")

    def test_source_too_large_does_not_run(self):
        session = self.open(limits={"sourceBytes": 64})
        result = session.execute("#" * 65)
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("rejected", True))
        self.assertEqual(session.value("1"), "1")

    def test_ticks_count_for_each_cell(self):
        session = self.open()
        loop = "for i in range(50): pass"
        for _ in range(2):
            result = session.execute(loop, limits={"ticks": 60})
            self.assertEqual((result["outcome"], result["usage"]["ticks"]), ("success", 50))
        self.assertEqual(session.execute(loop, limits={"ticks": 20})["outcome"], "tick_limit")
        self.assertEqual(session.value("1"), "1")

    def test_many_cells_in_flat_memory(self):
        session = self.open()
        session.execute("n = 0")
        broker = [p for p in harness.descendants(self.daemon.process.pid)
                  if p.fields["Name"] == "pysbd-broker"][0].pid
        warm = min(1000, CELLS // 2)
        for number in range(CELLS):
            if number == warm:
                before = [resident(pid) for pid in (broker, self.boxed_job(session))]
            session.execute("n += 1")
        after = [resident(pid) for pid in (broker, self.boxed_job(session))]
        self.assertEqual(session.value("n"), str(CELLS))
        for then, now in zip(before, after):
            self.assertLess(now, then + 1024, "KiB")
        self.assertEqual(self.other.call("ListJobs")["jobs"], [])

    def boxed_job(self, session):
        """The only process of the only box that is not its init."""
        return max(p.pid for p in self.daemon.boxed() if p.nested_pid != 1)


def resident(pid):
    return int(harness.Process(pid).fields["VmRSS"].split()[0])


class Interrupts(SessionCase):
    def test_variables_stay(self):
        session = self.open()
        session.start("x = 7\nprint('on', flush=True)\nwhile True: pass")
        session.wait_output("on")
        self.assertEqual(self.state(session), "executing")
        self.other.call("InterruptSession", session=session.id)
        result = session.wait_result()
        self.assertEqual((result["exception"]["type"], result["sessionAlive"]),
                         ("KeyboardInterrupt", True))
        self.assertEqual(session.value("x"), "7")

    def test_nothing_runs_nothing_happens(self):
        session = self.open()
        session.execute("1")
        for _ in range(20):
            self.other.call("InterruptSession", session=session.id)
            self.assertEqual(session.value("2"), "2")

    def test_late_one_is_not_the_next_cells(self):
        """The interrupt and the end of the cell race; the cell after it is never interrupted."""
        session, hit = self.open(), 0
        for number in range(300):
            session.client.send("Execute", {"session": session.id,
                                            "code": f"for i in range({number * 40}): pass"})
            self.other.call("InterruptSession", session=session.id)
            result = session.client.receive()["result"]
            hit += result["outcome"] == "exception"
            if result["outcome"] == "exception":
                self.assertEqual(result["exception"]["type"], "KeyboardInterrupt")
            self.assertEqual(session.value("sum(range(2000))"), "1999000")
        print(f"# interrupted {hit} of 300", flush=True)

    def test_cancel_interrupts_and_the_session_stays(self):
        session = self.open()
        session.execute("x = 1")
        session.start("print('on', flush=True)\nwhile True: pass")
        job = session.wait_event("accepted")["job"]
        session.wait_output("on")
        self.other.call("Cancel", job=job, reason="enough")
        result = session.wait_result()
        self.assertEqual((result["outcome"], result["message"], result["sessionAlive"]),
                         ("cancelled", "cancelled: enough", True))
        self.assertEqual(session.value("x"), "1")

    def test_cancel_kills_what_does_not_listen(self):
        session = self.open(profile="raw")
        session.start("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                      "print('on', flush=True)\nwhile True: pass")
        job = session.wait_event("accepted")["job"]
        session.wait_output("on")
        self.other.call("Cancel", job=job)
        result = session.wait_result()
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("cancelled", False))
        self.assertEqual(self.state(session), "lost")
        self.refused("SessionLost", "Execute", session=session.id, code="1")

    def test_client_that_goes_away_cancels_its_cell(self):
        session = self.open()
        session.execute("x = 1")
        with varlink.Connection(self.daemon.address) as client:
            client.send("Execute", {"session": session.id, "code": "while True: pass"}, more=True)
            client.receive()
        harness.poll_until(lambda: self.state(session) == "idle", "the end of the cell")
        self.assertEqual(session.value("x"), "1")


class Limits(SessionCase):
    def test_wall_time_of_each_cell(self):
        session = self.open()
        session.execute("import time\nx = 1")
        for _ in range(2):
            result = session.execute("time.sleep(100)", limits={"wallTimeUSec": 200_000})
            self.assertEqual((result["outcome"], result["sessionAlive"]), ("wall_time_limit", True))
        self.assertEqual(session.value("x"), "1")

    def test_cpu_time_of_each_cell(self):
        session = self.open()
        for _ in range(2):
            result = session.execute("while True: pass", limits={"cpuTimeUSec": 200_000})
            self.assertEqual((result["outcome"], result["sessionAlive"]), ("cpu_time_limit", True))
        self.assertEqual(session.value("1"), "1")

    def test_wall_time_kills_what_does_not_listen(self):
        session = self.open()
        result = session.execute(DEAF, limits={"wallTimeUSec": 200_000})
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("wall_time_limit", False))

    def test_memory_error_leaves_it_alive(self):
        session = self.open(limits={"memoryBytes": 64 << 20})
        result = session.execute("x = bytearray(1 << 30)")
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("memory_limit", True))
        self.assertEqual(session.value("1"), "1")

    def test_output_of_each_cell(self):
        session = self.open(limits={"outputBytes": 1000})
        for _ in range(3):
            self.assertEqual(session.execute("print('x' * 900)")["outcome"], "success")
        result = session.execute("while True: print('x' * 900)")
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("output_limit", False))

    def test_result_of_each_cell(self):
        session = self.open(limits={"resultBytes": 1000})
        for _ in range(3):
            self.assertEqual(session.value("'x' * 300"), '"' + "x" * 300 + '"')

    def test_what_only_raises_leaves_it_alive(self):
        """The limits that the kernel answers with an error"""
        for profile, limits, code, error in (
                ("raw", {"processes": 3}, "import os\nwhile os.fork(): pass\nimport time\ntime.sleep(100)",
                 "BlockingIOError"),
                ("default", {}, "import threading, time\nwhile True:\n"
                 "    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()", "RuntimeError"),
                ("default", {"diskBytes": 1 << 20}, "open('/app/f', 'wb').write(b'x' * (2 << 20))", "OSError"),
                ("default", {"diskFiles": 20}, "for i in range(30): open(f'/app/{i}', 'w')", "OSError"),
                ("default", {"fileBytes": 1000}, "with open('/app/f', 'wb') as f: f.write(b'x' * 2000)", "OSError"),
                ("default", {"openFiles": 20}, "kept = [open('/app/f', 'w') for _ in range(30)]", "OSError")):
            with self.subTest(error=error, limits=limits), Session(self.daemon, profile=profile,
                                                                   limits=limits) as session:
                session.execute("x = 1")
                result = session.execute(code)
                self.assertEqual((result["exception"]["type"], result["sessionAlive"]), (error, True))
                self.assertEqual(session.value("x"), "1")

    def test_tool_calls_end_it(self):
        session = self.open(tools=[{"name": "add"}], limits={"toolCalls": 1})
        result = session.execute("import _sandbox\nfor _ in range(2): _sandbox.tool_call_start('add')")
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("tool_call_limit", False))

    def test_limits_are_the_sessions(self):
        session = self.open(limits={"wallTimeUSec": 1_000_000})
        self.assertEqual(self.refused("LimitExceeded", "Execute", session=session.id, code="1",
                                      limits={"wallTimeUSec": 1_000_001})["maximum"], 1_000_000)
        self.assertEqual(self.refused("InvalidRequest", "Execute", session=session.id, code="1",
                                      limits={"memoryBytes": 64 << 20})["field"],
                         "limits.memoryBytes")

    def test_idle_and_lifetime_close_it(self):
        for times in {"idleTimeoutUSec": 1_000_000}, {"lifetimeUSec": 1_000_000}:
            session = self.open(**times)
            session.execute("1")
            harness.poll_until(lambda: not self.exists(session), "the end of the session")

    def exists(self, session):
        try:
            return bool(self.state(session))
        except varlink.Refused:
            return False


class Methods(SessionCase):
    def test_one_cell_at_a_time(self):
        session = self.open()
        session.start("print('on', flush=True)\nwhile True: pass")
        job = session.wait_event("accepted")["job"]
        session.wait_output("on")
        self.assertEqual(self.refused("SessionBusy", "Execute", session=session.id, code="1"),
                         {"session": session.id, "job": job})
        with varlink.Connection(self.daemon.address) as client:
            client.send("Execute", {"session": session.id, "code": "5", "queue": True}, more=True)
            self.assertEqual(client.receive()["event"]["kind"], "accepted")
            self.other.call("InterruptSession", session=session.id)
            while "result" not in (reply := client.receive()):
                pass
            self.assertEqual(reply["result"]["resultJson"], "5")

    def test_waiting_cell_is_cancelled_alone(self):
        session = self.open()
        session.start("print('on', flush=True)\nwhile True: pass")
        session.wait_output("on")
        with varlink.Connection(self.daemon.address) as client:
            client.send("Execute", {"session": session.id, "code": "5", "queue": True}, more=True)
            job = client.receive()["event"]["job"]
            self.other.call("Cancel", job=job)
            while "result" not in (reply := client.receive()):
                pass
        self.assertEqual(reply["result"]["outcome"], "cancelled")
        self.other.call("InterruptSession", session=session.id)
        self.assertTrue(session.wait_result()["sessionAlive"])

    def test_unknown_ones_are_not_found(self):
        for method, more in (("Execute", {"code": "1"}), ("InterruptSession", {}), ("GetSession", {}),
                             ("ExtendSession", {}), ("RestartSession", {}), ("CloseSession", {})):
            self.assertEqual(self.refused("SessionNotFound", method, session="0" * 32, **more),
                             {"session": "0" * 32})

    def test_close_ends_what_runs(self):
        session = self.open()
        session.start("print('on', flush=True)\nwhile True: pass")
        session.wait_output("on")
        self.other.call("CloseSession", session=session.id)
        me = self.other.call("WhoAmI")
        self.assertEqual((me["sessions"], me["runningJobs"]), (0, 0))
        self.refused("SessionNotFound", "GetSession", session=session.id)
        result = session.wait_result()
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("cancelled", False))
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_bound_to_its_connection(self):
        session = self.open()
        session.execute("1")
        session.client.close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
        self.refused("SessionNotFound", "GetSession", session=session.id)

    def test_unbound_ones_stay(self):
        session = self.open(bindToConnection=False)
        session.execute("x = 3")
        session.client.close()
        result = self.other.call("Execute", session=session.id, code="x")["result"]
        self.assertEqual(result["resultJson"], "3")
        self.other.call("CloseSession", session=session.id)

    def test_extend(self):
        session = self.open(idleTimeoutUSec=60_000_000, lifetimeUSec=60_000_000)
        info = self.other.call("ExtendSession", session=session.id, idleTimeoutUSec=7200_000_000,
                               lifetimeUSec=3600_000_000)["info"]
        self.assertEqual(info["idleTimeoutUSec"], 7200_000_000)
        self.assertGreater(info["expiresAtUSec"], session.info["expiresAtUSec"] + 3000_000_000)
        for error, times in (("InvalidRequest", {"idleTimeoutUSec": 0}),
                             ("LimitExceeded", {"lifetimeUSec": 24 * 3600_000_000 + 1})):
            self.refused(error, "ExtendSession", session=session.id, **times)
            self.refused(error, "OpenSession", **times)

    def test_profile_without(self):
        profiles = {p["name"]: p["sessions"] for p in self.other.call("ListProfiles")["profiles"]}
        self.assertEqual((profiles["eval"], profiles["default"], profiles["agent"]), (False, True, True))
        said = self.refused("NotSupported", "OpenSession", profile="eval")
        self.assertEqual(said["feature"], "sessions in the profile eval")
        self.assertEqual(self.other.call("WhoAmI")["sessions"], 0)

    def test_list(self):
        first, second = self.open(labels={"k": "1"}), self.open(labels={"k": "2"})
        listed = self.other.call("ListSessions")["sessions"]
        self.assertEqual([s["session"] for s in listed], [second.id, first.id])
        listed = self.other.call("ListSessions", labels={"k": "1"})["sessions"]
        self.assertEqual([s["session"] for s in listed], [first.id])
        page = self.other.call("ListSessions", maxEntries=1)
        self.assertEqual(self.other.call("ListSessions", cursor=page["nextCursor"])["sessions"][0]
                         ["session"], first.id)
        self.refused("InvalidRequest", "ListSessions", maxEntries=0)
        self.refused("InvalidRequest", "ListSessions", cursor="x")

    def test_quota(self):
        opened = []
        while True:
            self.assertLessEqual(len(opened), 16)
            try:
                opened.append(self.open())
            except varlink.Refused as refused:
                self.assertEqual(refused.name, "QuotaExceeded")
                self.assertEqual((refused.parameters["quota"], refused.parameters["used"]),
                                 ("sessions", len(opened)))
                break
        self.assertEqual(opened[-1].value("1"), "1")

    def test_host_is_no_job_of_anybody(self):
        session = self.open()
        session.execute("1")
        self.assertEqual(self.other.call("ListJobs")["jobs"], [])
        self.refused("JobNotFound", "GetJob", job=session.id)

    def test_tools(self):
        session = self.open(tools=[{"name": "add"}])
        code = "import _sandbox\n_sandbox.tool_call('add', a=1)"
        for answer in "1", "2":
            session.start(code)
            event = session.wait_event("tool_call")["toolCall"]
            job = self.other.call("GetSession", session=session.id)["info"]["job"]
            self.other.call("CompleteToolCall", job=job, callId=event["callId"], resultJson=answer)
            self.assertEqual(session.wait_result()["resultJson"], answer)
        # A call that nobody waited for: its answer is that the cell has ended
        session.start("c = _sandbox.tool_call_start('add')")
        self.assertEqual(session.wait_result()["outcome"], "success")
        result = session.execute("_sandbox.get_tool_result(c)")
        self.assertEqual(result["exception"]["message"].split(":")[0], "cell-ended")


class Hostile(SessionCase):
    def test_lost_by_its_own_hand(self):
        for code in ("import os\nos._exit(3)", "import os\nos.kill(os.getpid(), 9)",
                     "import os\nos.close(3)\nx = 1", "import os\nos.write(3, b'x' * 4096)"):
            with self.subTest(code), Session(self.daemon, profile="raw") as session:
                result = session.execute(code)
                self.assertFalse(result["sessionAlive"], result)
                self.refused("SessionLost", "Execute", session=session.id, code="1")

    def test_closed_output(self):
        session = self.open(profile="raw")
        session.execute("import os\nos.close(1)")
        self.assertEqual(session.value("1"), "1")

    def test_forged_end_of_a_cell(self):
        """It shortens its own cell; the rest of it is the next one's, and its CPU time is bounded."""
        session = self.open(profile="raw", limits={"cpuTimeUSec": 300_000})
        result = session.execute("import os, struct\nos.write(3, struct.pack('<III', 4, 12, 0))\n"
                                 "while True: pass")
        self.assertEqual(result["outcome"], "success")
        harness.poll_until(lambda: self.state(session) == "lost", "the CPU time to be used up")

    def test_fork(self):
        session = self.open(profile="raw")
        result = session.execute("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\n"
                                 "print('parent' if pid else 'child')")
        self.assertEqual(sorted(result["stdout"]["text"].split()), ["child", "parent"])
        self.assertEqual(session.value("1"), "1")

    def test_thread_between_cells(self):
        """What it writes between two cells is the next one's."""
        session = self.open(profile="raw")
        session.execute("import threading, os\ngo = threading.Event()\ndone = threading.Event()\n"
                        "def late():\n    go.wait()\n    os.write(1, b'late')\n    done.set()\n"
                        "threading.Thread(target=late, daemon=True).start()")
        result = session.execute("go.set()\ndone.wait()")
        self.assertEqual(result["stdout"]["text"], "late")

    def test_replaced_handler_is_its_own_business(self):
        session = self.open(profile="raw")
        session.execute("import signal\nhits = []\n"
                        "signal.signal(signal.SIGINT, lambda *_: hits.append(1))")
        session.start("print('on', flush=True)\nwhile not hits: pass")
        session.wait_output("on")
        self.other.call("InterruptSession", session=session.id)
        self.assertEqual(session.wait_result()["outcome"], "success")
        self.assertEqual(session.value("len(hits)"), "1")


class OrdinaryUser(unittest.TestCase):
    """One host id, no range: the same."""

    def test_cells_and_interrupt(self):
        directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        daemon = harness.Daemon(harness.copied_tree(directory, 12345))
        self.addCleanup(daemon.stop)
        with Session(daemon) as session, varlink.Connection(daemon.address) as other:
            session.execute("x = 1")
            session.start("print('on', flush=True)\nwhile True: pass")
            session.wait_output("on")
            other.call("InterruptSession", session=session.id)
            self.assertTrue(session.wait_result()["sessionAlive"])
            self.assertEqual(session.value("x"), "1")
            other.call("RestartSession", session=session.id)
            self.assertEqual(session.execute("x")["exception"]["type"], "NameError")


if __name__ == "__main__":
    tap.run(Cells, Interrupts, Limits, Methods, Hostile, OrdinaryUser)

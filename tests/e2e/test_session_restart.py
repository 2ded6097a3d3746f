#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RestartSession: another interpreter in the same box and its files."""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import varlink
from sessions import DEAF, SessionCase


class Restart(SessionCase):
    def restart(self, session):
        return self.other.call("RestartSession", session=session.id)["info"]

    def test_fresh_interpreter_same_files(self):
        session = self.open(files=[{"path": "given.txt", "text": "given"}], environment={"COLOUR": "red"},
                            tools=[{"name": "add"}])
        session.execute("import json, os\nx = 1\nos.environ['COLOUR'] = 'blue'\n"
                        "open('/app/given.txt', 'w').write('mine')\nopen('/tmp/t', 'w').write('tmp')")
        for _ in range(3):
            info = self.restart(session)
            self.assertEqual((info["session"], info["state"]), (session.id, "idle"))
            self.assertEqual(session.execute("x")["exception"]["type"], "NameError")
            self.assertEqual(session.execute("json")["exception"]["type"], "NameError")
            self.assertEqual(session.value("import os\nos.environ['COLOUR']"), '"red"')
            self.assertEqual(session.value("open('/app/given.txt').read() + open('/tmp/t').read()"), '"minetmp"')
            self.assertEqual(session.value("x = 5\nx"), "5")
        self.assertEqual(session.execute("1")["executionCount"], 17)
        session.start("import _sandbox\n_sandbox.tool_call('add', a=1)")
        event = session.wait_event("tool_call")["toolCall"]
        job = self.other.call("GetSession", session=session.id)["info"]["job"]
        self.other.call("CompleteToolCall", job=job, callId=event["callId"], resultJson="7")
        self.assertEqual(session.wait_result()["resultJson"], "7")

    def test_running_and_waiting_cells_are_cancelled(self):
        session = self.open()
        session.start(f"print('on', flush=True)\n{DEAF}")
        session.wait_output("on")
        with varlink.Connection(self.daemon.address) as client:
            client.send("Execute", {"session": session.id, "code": "5", "queue": True}, more=True)
            client.receive()
            self.assertEqual(self.restart(session)["state"], "idle")
            while "result" not in (reply := client.receive()):
                pass
        for result in session.wait_result(), reply["result"]:
            self.assertEqual((result["outcome"], result["sessionAlive"]), ("cancelled", True))
            self.assertIn("the session was restarted", result["message"])
        self.assertEqual(session.value("1"), "1")

    def test_what_was_written_is_told(self):
        session = self.open()
        session.start("import sys\nfor i in range(1000): print(i)\nsys.stdout.flush()\n"
                      "print('on', file=sys.stderr, flush=True)\nwhile True: pass")
        texts, is_restarted = {"stdout": "", "stderr": ""}, False
        while "result" not in (reply := session.client.receive()):
            if output := reply["event"].get("output"):
                texts[output["stream"]] += output["text"]
            if texts["stderr"] == "on\n" and not is_restarted:
                is_restarted = bool(self.restart(session))
        self.assertEqual(reply["result"]["outcome"], "cancelled")
        self.assertEqual(texts, {"stdout": "".join(f"{i}\n" for i in range(1000)), "stderr": "on\n"})

    def test_open_tool_call(self):
        session = self.open(tools=[{"name": "add"}])
        session.start("import _sandbox\n_sandbox.tool_call('add')")
        session.wait_event("tool_call")
        self.restart(session)
        self.assertEqual(session.wait_result()["outcome"], "cancelled")
        self.assertEqual(session.value("1"), "1")

    def test_everything_that_ran_is_gone(self):
        """Children, threads, handlers, descriptors: none of it is in the next interpreter's box."""
        session = self.open(profile="raw")
        session.execute("pass")
        before = len(self.daemon.boxed())
        session.execute("import os, signal\nfor _ in range(3):\n    if os.fork() == 0:\n"
                        "        signal.signal(2, signal.SIG_IGN)\n        while True: signal.pause()\n")
        self.assertEqual(len(self.daemon.boxed()), before + 3)
        self.restart(session)
        self.assertEqual(len(self.daemon.boxed()), before)
        self.assertEqual(session.value("import os\nsorted(map(int, os.listdir('/proc/self/fd')))[:4]"),
                         "[0, 1, 2, 3]")

    def test_denied_calls_are_answered_in_the_next_one(self):
        """The filter's listener is that of the new interpreter."""
        session = self.open(profile="raw")
        code = "import os\ntry: os.chroot('/')\nexcept PermissionError: print('denied')"
        for _ in range(3):
            self.assertEqual(session.execute(code)["stdout"]["text"], "denied\n")
            self.restart(session)

    def test_limits_hold_in_the_next_one(self):
        session = self.open(limits={"memoryBytes": 64 << 20})
        self.restart(session)
        self.assertEqual(session.execute("x = bytearray(1 << 30)")["outcome"], "memory_limit")
        result = session.execute("while True: pass", limits={"cpuTimeUSec": 200_000})
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("cpu_time_limit", True))
        result = session.execute("import time\ntime.sleep(100)", limits={"wallTimeUSec": 200_000})
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("wall_time_limit", True))
        self.assertEqual(session.value("1"), "1")

    def test_interrupt_is_not_the_next_ones(self):
        session = self.open()
        for number in range(50):
            session.client.send("Execute", {"session": session.id, "code": "while True: pass"})
            self.other.call("InterruptSession", session=session.id)
            self.restart(session)
            session.client.receive()
            self.assertEqual(session.value("sum(range(2000))"), "1999000")

    def test_right_after_it_was_opened(self):
        session = self.open()
        self.restart(session)
        self.assertEqual(session.value("1"), "1")

    def test_two_at_once(self):
        session = self.open()
        session.execute("x = 1")
        with varlink.Connection(self.daemon.address) as client:
            client.send("RestartSession", {"session": session.id})
            self.restart(session)
            client.receive()
        self.assertEqual(session.execute("x")["exception"]["type"], "NameError")

    def test_close_meanwhile(self):
        session = self.open()
        session.execute("1")
        with varlink.Connection(self.daemon.address) as client:
            client.send("RestartSession", {"session": session.id})
            self.other.call("CloseSession", session=session.id)
            try:
                client.receive()
            except varlink.Refused as refused:
                self.assertEqual(refused.name, "SessionNotFound")
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_lost_stays_lost(self):
        session = self.open(profile="raw")
        session.execute("import os\nos._exit(1)")
        self.assertEqual(self.refused("SessionLost", "RestartSession", session=session.id), {"session": session.id})

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
            self.restart(session)
        self.assertEqual(count(), before)
        self.assertEqual(session.value("1"), "1")


if __name__ == "__main__":
    tap.run(Restart)

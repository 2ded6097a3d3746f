#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""BranchSession: a second session with the same variables, in the same box."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import varlink
from sessions import DEAF

FORK = "import os\ntry: os.fork()\nexcept OSError as e: print(type(e).__name__)"


class Session:
    """One that the connection ends with."""

    def __init__(self, daemon, **parameters):
        self.client = varlink.Connection(daemon.address)
        parameters.setdefault("bindToConnection", True)
        self.info = self.client.call("OpenSession", **parameters)["info"]
        self.id = self.info["session"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def execute(self, code, **parameters):
        return self.client.call("Execute", session=self.id, code=code, **parameters)["result"]

    def value(self, code):
        result = self.execute(code)
        assert result["outcome"] == "success", result
        return result.get("resultJson")

    def start(self, code, **parameters):
        """On the session's own connection, with events."""
        self.client.send("Execute", {"session": self.id, "code": code, **parameters}, more=True)

    def wait_output(self, marker):
        text = ""
        while marker not in text:
            text += self.client.receive()["event"].get("output", {}).get("text", "")

    def wait_event(self, kind):
        while True:
            event = self.client.receive()["event"]
            if event["kind"] == kind:
                return event

    def wait_result(self):
        while True:
            reply = self.client.receive()
            if "result" in reply:
                return reply["result"]


class SessionCase(harness.OnOneDaemon):
    def setUp(self):
        self.other = varlink.Connection(self.daemon.address)
        self.addCleanup(self.other.close)
        harness.poll_until(lambda: self.other.call("WhoAmI")["sessions"] == 0,
                           "the end of the sessions of other tests")

    def open(self, **parameters):
        session = Session(self.daemon, **parameters)
        self.addCleanup(session.client.close)
        return session

    def refused(self, name, method, **parameters):
        with self.assertRaises(varlink.Refused) as caught:
            self.other.call(method, **parameters)
        self.assertEqual(caught.exception.name, name, caught.exception.parameters)
        return caught.exception.parameters

    def state(self, session):
        return self.other.call("GetSession", session=session.id)["info"]["state"]


class Branch(Session):
    """One that BranchSession made; it is closed with the test."""

    def __init__(self, test, base, **parameters):
        self.client = varlink.Connection(test.daemon.address)
        test.addCleanup(self.client.close)
        self.info = self.client.call("BranchSession", session=base.id, **parameters)["info"]
        self.id = self.info["session"]
        test.addCleanup(self.close)

    def close(self):
        try:
            self.client.call("CloseSession", session=self.id)
        except (varlink.Refused, OSError):
            pass


class BranchCase(SessionCase):
    def branch(self, base, **parameters):
        return Branch(self, base, **parameters)

    def close(self, session):
        self.other.call("CloseSession", session=session.id)


class Branches(BranchCase):
    def test_diverge_and_back(self):
        """try something in a branch, close it: the base is as it was"""
        session = self.open(labels={"a": "b"})
        session.execute("import random\nx = [1, 2]\nd = {'k': x}")
        for number in range(3):
            branch = self.branch(session, labels={"try": "1"})
            self.assertEqual((branch.info["state"], branch.info["labels"], branch.info["executionCount"]),
                             ("idle", {"try": "1"}, 0))
            self.assertNotEqual(branch.id, session.id)
            self.assertEqual(branch.value("x.append(3)\nd['k'] = 'other'\nx"), "[1, 2, 3]")
            session.execute(f"y = {number}\nz{number} = 1")
            self.assertEqual(branch.execute(f"z{number}")["exception"]["type"], "NameError")
            self.assertEqual(session.value("x"), "[1, 2]")
            self.close(branch)
            self.assertEqual(session.value("[d['k'], y]"), f"[[1, 2], {number}]")

    def test_files_are_shared(self):
        session = self.open()
        branch = self.branch(session)
        branch.execute("open('/app/f', 'w').write('of the branch')")
        self.assertEqual(session.value("open('/app/f').read()"), '"of the branch"')
        self.other.call("PutFiles", session=branch.id, files=[{"path": "put", "text": "in"}])
        for each in session, branch:
            self.assertEqual(self.other.call("ReadFile", session=each.id, path="put")["file"]["text"], "in")
        self.close(session)
        self.assertEqual(self.other.call("ReadFile", session=branch.id, path="f")["file"]["text"], "of the branch")

    def test_each_has_its_own_output(self):
        session = self.open()
        branch = self.branch(session)
        for which, name in (session, "base"), (branch, "branch"):
            result = which.execute(f"import sys\nprint('{name}')\nprint('{name}', file=sys.stderr)")
            self.assertEqual((result["stdout"]["text"], result["stderr"]["text"]), (name + "\n", name + "\n"))

    def test_both_run_at_once(self):
        session = self.open()
        branch = self.branch(session)
        for which in session, branch:
            which.start("x = 5\nprint('on', flush=True)\nwhile True: pass")
            which.wait_output("on")
        self.other.call("InterruptSession", session=branch.id)
        self.assertEqual(branch.wait_result()["exception"]["type"], "KeyboardInterrupt")
        self.assertEqual(self.state(session), "executing")
        self.assertEqual(branch.value("x"), "5")
        self.other.call("InterruptSession", session=session.id)
        self.assertEqual(session.wait_result()["exception"]["type"], "KeyboardInterrupt")

    def test_branch_of_a_branch(self):
        session = self.open()
        session.execute("x = 1")
        first = self.branch(session)
        first.execute("x = 2")
        second = self.branch(first)
        second.execute("x += 10")
        self.assertEqual([s.value("x") for s in (session, first, second)], ["1", "2", "12"])
        self.close(first)
        self.assertEqual([s.value("x") for s in (session, second)], ["1", "12"])

    def test_base_is_closed_first(self):
        session = self.open()
        session.execute("x = 1")
        branch = self.branch(session)
        self.close(session)
        self.refused("SessionNotFound", "GetSession", session=session.id)
        self.assertEqual(branch.value("x"), "1")
        again = self.branch(branch)
        self.assertEqual(again.value("x + 1"), "2")
        self.close(branch)
        self.close(again)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_one_crashes_alone(self):
        """Whether base or branch: the other lives"""
        for crash in "import os\nos.kill(os.getpid(), 9)", "import os\nos._exit(3)":
            session = self.open()
            session.execute("x = 1")
            first, second = self.branch(session), self.branch(session)
            self.assertFalse(first.execute(crash)["sessionAlive"])
            self.assertEqual(self.state(first), "lost")
            self.assertEqual([s.value("x") for s in (session, second)], ["1", "1"])
            self.assertFalse(session.execute(crash)["sessionAlive"])
            self.assertEqual(second.value("x"), "1")
            for each in session, first, second:
                self.close(each)
            harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_limits_of_each(self):
        session = self.open()
        session.execute("import time")
        branch = self.branch(session)
        for which in branch, session, branch:
            result = which.execute("time.sleep(100)", limits={"wallTimeUSec": 200_000})
            self.assertEqual((result["outcome"], result["sessionAlive"]), ("wall_time_limit", True))
            result = which.execute("while True: pass", limits={"cpuTimeUSec": 200_000})
            self.assertEqual((result["outcome"], result["sessionAlive"]), ("cpu_time_limit", True))
        result = branch.execute(DEAF, limits={"wallTimeUSec": 200_000})
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("wall_time_limit", False))
        self.assertEqual(session.value("1"), "1")

    def test_cpu_time_is_its_own(self):
        """A cell is not charged with what runs in a branch meanwhile."""
        session = self.open()
        session.execute("import time")
        branch = self.branch(session)
        branch.start("print('on', flush=True)\nwhile True: pass")
        branch.wait_output("on")
        result = session.execute("time.sleep(0.5)", limits={"cpuTimeUSec": 200_000})
        self.assertEqual(result["outcome"], "success")
        self.other.call("InterruptSession", session=branch.id)
        branch.wait_result()

    def test_tools(self):
        session = self.open(tools=[{"name": "add"}])
        session.execute("import _sandbox")
        branch = self.branch(session)
        for which in branch, session:
            which.start("_sandbox.tool_call('add', a=1)")
            event = which.wait_event("tool_call")["toolCall"]
            job = self.other.call("GetSession", session=which.id)["info"]["job"]
            self.other.call("CompleteToolCall", job=job, callId=event["callId"], resultJson="7")
            self.assertEqual(which.wait_result()["resultJson"], "7")

    def test_charges(self):
        session = self.open()
        session.execute("1")
        before = self.charges()
        branch = self.branch(session)
        now = self.charges()
        self.assertEqual((now["sessions"], now["runningJobs"]), (2, 2))
        self.assertEqual(now["memoryBytes"], 2 * before["memoryBytes"])
        self.close(branch)
        self.assertEqual(self.charges(), before)

    def charges(self):
        me = self.other.call("WhoAmI")
        return {key: me[key] for key in ("sessions", "runningJobs", "memoryBytes")}

    def test_bound_to_the_connection_of_its_base(self):
        session = self.open()
        session.execute("1")
        self.branch(session)
        session.client.close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_idle_time_of_each(self):
        session = self.open(idleTimeoutUSec=2_000_000)
        session.execute("1")
        branch = self.branch(session)
        self.other.call("ExtendSession", session=session.id, idleTimeoutUSec=60_000_000)
        harness.poll_until(lambda: branch.id not in [s["session"] for s in
                                                     self.other.call("ListSessions")["sessions"]],
                           "the end of the branch")
        self.assertEqual(session.value("1"), "1")

    def test_nothing_is_kept(self):
        """Of branches that were, neither the daemons nor the box keep anything."""
        session = self.open()
        session.execute("1")
        self.close(self.branch(session))
        pids = [p.pid for p in harness.descendants(self.daemon.process.pid)
                if p.fields["Name"] in ("pysbd-broker", "pysbd")] + [p.pid for p in self.daemon.boxed()]
        count = lambda: [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]
        before = count()
        for _ in range(50):
            branch = self.branch(session)
            branch.execute("1")
            self.close(branch)
            branch.client.close()
        harness.poll_until(lambda: count() == before, "the end of the connections")
        self.assertEqual(len(self.daemon.boxed()), 2)


class Refusals(BranchCase):
    def test_while_a_cell_runs_or_waits(self):
        session = self.open()
        session.start("print('on', flush=True)\nwhile True: pass")
        job = session.wait_event("accepted")["job"]
        session.wait_output("on")
        self.assertEqual(self.refused("SessionBusy", "BranchSession", session=session.id),
                         {"session": session.id, "job": job})
        # Init sends signals behind an interrupt for a second or two: they end no fork that waits for its word
        for _ in range(10):
            self.other.call("InterruptSession", session=session.id)
            session.wait_result()
            for _ in range(3):
                branch = self.branch(session)
                self.assertEqual(branch.value("1"), "1")
                self.close(branch)
            session.start("print('on', flush=True)\nwhile True: pass")
            session.wait_output("on")

    def test_while_a_tool_call_is_open(self):
        session = self.open(tools=[{"name": "add"}])
        session.start("import _sandbox\n_sandbox.tool_call('add')")
        session.wait_event("tool_call")
        self.refused("SessionBusy", "BranchSession", session=session.id)
        self.other.call("InterruptSession", session=session.id)
        session.wait_result()

    def test_while_a_thread_runs(self):
        session = self.open()
        session.execute("import threading\ngo = threading.Event()\nx = 3\n"
                        "t = threading.Thread(target=go.wait)\nt.start()")
        for _ in range(2):
            self.assertEqual(self.refused("BranchRefused", "BranchSession", session=session.id),
                             {"session": session.id, "reason": "threads"})
        self.assertEqual(session.value("x"), "3")
        session.execute("go.set()\nt.join()")
        self.assertEqual(self.branch(session).value("x"), "3")

    def test_full(self):
        session, branches = self.open(), []
        session.execute("1")
        with self.assertRaises(varlink.Refused) as caught:
            for _ in range(8):
                branches.append(self.branch(session))
        reason = (caught.exception.name, caught.exception.parameters.get("reason"))
        # On a machine with few places the tenant's maximum comes first
        self.assertIn(reason, [("BranchRefused", "full"), ("QuotaExceeded", None)])
        self.close(branches.pop())
        branches.append(self.branch(session))
        self.assertEqual([s.value("1") for s in branches + [session]], ["1"] * (len(branches) + 1))

    def test_profiles_without(self):
        session = self.open(profile="raw")
        detail = self.refused("NotSupported", "BranchSession", session=session.id)["detail"]
        self.assertIn("more than one process", detail)

    def test_lost_and_unknown(self):
        session = self.open()
        session.execute("import os\nos._exit(1)")
        self.refused("SessionLost", "BranchSession", session=session.id)
        self.refused("SessionNotFound", "BranchSession", session="0" * 32)

    def test_labels(self):
        self.refused("InvalidRequest", "BranchSession", session=self.open().id, labels={"": "x"})

    def test_restart(self):
        """What shares its box is not restarted; the base is, once it is alone again."""
        session = self.open()
        session.execute("x = 1")
        branch = self.branch(session)
        for each in session, branch:
            self.assertEqual(self.refused("InvalidRequest", "RestartSession", session=each.id)["field"], "session")
        self.close(branch)
        self.other.call("RestartSession", session=session.id)
        self.assertEqual(session.execute("x")["exception"]["type"], "NameError")
        result = session.execute("while True: pass", limits={"cpuTimeUSec": 200_000})
        self.assertEqual((result["outcome"], result["sessionAlive"]), ("cpu_time_limit", True))
        self.assertEqual(self.branch(session).value("1"), "1")


class Hostile(BranchCase):
    def test_nobody_can_fork(self):
        """Neither before a branch, nor after it, in neither of the two"""
        session = self.open()
        self.assertEqual(session.execute(FORK)["stdout"]["text"], "PermissionError\n")
        branch = self.branch(session)
        for which in session, branch:
            self.assertEqual(which.execute(FORK)["stdout"]["text"], "PermissionError\n")
        self.assertEqual(len(self.daemon.boxed()), 3)

    def test_fork_hooks_that_fork(self):
        """What the program runs on the occasion of a branch has no fork of its own"""
        session = self.open()
        session.execute("import os\ntold, busy = [], False\n"
                        "def hook(where):\n    global busy\n    if busy: return\n    busy = True\n"
                        "    try: os.fork()\n    except OSError: told.append(where)\n    busy = False\n"
                        "os.register_at_fork(before=lambda: hook('before'),\n"
                        "    after_in_parent=lambda: hook('parent'), after_in_child=lambda: hook('child'))")
        branch = self.branch(session)
        self.assertEqual(len(self.daemon.boxed()), 3)
        self.assertEqual(session.value("told"), '["before", "parent"]')
        self.assertEqual(branch.value("told"), '["before", "child"]')

    def test_hook_that_ends_the_branch(self):
        session = self.open()
        session.execute("import os\nx = 1\nos.register_at_fork(after_in_child=lambda: os._exit(1))")
        info = self.other.call("BranchSession", session=session.id)["info"]
        harness.poll_until(lambda: self.other.call("GetSession", session=info["session"])["info"]["state"] == "lost",
                           "the end of the branch")
        self.other.call("CloseSession", session=info["session"])
        self.assertEqual(session.value("x"), "1")

    def test_closed_descriptors(self):
        session = self.open()
        session.execute("import os\nos.close(0)\nos.close(1)")
        branch = self.branch(session)
        self.assertEqual(branch.execute("print('on')")["stdout"]["text"], "on\n")


class OrdinaryUser(unittest.TestCase):
    """One host id, no range: the same."""

    def test_branch(self):
        directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        daemon = harness.Daemon(harness.copied_tree(directory, 12345))
        self.addCleanup(daemon.stop)
        with Session(daemon) as session, varlink.Connection(daemon.address) as other:
            session.execute("x = 1")
            branch = other.call("BranchSession", session=session.id)["info"]["session"]
            self.assertEqual(other.call("Execute", session=branch, code="x + 1")["result"]["resultJson"], "2")
            other.call("CloseSession", session=branch)
            self.assertEqual(session.value("x"), "1")


if __name__ == "__main__":
    tap.run(Branches, Refusals, Hostile, OrdinaryUser)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""BranchSession: a second session with the same variables, in the same box."""

import os
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap
import varlink
from harness import next_event
from pysb import errors
from sessions import DEAF, LOOP, Case, close, value

FORK = "import os\ntry: os.fork()\nexcept OSError as e: print(type(e).__name__)"


class BranchCase(Case):
    def branch(self, base, **options):
        branch = base.branch(**options)
        self.addCleanup(close, branch)
        return branch


class Branches(BranchCase):
    def test_diverge_and_back(self):
        """try something in a branch, close it: the base is as it was"""
        session = self.open(labels={"a": "b"})
        session.execute("import random\nx = [1, 2]\nd = {'k': x}")
        for number in range(3):
            count = session.info().execution_count
            branch = self.branch(session, labels={"try": "1"})
            info = branch.info()
            self.assertEqual((info.state, info.labels, info.execution_count),
                             ("idle", {"try": "1"}, count))
            self.assertNotEqual(branch.id, session.id)
            self.assertEqual(value(branch, "x.append(3)\nd['k'] = 'other'\nx"), [1, 2, 3])
            session.execute(f"y = {number}\nz{number} = 1")
            self.assertEqual(branch.execute(f"z{number}").exception.type, "NameError")
            self.assertEqual(value(session, "x"), [1, 2])
            branch.close()
            self.assertEqual(value(session, "[d['k'], y]"), [[1, 2], number])

    def test_lines_of_the_base_in_a_traceback(self):
        """Cells are counted on, so no cell of the branch has the name of one of its base."""
        session = self.open()
        session.execute("def f():\n    return 1 / 0  # of the base")
        branch = self.branch(session)
        traceback = branch.execute("# of the branch\n# of the branch\nf()").exception.traceback
        self.assertIn("1 / 0  # of the base", traceback)
        self.assertIn('"<cell 2>", line 3', traceback)

    def test_seed(self):
        """What is reproducible in the base is in its branches; what is not differs."""
        for seed, is_same in (7, True), (None, False):
            session = self.open(seed=seed)
            session.execute("import random\nrandom.random()")
            branch = self.branch(session)
            values = {value(s, "random.random()") for s in (session, branch)}
            self.assertEqual(len(values) == 1, is_same)

    def test_files_are_shared(self):
        session = self.open()
        branch = self.branch(session)
        branch.execute("open('/app/f', 'w').write('of the branch')")
        self.assertEqual(value(session, "open('/app/f').read()"), "of the branch")
        branch.put_files({"put": "in"})
        for each in session, branch:
            self.assertEqual(each.read_file("put"), b"in")
        session.close()
        self.assertEqual(branch.read_file("f"), b"of the branch")

    def test_each_has_its_own_output(self):
        session = self.open()
        branch = self.branch(session)
        for which, name in (session, "base"), (branch, "branch"):
            result = which.execute(f"import sys\nprint('{name}')\nprint('{name}', file=sys.stderr)")
            self.assertEqual((result.stdout.text, result.stderr.text), (name + "\n", name + "\n"))

    def test_both_run_at_once(self):
        session = self.open()
        branch = self.branch(session)
        of_session, of_branch = (self.start(which, "x = 5\n" + LOOP) for which in (session, branch))
        branch.interrupt()
        self.assertEqual(of_branch.wait().exception.type, "KeyboardInterrupt")
        self.assertEqual(session.info().state, "executing")
        self.assertEqual(value(branch, "x"), 5)
        session.interrupt()
        self.assertEqual(of_session.wait().exception.type, "KeyboardInterrupt")

    def test_branch_of_a_branch(self):
        session = self.open()
        session.execute("x = 1")
        first = self.branch(session)
        first.execute("x = 2")
        second = self.branch(first)
        second.execute("x += 10")
        self.assertEqual([value(s, "x") for s in (session, first, second)], [1, 2, 12])
        first.close()
        self.assertEqual([value(s, "x") for s in (session, second)], [1, 12])

    def test_base_is_closed_first(self):
        session = self.open()
        session.execute("x = 1")
        branch = self.branch(session)
        session.close()
        self.refused(errors.SessionNotFound, session.info)
        self.assertEqual(value(branch, "x"), 1)
        again = self.branch(branch)
        self.assertEqual(value(again, "x + 1"), 2)
        branch.close()
        again.close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_one_crashes_alone(self):
        """Whether base or branch: the other lives"""
        for crash in "import os\nos.kill(os.getpid(), 9)", "import os\nos._exit(3)":
            session = self.open()
            session.execute("x = 1")
            first, second = self.branch(session), self.branch(session)
            self.assertFalse(first.execute(crash).session_alive)
            self.assertEqual(first.info().state, "lost")
            self.assertEqual([value(s, "x") for s in (session, second)], [1, 1])
            self.assertFalse(session.execute(crash).session_alive)
            self.assertEqual(value(second, "x"), 1)
            for each in session, first, second:
                each.close()
            harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_limits_of_each(self):
        session = self.open()
        session.execute("import time")
        branch = self.branch(session)
        for which in branch, session, branch:
            result = which.execute("time.sleep(100)", limits={"wall_time_usec": 200_000})
            self.assertEqual((result.outcome, result.session_alive), ("wall_time_limit", True))
            result = which.execute("while True: pass", limits={"cpu_time_usec": 200_000})
            self.assertEqual((result.outcome, result.session_alive), ("cpu_time_limit", True))
        result = branch.execute(DEAF, limits={"wall_time_usec": 200_000})
        self.assertEqual((result.outcome, result.session_alive), ("wall_time_limit", False))
        self.assertEqual(value(session, "1"), 1)

    def test_cpu_time_is_its_own(self):
        """A cell is not charged with what runs in a branch meanwhile."""
        session = self.open()
        session.execute("import time")
        branch = self.branch(session)
        cell = self.start(branch, LOOP)
        result = session.execute("time.sleep(0.5)", limits={"cpu_time_usec": 200_000})
        self.assertEqual(result.outcome, "success")
        branch.interrupt()
        cell.wait()

    def test_tools(self):
        session = self.open(tools={"add": lambda a: a + 6})
        session.execute("import _sandbox")
        branch = self.branch(session)
        for which in branch, session:
            self.assertEqual(value(which, "_sandbox.tool_call('add', a=1)"), 7)

    def test_charges(self):
        session = self.open()
        session.execute("1")
        before = self.charges()
        branch = self.branch(session)
        now = self.charges()
        self.assertEqual(now, tuple(2 * figure for figure in before))
        self.assertEqual(now[:2], (2, 2))
        branch.close()
        self.assertEqual(self.charges(), before)

    def charges(self):
        me = self.client.who_am_i()
        return me.sessions, me.running_jobs, me.memory_bytes

    def test_bound_to_the_connection_of_its_base(self):
        with varlink.Connection(self.daemon.address) as connection:
            session = self.client.session(connection.call("OpenSession", bindToConnection=True)["info"]["session"])
            session.execute("1")
            self.branch(session)
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")

    def test_idle_time_of_each(self):
        session = self.open(idle_timeout_usec=2_000_000)
        session.execute("1")
        branch = self.branch(session)
        session.extend(idle_timeout_usec=60_000_000)
        harness.poll_until(lambda: branch.id not in [s.session for s in self.client.sessions()],
                           "the end of the branch")
        self.assertEqual(value(session, "1"), 1)

    def test_nothing_is_kept(self):
        """Of branches that were, neither the daemons nor the box keep anything."""
        session = self.open()
        session.execute("1")
        self.branch(session).close()
        pids = [p.pid for p in harness.descendants(self.daemon.process.pid)
                if p.fields["Name"] in ("pysbd-broker", "pysbd")] + [p.pid for p in self.daemon.boxed()]
        count = lambda: [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]
        before = count()
        for _ in range(50):
            branch = self.branch(session)
            branch.execute("1")
            branch.close()
        harness.poll_until(lambda: count() == before, "the end of the connections")
        self.assertEqual(len(self.daemon.boxed()), 2)


class Refusals(BranchCase):
    def test_while_a_cell_runs_or_waits(self):
        session = self.open()
        cell = self.start(session, LOOP)
        self.assertEqual(self.refused(errors.SessionBusy, session.branch).parameters,
                         {"session": session.id, "job": cell.job})
        # Init sends signals behind an interrupt for a second or two: they end no fork that waits for its word
        for _ in range(10):
            session.interrupt()
            cell.wait()
            for _ in range(3):
                branch = self.branch(session)
                self.assertEqual(value(branch, "1"), 1)
                branch.close()
            cell = self.start(session, LOOP)

    def test_while_a_tool_call_is_open(self):
        answer = threading.Event()
        self.addCleanup(answer.set)
        session = self.open(tools={"add": lambda: answer.wait()})
        cell = session.stream("import _sandbox\n_sandbox.tool_call('add')")
        next_event(cell, "tool_call")
        self.refused(errors.SessionBusy, session.branch)
        session.interrupt()
        cell.wait()

    def test_while_a_thread_runs(self):
        session = self.open()
        session.execute("import threading\ngo = threading.Event()\nx = 3\n"
                        "t = threading.Thread(target=go.wait)\nt.start()")
        for _ in range(2):
            self.assertEqual(self.refused(errors.BranchRefused, session.branch).reason, "threads")
        self.assertEqual(value(session, "x"), 3)
        session.execute("go.set()\nt.join()")
        self.assertEqual(value(self.branch(session), "x"), 3)

    def test_while_threads_have_all_places(self):
        """Whose they are makes no difference."""
        session = self.open(limits={"threads": 1})
        branch = self.branch(session)
        branch.execute("import threading\ngo = threading.Event()\n"
                       "try:\n"
                       "    while True: threading.Thread(target=go.wait).start()\n"
                       "except RuntimeError: pass")
        for each in session, branch:
            self.assertEqual(self.refused(errors.BranchRefused, each.branch).reason, "threads")
        branch.close()
        self.assertEqual(value(self.branch(session), "1"), 1)

    def test_after_a_thread_that_could_not_start(self):
        session = self.open(limits={"threads": 1})
        session.execute("import threading\ngo, all = threading.Event(), []\n"
                        "try:\n"
                        "    while True:\n"
                        "        all.append(threading.Thread(target=go.wait)); all[-1].start()\n"
                        "except RuntimeError: all.pop()\n"
                        "go.set()\n"
                        "for t in all: t.join()")
        self.assertEqual(value(self.branch(session), "threading.active_count()"), 1)

    def test_full(self):
        session, branches = self.open(), []
        session.execute("1")
        # On a machine with few places the tenant's maximum comes first
        with self.assertRaises((errors.BranchRefused, errors.QuotaExceeded)) as caught:
            for _ in range(8):
                branches.append(self.branch(session))
        self.assertEqual(caught.exception.parameters.get("reason", "full"), "full")
        branches.pop().close()
        branches.append(self.branch(session))
        self.assertEqual([value(s, "1") for s in branches + [session]], [1] * (len(branches) + 1))

    def test_profiles_without(self):
        session = self.open(profile="raw")
        self.assertIn("more than one process", self.refused(errors.NotSupported, session.branch).detail)

    def test_lost_and_unknown(self):
        session = self.open()
        session.execute("import os\nos._exit(1)")
        self.refused(errors.SessionLost, session.branch)
        self.refused(errors.SessionNotFound, self.client.session("0" * 32).branch)

    def test_labels(self):
        self.refused(errors.InvalidRequest, self.open().branch, labels={"": "x"})

    def test_restart(self):
        """What shares its box is not restarted; the base is, once it is alone again."""
        session = self.open()
        session.execute("x = 1")
        branch = self.branch(session)
        for each in session, branch:
            self.assertEqual(self.refused(errors.InvalidRequest, each.restart).field, "session")
        branch.close()
        session.restart()
        self.assertEqual(session.execute("x").exception.type, "NameError")
        result = session.execute("while True: pass", limits={"cpu_time_usec": 200_000})
        self.assertEqual((result.outcome, result.session_alive), ("cpu_time_limit", True))
        self.assertEqual(value(self.branch(session), "1"), 1)


class Hostile(BranchCase):
    def test_nobody_can_fork(self):
        """Neither before a branch, nor after it, in neither of the two"""
        session = self.open()
        self.assertEqual(session.execute(FORK).stdout.text, "PermissionError\n")
        branch = self.branch(session)
        for which in session, branch:
            self.assertEqual(which.execute(FORK).stdout.text, "PermissionError\n")
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
        self.assertEqual(value(session, "told"), ["before", "parent"])
        self.assertEqual(value(branch, "told"), ["before", "child"])

    def test_hook_without_end(self):
        """The branch is refused; restarting the base helps, and without it the base is lost."""
        for is_restarted in True, False:
            session = self.open()
            session.execute("import os, time\nx = 1\nos.register_at_fork(before=lambda: time.sleep(1000))")
            self.assertEqual(self.refused(errors.BranchRefused, session.branch).reason, "failed")
            if is_restarted:
                session.restart()
                self.assertEqual(session.execute("x").exception.type, "NameError")
                self.assertEqual(value(self.branch(session), "1"), 1)
            else:
                harness.poll_until(lambda: session.info().state == "lost", "the end of the base")
            session.close()

    def test_hook_that_ends_the_branch(self):
        session = self.open()
        session.execute("import os\nx = 1\nos.register_at_fork(after_in_child=lambda: os._exit(1))")
        branch = self.branch(session)
        harness.poll_until(lambda: branch.info().state == "lost", "the end of the branch")
        branch.close()
        self.assertEqual(value(session, "x"), 1)

    def test_closed_descriptors(self):
        session = self.open()
        session.execute("import os\nos.close(0)\nos.close(1)")
        branch = self.branch(session)
        self.assertEqual(branch.execute("print('on')").stdout.text, "on\n")


class OrdinaryUser(unittest.TestCase):
    """One host id, no range: the same."""

    def test_branch(self):
        directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        daemon = harness.Daemon(harness.copied_tree(directory, 12345))
        self.addCleanup(daemon.stop)
        with daemon.client() as client, client.open_session() as session:
            session.execute("x = 1")
            with session.branch() as branch:
                self.assertEqual(value(branch, "x + 1"), 2)
            self.assertEqual(value(session, "x"), 1)


if __name__ == "__main__":
    tap.run(Branches, Refusals, Hostile, OrdinaryUser)

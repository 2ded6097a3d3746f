# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon whose n-th allocation fails: each call must have its right answer, a typed error, or the daemon's end in order."""

import collections
import mmap
import os
import random
import shutil
import struct
import sys
import tempfile

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../e2e"))
import harness
from harness import pysb

PROCESSES = ("builder", "broker")
ORDER = struct.Struct("IIII")  # out-of-memory/allocations.c
# A verdict that says that there is none
NO_VERDICT = ("lost", "internal_error")
BURST = 20


class Wrong(Exception):
    """An answer that is not true, an end that is none in order, or a daemon that does not serve on."""


def expect(said, wanted):
    if said != wanted:
        raise Wrong(f"{said!r} instead of {wanted!r}")


def expect_result(result, outcome, value=None, text=""):
    if result.outcome not in NO_VERDICT:
        expect((result.outcome, result.value if value is not None else None, result.stdout.text),
               (outcome, value, text))
        return True
    if not result.message:
        raise Wrong(f"{result.outcome}, and no word why")
    return False


#
# What clients do
#


def do_plain(client, manager):
    expect_result(client.run("print('on')"), "success", text="on\n")


def do_job(client, manager):
    result = client.run(callable="f", inputs={"n": 6}, files={"f.txt": "x"}, stdin="abc", collect=["*.txt"],
                        code="import sys\ndef f(n):\n    print(sys.stdin.read())\n    open('f.txt', 'a').write('y')\n"
                        "    return n * 7")
    if expect_result(result, "success", 42, "abc\n"):
        files = result.files or []
        if not any(file.problem for file in files):
            expect([(file.path, file.data) for file in files], [("f.txt", b"xy")])


def do_tools(client, manager):
    add = pysb.tool(lambda a, b: a + b, name="add", timeout_usec=10_000_000)  # who fails to answer is not waited for longer
    result = client.run("import tools\ntools.add(a=1, b=2)", display_last_expression=True, tools=[add])
    expect_result(result, "success", 3)


def do_violation(client, manager):
    code = "import socket\ntry: socket.socket()\nexcept PermissionError: print('refused')"
    expect_result(client.run(code, profile="raw"), "success", text="refused\n")


def do_detached(client, manager):
    job = client.submit("import sys\nprint(sys.stdin.read(3))\nwhile True: pass", stdin_open=True, labels={"a": "b"})
    job.write_input("abc", end_of_file=True)
    with job.stream() as stream:
        for event in stream:
            if event.output:
                break
    list(client.jobs(labels={"a": "b"}))
    job.cancel()
    expect_result(job.result(), "cancelled", text="abc\n")
    job.forget()


def do_session(client, manager):
    with client.open_session(files={"a": "1"}) as session:
        if not expect_result(session.execute("x = 6"), "success"):
            return
        session.put_files({"b": "2" * 1000})
        expect(session.read_file("b"), b"2" * 1000)
        expect(len(session.list_files("*").entries), 2)
        with session.branch() as branch:
            expect_result(branch.execute("x * 7"), "success", 42)
        session.restart()
        session.remove_files("a")


def do_blobs(client, manager):
    blob = client.put_blob(b"x" * 70000).blob
    expect(client.get_blob(blob), b"x" * 70000)
    client.remove_blobs(blob)


def do_questions(client, manager):
    client.node()
    client.who_am_i()
    client.profiles()
    client.profile("eval")
    expect(client.check("import", profile="eval").accepted, False)


def do_management(client, manager):
    manager.reload()
    manager.set_tenant(client.who_am_i().tenant, {"max_running_jobs": 3})


SCENARIOS = {name[3:]: function for name, function in globals().items() if name.startswith("do_")}
# What concerns the broker only
WITHOUT_BUILDER = ("blobs",)


class Daemon(harness.Daemon):
    def end(self):
        """It has ended, or is about to; its status."""
        status = self.process.wait(harness.PATIENCE)
        log = self.read_log()
        if status < 0 or "Sanitizer" in log or "runtime error" in log or not log:
            raise Wrong(f"the builder ended with {status}, and said: {log[-3000:]}")
        self.stop()


class Sweep:
    """Runs scenarios with one allocation after the other failing. at_most bounds how many of each, chosen by the seed."""

    def __init__(self, seed, at_most=None):
        self.rng, self.at_most = random.Random(seed), at_most
        self.directory = tempfile.mkdtemp(prefix="pysb-memory.", dir="/tmp")
        self.tree = harness.copied_tree(self.directory, None)
        for program in ("pysbd", "pysbd-broker"):
            shutil.copy(f"{harness.BUILD}/tests/faults/out-of-memory/{program}", self.directory)
        path = os.path.join(self.directory, "order")
        with open(path, "wb") as file:
            file.truncate(mmap.PAGESIZE)
            os.chmod(path, 0o666)  # the broker has a uid of its own
        with open(path, "r+b") as file:
            self.order = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.daemon, self.ends = None, collections.Counter()

    def close(self):
        if self.daemon:
            self.daemon.stop()
        shutil.rmtree(self.directory)

    def give(self, process, first=0, n=1):
        ORDER.pack_into(self.order, PROCESSES.index(process) * ORDER.size, 0, first, n, 0)

    def look(self, process):
        """How many allocations there were, and how many have failed."""
        count, _, _, failed = ORDER.unpack_from(self.order, PROCESSES.index(process) * ORDER.size)
        return count, failed

    def call(self, scenario):
        """How it ended: None as it should."""
        try:
            with self.daemon.client() as client, self.daemon.manager() as manager:
                SCENARIOS[scenario](client, manager)
        except (pysb.errors.Timeout, pysb.errors.BadReply):
            raise  # silence and rubbish are no answers
        except pysb.PysbError as e:
            return f"{type(e).__name__}: {e}"
        return None

    def settle(self):
        """After a failure: serves as before, or has ended in order."""
        for process in PROCESSES:
            self.give(process)
        try:
            with self.daemon.client() as client:
                result = client.run("print('on')")
                if not expect_result(result, "success", text="on\n"):
                    raise Wrong(f"{result.outcome}, and nothing fails any more: {result.message}")
                for info in client.sessions():  # opened for a client that was not told
                    client.session(info.session).close()
        except ConnectionError:
            self.daemon.end()
            self.daemon = None
            self.ends["the daemon ended"] += 1

    def numbers(self, total):
        every = range(1, total + 1)
        return every if self.at_most is None or total <= self.at_most else sorted(self.rng.sample(every, self.at_most))

    def run(self, process, scenario, n=1):
        """Returns how many allocations there are, and how many have failed alone or as first of n."""
        if self.daemon:
            self.daemon.stop()  # with the quotas that others have set
        self.daemon = Daemon(self.tree)
        for _ in range(2):  # templates and caches first
            self.give(process)
            expect(self.call(scenario), None)
            total = self.look(process)[0]
        tried = 0
        for number in self.numbers(total):
            if not self.daemon:
                self.daemon = Daemon(self.tree)
            self.give(process, number, n)
            try:
                ended = self.call(scenario)
                tried += self.look(process)[1] > 0
                self.ends[ended.split(":")[0] if ended else "as it should"] += 1
                self.settle()
            except Exception as e:
                failed, self.daemon = self.daemon, None
                raise Wrong(f"{scenario}, allocation {number} of the {process}: {e}\n{failed.read_log()[-3000:]}") from e
        return total, tried

    def start(self, process):
        """The same for the start of a daemon: it serves, or ends and says why."""
        if self.daemon:
            self.daemon.stop()
            self.daemon = None
        self.give(process)
        first = Daemon(self.tree)
        with first.client() as client:
            client.who_am_i()
        total, tried = self.look(process)[0], 0
        first.stop()
        for number in self.numbers(total):
            self.give(process, number)
            try:
                self.start_one()
            except Wrong as e:
                raise Wrong(f"start, allocation {number} of the {process}: {e}") from e
            tried += self.look(process)[1] > 0
        self.give(process)
        return total, tried

    def start_one(self):
        daemon = Daemon.__new__(Daemon)
        try:
            daemon.__init__(self.tree)
            with daemon.client() as client:
                expect_result(client.run("print('on')"), "success", text="on\n")
        except (AssertionError, ConnectionError):
            self.ends["no start"] += 1
            daemon.end()
            return
        self.ends["started"] += 1
        status = daemon.stop()
        if status != 0:
            raise Wrong(f"started, and ended with {status}")

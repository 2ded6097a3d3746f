#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attacks that somebody outside of the box has to judge: namespaces and ids as the host sees them, the filter as the
kernel has it, two jobs at once, many programs."""

import contextlib
import ctypes
import os
import re
import struct
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import attack
import target
import harness
import tap

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
WAIT = "import signal; print('ready', flush=True); signal.pause()"
HEADER = os.environ.get("PYSB_ATTACK_HEADER", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
ALLOW, LOG, TRACE, NOTIFY = 0x7FFF0000, 0x7FFC0000, 0x7FF00000, 0x7FC00000
IPC_KEY, IPC_CREAT, IPC_EXCL, IPC_RMID, CLONE_NEWIPC = 0x70797362, 0o1000, 0o2000, 0, 0x08000000
CALLS_MOST = {"eval": 120, "default": 170, "raw": 170}

LISTENER = """
import socket
try:
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 47612))
    tcp.listen()
    unix = socket.socket(socket.AF_UNIX)
    unix.bind("\\0pysbd-peer")
    unix.listen()
    print("ready", flush=True)
    tcp.settimeout(1)
    tcp.accept()
    BAD("the other job reached this one")
except TimeoutError:
    OK("nobody came")
except OSError as e:
    print("ready", flush=True)
    OK("no sockets", e.strerror)
"""
VISITOR = """
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", 47612)), (socket.AF_UNIX, "\\0pysbd-peer")):
    try:
        socket.socket(family).connect(address)
        BAD("reached", address)
    except OSError as e:
        OK(address, e.strerror)
"""
HOSTILE_SOURCES = ("(" * 100000, "x" * 10**6 + "=", "\0", "# coding: rot13\n", "\ufeff" * 3 + "1", "a=" * 50000 + "1", "f'" + "{" * 300,
                   "lambda " * 50000, "1" * 5000, "\\\n" * 100000, "[" * 150 + "]" * 150 + "\n" * 10**6, "'\\N{" + "A" * 100000 + "}'",
                   "def f():\n" + " " * 200000 + "x", "@" * 100000, "x = " + "-" * 100000 + "1", "match 1:\n case " + "[" * 5000,
                   "# -*- coding: \0 -*-", "\ud800".encode("utf-8", "surrogatepass"), "if 1:\n" * 200 + "x", "*" * 100000 + "a = 1")


class Traced:
    """A process stopped by root, whose filters can be read."""

    SEIZE, INTERRUPT, DETACH, GET_FILTER = 0x4206, 0x4207, 17, 0x420C

    def __init__(self, pid):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long
        self.pid = pid

    def call(self, request, address=0, data=0):
        value = self.libc.ptrace(request, self.pid, address, data)
        if value < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return value

    def __enter__(self):
        self.call(self.SEIZE)
        self.call(self.INTERRUPT)
        os.waitpid(self.pid, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self.call(self.DETACH)

    def filter(self, index):
        """Instructions (code, jump if true, jump if false, constant); None if there are not so many filters."""
        try:
            count = self.call(self.GET_FILTER, index, None)
        except OSError:
            return None
        buffer = ctypes.create_string_buffer(8 * count)
        self.call(self.GET_FILTER, index, ctypes.addressof(buffer))
        return [struct.unpack_from("=HBBI", buffer, 8 * n) for n in range(count)]

    def newest_filter(self):
        """The process's own: those before it are of what started it, such as the unit of a service."""
        newest, n = None, 0
        while program := self.filter(n):
            newest, n = program, n + 1
        return newest


def evaluate(program, number, arch=0xC000003E, arguments=(0,) * 6):
    """What a classic BPF program answers."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments)
    pc, a = 0, 0
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        if code == 0x20:
            (a,) = struct.unpack_from("=I", data, k)
        elif code == 0x54:
            a &= k
        elif code == 0x05:
            pc += k
        elif code in (0x15, 0x25, 0x35, 0x45):
            hit = {0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: bool(a & k)}[code]
            pc += jt if hit else jf
        elif code == 0x06:
            return k
        else:
            raise AssertionError(f"an instruction that no filter of ours has: {code:#x}")


def within_ipc(process, function):
    """What it says in the ipc namespace of a process, or in ours."""
    pid = os.fork()
    if pid == 0:
        if process:
            with open(f"/proc/{process.pid}/ns/ipc", "rb") as file:
                if ctypes.CDLL(None).setns(file.fileno(), CLONE_NEWIPC) != 0:
                    os._exit(2)
        os._exit(0 if function() else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, 1):
        raise RuntimeError("no way into the namespace")
    return status == 0


def numbers():
    with open(HEADER, encoding="ascii") as file:
        return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", file.read())}


@unittest.skipUnless(os.getuid() == 0, "only root may look into a box")
class Observed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.target = target.make()
        cls.client = cls.target.client()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.target.stop()

    def tearDown(self):
        harness.poll_until(lambda: not self.target.boxed(), "the end of all processes of boxes")
        self.assertEqual(self.client.run("print(1)").stdout.text, "1\n")

    @contextlib.contextmanager
    def running(self, code=WAIT, mode="raw"):
        """A job that has said "ready": its processes, its stream."""
        before = {p.pid for p in self.target.boxed()}
        with self.client.stream(code, profile=target.profile_of(mode), limits={"wall_time_usec": 60_000_000}) as stream:
            while "ready" not in harness.next_event(stream, "output").output.text:
                pass
            yield {p.nested_pid: p for p in self.target.boxed() if p.pid not in before}, stream

    def check(self, result):
        good, bad = attack.verdicts(result.stdout.text)
        self.assertFalse(bad, result.describe())
        self.assertTrue(good, result.describe())

    def test_namespaces(self):
        """PN-04a R-NS1 seven namespaces: none is the daemon's, nor another job's"""
        with self.running() as (one, _), self.running() as (two, _):
            for kind in NAMESPACES:
                found = {p.namespace(kind) for p in (*one.values(), *two.values())}
                self.assertEqual(len(found), 2, kind)
                self.assertNotIn(os.readlink(f"/proc/{self.target.pid}/ns/{kind}"), found)
                self.assertNotIn(os.readlink(f"/proc/self/ns/{kind}"), found)

    def test_ipc_objects(self):
        """RS-09l R-T2 ipc namespace: where a job is there are no queues and no shared memory of the host, nor of another job"""
        libc = ctypes.CDLL(None, use_errno=True)
        with self.running() as (one, _), self.running() as (two, _):
            kinds = {"the host": None, "one job": one[1], "another job": two[1]}
            made = {name: within_ipc(process, lambda: libc.msgget(IPC_KEY, IPC_CREAT | IPC_EXCL | 0o666) >= 0)
                    for name, process in kinds.items()}
        identifier = libc.msgget(IPC_KEY, 0)
        self.assertGreaterEqual(identifier, 0)
        libc.msgctl(identifier, IPC_RMID, None)
        self.assertEqual(set(made.values()), {True}, f"one has what another made: {made}")

    @unittest.skipUnless(attack.IS_SERVICE, "an embedded daemon has no cgroup of its own to make leaves in")
    def test_cgroup(self):
        """PN-09l R-CG1 cgroup: all of a box is in one leaf, which is no other's and has its limits"""
        with self.running() as (one, _), self.running() as (two, _):
            leaves = [{process.cgroup() for process in boxed.values()} for boxed in (one, two)]
            self.assertEqual([len(found) for found in leaves], [1, 1])
            self.assertFalse(leaves[0] & leaves[1])
            for (leaf,) in leaves:
                for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.max", "cgroup.max.descendants"):
                    with open(f"/sys/fs/cgroup{leaf}/{name}", encoding="ascii") as file:
                        self.assertRegex(file.read(), r"^\d", (leaf, name))

    def test_ids(self):
        """PR-03m R-PR3 user namespace: one id of the range for each job, no groups, not soon given again"""
        seen = []
        for _ in range(20 // attack.STEP):
            harness.poll_until(lambda: not self.target.boxed(), "the end of the box before")
            with self.running() as (boxed, _):
                ids = {n for p in boxed.values() for n in p.uids + p.gids}
                self.assertEqual(len(ids), 1, [p.fields for p in boxed.values()])
                self.assertEqual({p.fields["Groups"] for p in boxed.values()}, {""})
                seen.append(ids.pop())
        self.assertEqual(len(set(seen)), len(seen), "an id was given again at once")
        self.assertGreater(min(seen), 1 << 30)

    def test_daemon_of_the_job_is_gone(self):
        """PN-03a R-NS3 the end of the box: of a program that left a daemon nothing with its id is there at its result"""
        code = ("import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)\n"
                "print('ready', flush=True)\ninput()")
        with self.client.stream(code, profile=target.profile_of("raw"), stdin_open=True) as stream:
            harness.next_event(stream, "output")
            uids = {p.uids[0] for p in self.target.boxed()}
            self.client.job(stream.job).write_input(end_of_file=True)
            for _ in stream:
                pass
        harness.poll_until(lambda: not self.target.boxed(), "the end of the box", 1 if not harness.SANITIZED else 10)
        self.assertFalse([p for p in harness.descendants(1) if set(p.uids) & uids])

    @unittest.skipUnless(os.path.exists(HEADER), "the names of the calls are in the headers of the C library")
    def test_filter(self):
        """SC-10a R-SC8 seccomp: the filter that the kernel has allows what --dump-plan prints, and nothing is traced or logged"""
        known = numbers()
        for mode, profile in (("raw", "raw"), ("default-cage", "default"), ("eval-cage", "eval")):
            with self.subTest(profile), self.running("import time; print('ready', flush=True); time.sleep(60)", mode) as (boxed, _):
                boxed.pop(1)
                with Traced(boxed.popitem()[1].pid) as traced:
                    program = traced.newest_filter()
                answers = {n: evaluate(program, n) for n in range(1024)}
                rows = re.findall(r"^  allow (\w+)(.*)$", self.target.dump_plan(profile), re.M)
                always = {known[name] for name, condition in rows if not condition}
                sometimes = {known[name] for name, condition in rows if condition} - always
                allowed = {n for n, answer in answers.items() if answer == ALLOW}
                self.assertEqual(allowed - sometimes, always)
                self.assertLessEqual(len(always | sometimes), CALLS_MOST[profile])
                actions = {answer & 0xFFFF0000 for answer in answers.values()}
                self.assertLessEqual(actions, {ALLOW, NOTIFY, 0x00050000, 0x80000000})
                named = {n for n, answer in answers.items() if answer == NOTIFY}
                self.assertLessEqual(named, set(known.values()), "only calls that are known are notified")
                for arch in (0x40000003, 0xC00000B7):  # i386, aarch64
                    self.assertEqual({evaluate(program, n, arch) for n in range(600)}, {0x80000000})
                self.assertNotIn(ALLOW, {evaluate(program, 0x40000000 | n) for n in range(600)})

    def test_two_jobs_do_not_meet(self):
        """NW-07a R-NW4 a network namespace for each job: one listens on loopback and on an abstract name, one connects"""
        for mode in ("raw", "loopback-cage"):
            program = attack.PRELUDE + LISTENER
            with self.subTest(mode), self.running(program, mode) as (_, stream):
                self.check(self.client.run(attack.PRELUDE + VISITOR, profile=target.profile_of(mode)))
                for _ in stream:
                    pass
                self.check(stream.result)

    def test_hostile_sources(self):
        """IP-06a R-P5 the analysis is in the box: sources that are bombs for a parser end within the job's limits"""
        for profile in ("default", "eval"):
            most = self.client.profile(profile).maximum.source_bytes
            for source in HOSTILE_SOURCES:
                if len(source) > most:
                    continue
                with self.subTest(profile=profile, source=source[:20], size=len(source)):
                    try:
                        result = self.client.run(source, profile=profile, limits={"source_bytes": most, "wall_time_usec": 5_000_000})
                    except (UnicodeError, ValueError, TypeError):
                        continue  # no text that a client could send
                    self.assertIn(result.outcome, ("success", "exception", "rejected", "memory_limit", "wall_time_limit", "signaled",
                                                   "cpu_time_limit", "output_limit"), result.describe())

    def test_standard_library(self):
        """IP-07a R-P6 one list: what can be imported is what GetProfile lists, each module in a job of its own"""
        names = sorted(n for n in sys.stdlib_module_names if not n.startswith("_"))
        listed = set(self.client.profile("eval").modules)
        for name in names[::attack.STEP]:
            result = self.client.run(f"__import__({name!r})\nprint('imported')", profile=target.profile_of("eval-unread"))
            self.assertEqual(result.stdout.text == "imported\n", name in listed or any(m.startswith(name + ".") for m in listed),
                             (name, result.describe()))

    def test_tools_that_are_not_granted(self):
        """IP-10a R-P9 tool channel: tools that were not granted, wrong arguments, too much of them"""
        seen = []
        code = attack.PRELUDE + """
from _sandbox import tool_call
for name, arguments in (("not_granted", {}), ("", {}), ("x" * 100000, {}), ("ok_tool", "not a dict"), ("ok_tool", {"a": "x" * 10**7}),
                        ("../ok_tool", {}), ("ok_tool\\0", {}), (None, {}), (b"ok_tool", {}), ("ok_tool", {1: 2}), ("ok_tool", {"a": object()})):
    try:
        BAD(repr(name)[:20], tool_call(name, arguments))
    except Exception as e:
        OK(type(e).__name__, str(e)[:60])
"""
        for profile in ("default", target.profile_of("raw")):
            result = self.client.run(code, profile=profile, tools={"ok_tool": lambda **arguments: seen.append(arguments) or 1})
            self.check(result)
            self.assertFalse(seen, "the client's function was called")


if __name__ == "__main__":
    tap.run(Observed)

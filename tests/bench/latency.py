# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a caller waits, and how much he gets in a second."""

import contextlib
import json
import os
import subprocess
import tempfile

import frame
import peers
import pysb
from frame import Figure, Missing, ms, p50, p99

MECHANISM = ("pid", "mnt", "net", "ipc", "uts")
CONNECTIONS = 8


def submit(quick):
    """submit → result of print(1) on an open connection, against everything else that starts an interpreter"""
    rounds = 10 if quick else 600
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(frame.Daemon())
        others = stack.enter_context(peers.all_of_them())
        working = [peer for peer in others if not peer.reason]
        subjects = [stack.enter_context(s) for s in (frame.client(daemon), frame.python())]
        beside = [(peer, stack.enter_context(peer.subject()), []) for peer in working]
        ours, bare = [], []
        for i in range(rounds):
            for n, all_seconds in enumerate((ours, bare)):
                all_seconds += subjects[n].turn()[1]
            for peer, subject, all_seconds in beside:
                if i % peer.every == 0:
                    all_seconds += subject.turn()[1]
    yield Figure("submit, p50", p50(ours) * 1e3, "ms", p50(ours) / p50(bare), f"{frame.PYTHON_NAME}, {ms(p50(bare))}", at_most=0.08,
                 in_chart=True)
    yield Figure("submit, p99", p99(ours) * 1e3, "ms", p99(ours) / p50(bare), f"its p50, {ms(p50(bare))}", at_most=0.5)
    yield Figure("bare python3 -I -S", p50(bare) * 1e3, "ms", in_chart=True)
    for peer, _, seconds in beside:
        yield Figure(peer.name, p50(seconds) * 1e3, "ms", p50(seconds) / p50(bare), frame.PYTHON_NAME, in_chart=True,
                     note=f"p99 {ms(p99(seconds))}; pysb takes {p50(ours) / p50(seconds):.3f} of it")
    for peer in others:
        if peer.reason:
            yield Missing(peer.name, peer.reason)


def mechanism(stack, processes, *namespaces):
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="pysb-bench.", dir="/tmp"))
    return stack.enter_context(frame.Subject(frame.program("mechanism"), directory, str(processes), *namespaces))


def rate(quick):
    """print(1) over and over, by eight connections, against what the kernel alone takes for a box"""
    if os.geteuid() != 0:
        yield Missing("rate", "the bare mechanism wants root")
        return
    n, rounds = (40, 1) if quick else (1600, 5)
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(frame.Daemon())
        subjects = {
            "pysb": stack.enter_context(frame.client(daemon, CONNECTIONS)),
            "one connection": stack.enter_context(frame.client(daemon)),
            "mechanism, one process": mechanism(stack, 1, *MECHANISM),
            "mechanism, two processes": mechanism(stack, 2, *MECHANISM),
            "mechanism without net": mechanism(stack, 2, *(name for name in MECHANISM if name != "net")),
            "mechanism with user and cgroup": mechanism(stack, 2, *MECHANISM, "user", "cgroup"),
        }
        rates = {name: [] for name in subjects}
        for i in range(rounds + 1):
            for name, subject in subjects.items():
                each = n // 8 if i == 0 else n
                seconds, _ = subject.turn(each)
                if i > 0:
                    rates[name].append(each / seconds)
    rates = {name: p50(values) for name, values in rates.items()}
    best = max(rates["mechanism, one process"], rates["mechanism, two processes"])
    yield Figure("rate, 8 connections", rates["pysb"], "/s", rates["pysb"] / best, f"the bare mechanism, {best:.0f}/s", at_least=0.8)
    for name, value in rates.items():
        if name != "pysb":
            yield Figure(f"rate, {name}", value, "/s", value / best, "the bare mechanism")


def numpy(quick):
    """a job that uses numpy, against the trivial one"""
    code = "import numpy; print(numpy.arange(10).sum())"
    with frame.Daemon() as daemon, frame.client(daemon) as trivial, \
            frame.client(daemon, profile="data", code=code) as ours:
        seconds, reference = map(p50, frame.take_turns((ours, trivial), 5 if quick else 300))
    yield Figure("numpy in data, p50", seconds * 1e3, "ms", seconds / reference, f"print(1) in default, {ms(reference)}", at_most=2)


def embedded(quick):
    """pysbctl from its start to the result, when nothing runs"""
    pysbctl = frame.harness.build_tree().pysbctl
    with frame.spawned(pysbctl, "submit", "--embedded", "-c", frame.TRIVIAL) as ours, frame.python() as bare:
        seconds, reference = map(p50, frame.take_turns((ours, bare), 3 if quick else 60, warm_up=1))
    yield Figure("embedded, p50", seconds * 1e3, "ms", seconds / reference, f"{frame.PYTHON_NAME}, {ms(reference)}", at_most=4)


LOOP = """
import time
def loop(n):
    total = 0
    for i in range(n):
        total += i * 3 % 7
    return total
loop(10000)
start = time.process_time_ns()
loop({n})
time.process_time_ns() - start
"""


def cpu_outside(interpreter, code):
    lines = code.rstrip().rsplit("\n", 1)
    command = (interpreter, *frame.PYTHON[1:-1], f"{lines[0]}\nprint({lines[1]})")
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def cpu(quick):
    """CPU time of a loop inside a box and outside, the least of several: where an interpreter happens to lie in memory,
    and what the other thread of its core does, is worth more percent than what is measured"""
    code = LOOP.format(n=100_000 if quick else 3_000_000)
    inside, library, program = [], [], []
    for _ in range(3 if quick else 15):
        with pysb.Client(embedded=True) as client:
            inside.append(client.run(code, profile="default").value)
        library.append(cpu_outside(frame.program("python"), code))
        program.append(cpu_outside(frame.PYTHON[0], code))
    inside, library, program = map(min, (inside, library, program))
    yield Figure("CPU-bound, inside", inside / 1e6, "ms", inside / library, f"outside, the same libpython, {library / 1e6:.0f} ms", at_most=1.02)
    yield Figure("CPU-bound, libpython", library / 1e6, "ms", library / program, f"/usr/bin/python3, {program / 1e6:.0f} ms",
                 note="Debian compiles the two differently")


WRITE = """
import os
block = b"x" * 65536
for _ in range({n}):
    os.write(1, block)
"""


def stdout(quick):
    """what a job prints, until the client has all of it, against the same by a pipe through cat"""
    blocks = 16 if quick else 240
    size = blocks * 65536
    with frame.Daemon() as daemon, \
            frame.client(daemon, code=WRITE.format(n=blocks), limit=("outputBytes", size)) as ours, \
            frame.spawned("sh", "-c", f"head -c {size} /dev/zero | cat") as reference:
        seconds, cat = map(p50, frame.take_turns((ours, reference), 10 if quick else 200))
    yield Figure("stdout", size / seconds / 1e6, "MB/s", cat / seconds, f"cat, {size / cat / 1e6:.0f} MB/s", at_least=0.5,
                 note=f"{size >> 20} MiB, starts included")

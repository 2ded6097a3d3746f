# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the time of a job goes: CPU time, page faults and wake-ups of each process, as the kernel has counted them."""

import contextlib
import os
from dataclasses import dataclass

import frame
import harness
from frame import Figure

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Use:
    cpu: float = 0  # seconds
    faults: int = 0
    switches: int = 0  # because it waited for something: each is one wake-up

    def __sub__(self, other):
        return Use(self.cpu - other.cpu, self.faults - other.faults, self.switches - other.switches)


def stat(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return [None, None, *file.read().rsplit(")", 1)[1].split()]  # numbered as in proc(5), from 1 on


def of_process(process):
    with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
        cpu = int(file.read().split()[0]) / 1e9
    return Use(cpu, int(stat(process.pid)[9]), int(process.fields["voluntary_ctxt_switches"]))


def of_children(pid):
    """Of the builder: all boxes that have ended, init and job."""
    fields = stat(pid)
    return Use((int(fields[15]) + int(fields[16])) / TICK, int(fields[10]))


def look(daemon, client_pid):
    """{who: what it has used}"""
    builder = harness.Process(daemon.process.pid)
    broker = next(p for p in harness.descendants(builder.pid) if p.command_line()[0].endswith(b"pysbd-broker"))
    found = {"client": harness.Process(client_pid), "broker": broker, "builder": builder, "template": daemon.templates()[0]}
    return {name: of_process(process) for name, process in found.items()} | {"box": of_children(builder.pid)}


def account(quick):
    """what each process uses for one job, while eight connections keep both CPUs busy"""
    n_jobs = 100 if quick else 4000
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(frame.Daemon())
        load = stack.enter_context(frame.client(daemon, 8))
        load.turn(n_jobs // 4)
        before = look(daemon, load.process.pid)
        load.turn(n_jobs)
        after = look(daemon, load.process.pid)
    used = {name: after[name] - before[name] for name in before}
    total = sum(use.cpu for use in used.values())
    for name, use in used.items():
        yield Figure(f"CPU time for a job: {name}", use.cpu / n_jobs * 1e6, "µs", use.cpu / total, "all of it",
                     note=f"{use.faults / n_jobs:.1f} page faults" + (f", {use.switches / n_jobs:.1f} wake-ups" if name != "box" else ""))

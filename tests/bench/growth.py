# SPDX-License-Identifier: LGPL-2.1-or-later
"""What boxes take of the machine's memory, and what many of them cost the next one."""

import contextlib
import os

import frame
import harness
import service
from frame import Figure, Missing, ms, p50

MIB = 1 << 20
TENANT, OTHER, SESSIONS = 4001, 4002, 1000
LIMITS = "max_running_jobs = 4096\nmax_memory = \"1T\""
TENANTS = """
[default]
max_running = 4096
max_sessions = 2048
max_memory = "1T"
"""


def rollup(pid, field):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{field}:"))


def available():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))


def box_figure(name, boxes, at_most):
    """boxes: the processes of each."""
    sizes = [sum(rollup(pid, "Private_Dirty") for pid in pids) for pids in boxes]
    return Figure(name, p50(sizes) / MIB, "MiB", at_most=at_most, note="Private_Dirty of its two processes")


def by_box(processes):
    return [[init.pid, *(p.pid for p in processes if p.parent == init.pid)] for init in processes if init.nested_pid == 1]


def wait_for_spares(daemon):
    """Those that wait for a job: their processes sleep."""
    def ready():
        spares = [p for p in harness.descendants(daemon.process.pid) if p.nested_pid is not None and p.is_spare()]
        return spares and len(spares) % 2 == 0 and all(p.fields["State"][0] == "S" for p in spares) and spares
    return harness.poll_until(ready, "spare boxes")


def memory(quick):
    """private memory of a box that waits for its job, and of a session that waits for its next cell"""
    with frame.Daemon() as daemon, daemon.client() as client:
        for _ in range(4 if quick else 40):
            client.run("1")
        yield box_figure("idle warm box", by_box(wait_for_spares(daemon)), 1)
        with contextlib.ExitStack() as stack:
            for _ in range(1 if quick else 4):
                stack.enter_context(client.open_session()).execute("x = 1")
            yield box_figure("idle session", by_box(daemon.boxed()), 1.5)


class Boxes:
    """A service with so many live boxes as it is asked for: sessions of one tenant."""

    def __init__(self, stack):
        self.daemon = service.Service(TENANTS, LIMITS)
        stack.callback(self.daemon.stop)
        self.client = stack.enter_context(self.daemon.client_of(TENANT))
        self.submit = stack.enter_context(frame.client(self.daemon, user=OTHER))
        self.bare = stack.enter_context(frame.python())
        self.sessions = []

    def grow(self, n):
        while len(self.sessions) < n:
            session = self.client.open_session(limits={"memory_bytes": 64 * MIB})
            session.execute("x = 1")
            self.sessions.append(session)

    def shrink(self):
        for session in self.sessions:
            session.close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the boxes")

    def measure(self, rounds):
        """p50 of another tenant's job, and of a bare interpreter, in turns"""
        return list(map(p50, frame.take_turns((self.submit, self.bare), rounds)))

    def pss(self):
        """Of all processes of the service."""
        return sum(rollup(p.pid, "Pss") for p in harness.descendants(self.daemon.process.pid)) + rollup(self.daemon.process.pid, "Pss")


def sessions(quick):
    """a thousand live sessions of one tenant: their memory, and what another tenant's job costs beside them"""
    if service.reason_not_to():
        yield Missing("1,000 sessions", service.reason_not_to())
        return
    levels, rounds = ((1, 4), 5) if quick else ((1, 10, 100, 300, SESSIONS), 150)
    with contextlib.ExitStack() as stack:
        boxes, found = Boxes(stack), {}
        boxes.measure(rounds)  # templates and pools are there
        before = available()
        for n in levels:
            boxes.grow(n)
            found[n] = boxes.measure(rounds)
        taken, pss = before - available(), boxes.pss()
        boxes.shrink()
    first, most = levels[0], levels[-1]
    yield Figure(f"{most} sessions, memory", max(taken, pss) / (1 << 30), "GiB", at_most=2,
                 note=f"Pss of all processes {pss / MIB:.0f} MiB, MemAvailable {taken / MIB:.0f} MiB less")
    for n in levels[1:]:
        ours, bare = found[n]
        # What else the machine does slows both of them
        ratio = ours / bare / (found[first][0] / found[first][1])
        yield Figure(f"submit beside {n} live boxes, p50", ours * 1e3, "ms", ratio,
                     f"beside {first}, both by a bare python3", at_most=1.2 if n == most else None)


def cpu_seconds(daemon):
    """Of builder, broker and templates: what a daemon takes beside its boxes."""
    processes = [daemon.process.pid] + [p.pid for p in harness.descendants(daemon.process.pid) if p.nested_pid is None]
    total = 0
    for pid in processes:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def jobs(quick, n_jobs=20_000):
    """the daemon's own CPU time for a job, from the first thousands to the last"""
    n_jobs = 200 if quick else n_jobs
    each = n_jobs // 10
    costs = []
    with frame.Daemon() as daemon, frame.client(daemon, 8) as load:
        load.turn(each // 2)
        for _ in range(10):
            before = cpu_seconds(daemon)
            load.turn(each)
            costs.append((cpu_seconds(daemon) - before) / each)
    yield Figure(f"daemon's CPU time per job, last tenth of {n_jobs}", costs[-1] * 1e6, "µs", costs[-1] / costs[0],
                 f"its first tenth, {costs[0] * 1e6:.0f} µs", at_most=1.2, note="builder, broker and template")

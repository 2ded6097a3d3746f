#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many jobs of every kind by two tenants over eight connections: each ends as it must, and afterwards the service
holds what it held before, its memory included. Wants root.

    soak.py JOBS"""

import collections
import concurrent.futures
import multiprocessing
import os
import random
import sys
import time

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import leftovers
import service
import soak_kinds

UIDS = (4001, 4002)
CONNECTIONS = 4  # of each of them
# With some sessions there are fewer places than connections: jobs wait, and sessions are refused
DAEMON = "max_running_jobs = 12"
TENANTS = """
[default]
profiles = ["default", "eval"]
max_sessions = 32
"""
MIB = 1 << 20
# For each 100,000 jobs, and of all processes of a name; of fewer jobs what a heap needs at its worst moment is more
GROWTH_BYTES = 2 * MIB
NOISE_BYTES = MIB
# After so many jobs each memory is looked at
ROUND = 10_000
# Jobs before the first look: templates are there, tables and heaps have their size
WARM_UP = 800


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def work(address, seed, n_jobs):
    """Jobs of all kinds, shuffled, until there were so many; how many there were of each kind."""
    order = random.Random(seed)
    done = collections.Counter()
    with soak_kinds.client_of(address) as client:
        while True:
            for kind in soak_kinds.shuffled(order):
                done[kind.name] += kind.run(client)
                if done.total() >= n_jobs:
                    return done


class Soak:
    """A service and its clients."""

    def __init__(self):
        self.daemon = service.Service(TENANTS, DAEMON)
        # Each client is a process with the uid of its tenant
        self.tenants = [concurrent.futures.ProcessPoolExecutor(
            CONNECTIONS, multiprocessing.get_context("fork"), become, (uid,)) for uid in UIDS]

    def jobs(self, n_jobs):
        """Runs so many, or a few more."""
        n_clients = len(self.tenants) * CONNECTIONS
        share = -(-n_jobs // n_clients)
        clients = [self.tenants[seed % len(self.tenants)].submit(work, self.daemon.address, seed, share)
                   for seed in range(n_clients)]
        return sum((client.result() for client in concurrent.futures.as_completed(clients)), collections.Counter())

    def look(self):
        """Once nobody's results are kept any more: their time is short."""
        for uid in UIDS:
            with self.daemon.client_of(uid) as client:
                harness.poll_until(lambda: not list(client.jobs()) and not list(client.sessions()), "results to be forgotten")
        return leftovers.take(self.daemon), leftovers.memory_bytes(self.daemon)

    def stop(self):
        status = self.daemon.stop()  # first: where one client has failed, the others end with it
        for tenant in self.tenants:
            tenant.shutdown()
        return status


def soak(n_jobs):
    """Raises what went wrong; yields lines about what was done."""
    subject = Soak()
    try:
        yield f"{subject.jobs(WARM_UP).total()} jobs first"
        before, memory_before = subject.look()
        done, begin = collections.Counter(), time.monotonic()
        yield f"memory: {in_mib(memory_before)}"
        while done.total() < n_jobs:
            done += subject.jobs(min(n_jobs - done.total(), ROUND))
            _, memory = subject.look()
            yield f"memory after {done.total()} jobs: {in_mib(memory)}"
            expect_memory(memory_before, memory, n_jobs)
        yield f"{done.total() / (time.monotonic() - begin):.0f} jobs in a second"
        yield ", ".join(f"{n} {name}" for name, n in done.most_common())
        leftovers.expect(subject.daemon, before)
        yield "left, as before: " + ", ".join(
            f"{value if isinstance(value, int) else len(value)} {name}" for name, value in before._asdict().items())
    finally:
        status = subject.stop()
    assert status == 0, f"pysbd exited with {status} at the end"


def in_mib(memory):
    return ", ".join(f"{name} {value / MIB:.2f} MiB" for name, value in sorted(memory.items()))


def expect_memory(before, now, n_jobs):
    allowed = max(NOISE_BYTES, GROWTH_BYTES * n_jobs / 100_000) + harness.QUARANTINE_BYTES
    for name, value in now.items():
        grown = value - before[name]
        assert grown <= allowed, f"{name} has grown by {grown} bytes in {n_jobs} jobs"


def main():
    reason = service.reason_not_to()
    if reason or len(sys.argv) != 2:
        sys.exit(reason or __doc__)
    for line in soak(int(sys.argv[1])):
        print(line, flush=True)


if __name__ == "__main__":
    main()

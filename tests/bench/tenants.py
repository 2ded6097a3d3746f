#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four tenants with 128 connections each, one of them hostile: what the others notice of it, what memory
the broker takes, and what is left afterwards. Prints ratios of one run; wants a quiet machine and root.

    tenants.py [--jobs N]"""

import argparse
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path[1:1] = [TESTS, f"{TESTS}/e2e"]
import flood
import leftovers
import service

GOOD = (4001, 4002, 4003)
CONNECTIONS = 128
TURNS = 3
TENANTS = """
[default]
max_running = 4
max_queued = 512
"""
TICK = os.sysconf("SC_CLK_TCK")


def p99(seconds):
    return sorted(seconds)[len(seconds) * 99 // 100]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(daemon, n_jobs):
    """Seconds of each job, and the broker's CPU time for all of them."""
    broker = flood.broker_of(daemon).pid
    begin = cpu_seconds(broker)
    seconds = flood.load(daemon.address, GOOD, CONNECTIONS, n_jobs)
    return seconds, cpu_seconds(broker) - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=3000)
    n_jobs = parser.parse_args().jobs
    if service.reason_not_to():
        sys.exit(f"not here: {service.reason_not_to()}")
    daemon = service.Service(TENANTS)
    flood.load(daemon.address, GOOD, CONNECTIONS, 3 * CONNECTIONS)
    before = leftovers.take(daemon)
    alone, beside, alone_cpu, beside_cpu = [], [], 0, 0
    # In turns, so that what else this machine does falls on both
    for _ in range(TURNS):
        seconds, cpu = measure(daemon, n_jobs // TURNS)
        alone, alone_cpu = alone + seconds, alone_cpu + cpu
        with flood.Attacker(daemon, CONNECTIONS):
            seconds, cpu = measure(daemon, n_jobs // TURNS)
        beside, beside_cpu = beside + seconds, beside_cpu + cpu
        leftovers.expect(daemon, before)
    alone, beside = p99(alone), p99(beside)
    with daemon.client_of(GOOD[0]) as client:
        bound = flood.bound_bytes(client, 1 + len(GOOD))
    print(f"p99 of a trivial job, {len(GOOD)} tenants x {CONNECTIONS} connections, {n_jobs} jobs")
    print(f"  without the hostile tenant  {alone * 1e3:8.0f} ms")
    print(f"  beside it                   {beside * 1e3:8.0f} ms  ratio {beside / alone:.2f}")
    print(f"broker's CPU time for a job   {alone_cpu / n_jobs * 1e3:.2f} ms, beside it {beside_cpu / n_jobs * 1e3:.2f} ms")
    print(f"broker's peak {flood.peak_bytes(daemon) / flood.MIB:.0f} MiB, its bound {bound / flood.MIB:.0f} MiB")
    print(f"left, as before: {len(before.processes)} processes of the daemon, {before.descriptors} descriptors, "
          f"{before.namespaces} namespaces, {before.mounts} mounts, {before.cgroups} cgroups")
    status = daemon.stop()
    assert status == 0, f"pysbd exited with {status}"


if __name__ == "__main__":
    main()

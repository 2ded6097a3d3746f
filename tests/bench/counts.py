# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one job costs in system calls, messages and waits, process by process: print(1) on an open connection, whose
box was made before, and the next box that is made in its place. Counted by the tracer of tests/faults."""

import collections
import json
import os
import statistics
import sys

import frame
import harness
from frame import TESTS

sys.path.insert(1, f"{TESTS}/faults")
import traced

SENDS = {"sendmsg", "sendto"}
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll"}  # how many there are depends on who is faster
COLUMNS = ("calls", "messages", "waits")
BUDGETS = os.path.join(os.path.dirname(TESTS), "docs", "PERFORMANCE.md")
JOBS = 9


class Daemon:
    """A traced one, with one client."""

    def __init__(self):
        self.names = traced.call_names()
        self.daemon = traced.Traced(traced.EVERY)
        self.daemon.start()
        self.connection = self.daemon.connect()
        for _ in range(4):
            self.run()
            self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.daemon.stop()
        self.daemon.close()

    def run(self):
        call = {"method": "io.pysb.sandbox.Run", "parameters": {"request": {"code": frame.TRIVIAL, "profile": "default"}}}
        self.connection.sendall(json.dumps(call).encode() + b"\0")
        reply = b""
        while not reply.endswith(b"\0"):
            piece = self.connection.recv(1 << 16)
            assert piece, self.daemon.read_log()
            reply += piece
        result = json.loads(reply[:-1])["parameters"]["result"]
        assert result["outcome"] == "success", result

    def all_counts(self):
        return [self.daemon.counts(kind) for kind in range(len(traced.KINDS))]

    def wait(self):
        """Until all that there is waits for something: nobody can make anybody else run."""
        def is_quiet():
            before = self.all_counts()
            processes = harness.descendants(self.daemon.process.pid)
            return all(p.fields["State"][0] == "S" for p in processes) and before == self.all_counts()
        harness.poll_until(is_quiet, "the daemon to come to rest")

    def job(self):
        """{process: {call: how often}}"""
        self.daemon.arm(0, 0, 0)
        self.run()
        self.wait()
        return {kind: {self.names.get(number, str(number)): n for number, n in enumerate(counts) if n}
                for kind, counts in zip(traced.KINDS, self.all_counts())}


def summary(calls):
    """Its figure for each of COLUMNS."""
    waits = sum(n for name, n in calls.items() if name in WAITS)
    return {"calls": sum(calls.values()) - waits, "messages": sum(calls.get(name, 0) for name in SENDS), "waits": waits}


def measure():
    """({process: figures}, the medians of several jobs; the calls of the last one)"""
    with Daemon() as daemon:
        jobs = [daemon.job() for _ in range(JOBS)]
    found = {}
    for kind in traced.KINDS:
        figures = [summary(job[kind]) for job in jobs]
        found[kind] = {column: statistics.median(figure[column] for figure in figures) for column in COLUMNS}
    return found, jobs[-1]


def budgets():
    """{process: figures} of the table in docs/PERFORMANCE.md: | process | calls | messages | waits |"""
    found = {}
    with open(BUDGETS, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip(" `") for cell in line.strip().strip("|").split("|")]
            if len(cells) == 1 + len(COLUMNS) and cells[0] in traced.KINDS:
                found[cells[0]] = dict(zip(COLUMNS, map(int, cells[1:])))
    return found


def main():
    found, calls = measure()
    for kind, figures in found.items():
        ordered = sorted(calls[kind].items(), key=lambda item: -item[1])
        print(f"{kind:9} " + ", ".join(f"{figures[column]:g} {column}" for column in COLUMNS))
        print("          " + " ".join(f"{name} {n}" for name, n in ordered))
    total = collections.Counter()
    for figures in found.values():
        total.update(figures)
    print("together  " + ", ".join(f"{total[column]:g} {column}" for column in COLUMNS))


if __name__ == "__main__":
    main()

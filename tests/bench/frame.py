# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all benchmarks share: subjects that take turns, and figures with their targets."""

import dataclasses
import os
import shutil
import statistics
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path[1:1] = [TESTS, f"{TESTS}/e2e"]
import harness

for name in ("PYSBD", "PYSB_PROFILE_PATH"):  # of embedded daemons
    os.environ[name] = harness.build_tree().environment[name]
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c", "pass")
PYTHON_NAME = "python3 -I -S -c pass"
TRIVIAL = "print(1)"


@dataclasses.dataclass
class Figure:
    """One line of the table. Where there is a target it is about the ratio, or else about the value."""
    name: str
    value: float
    unit: str
    ratio: float = None
    against: str = ""  # what the ratio is to, with its value
    at_most: float = None
    at_least: float = None
    note: str = ""
    in_chart: bool = False

    def judged(self):
        return self.value if self.ratio is None else self.ratio

    def target(self):
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""

    def is_met(self):
        """None if there is nothing to meet."""
        if self.at_most is not None:
            return self.judged() <= self.at_most
        return self.judged() >= self.at_least if self.at_least is not None else None

    def verdict(self):
        return {None: "", True: "met", False: "MISSED"}[self.is_met()]

    def cells(self):
        ratio = "" if self.ratio is None else f"{self.ratio:.3g} ×"
        return (self.name, f"{self.value:.4g} {self.unit}", ratio, self.against, self.target(), self.verdict(), self.note)


@dataclasses.dataclass
class Missing:
    """Something that could not be measured here, and why."""
    name: str
    reason: str


class Subject:
    """A process that does its work when it is its turn: tests/bench/turns.h."""

    def __init__(self, *command, user=None, environment=None):
        self.name = " ".join(command)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        user=user, env=environment)

    def turn(self, n=1):
        """(seconds of all, [seconds of each])"""
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name}: exit status {self.process.wait()}"
        total, *each = (int(nsec) / 1e9 for nsec in line.split())
        return total, each

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def program(name):
    return f"{harness.BUILD}/tests/bench/bench-{name}"


def spawned(*command):
    return Subject(program("spawn"), *command)


def python():
    return spawned(*PYTHON)


def client(daemon, connections=1, profile="default", code=TRIVIAL, limit=(), user=None):
    """Of a user of his own on a service, whose programs he can read."""
    path, environment = program("client"), {}
    if user:
        path = shutil.copy(path, daemon.programs.name)
        environment = {"LD_LIBRARY_PATH": daemon.programs.name}
    return Subject(path, f"unix:{daemon.address}", str(connections), profile, code, *map(str, limit),
                   user=user, environment=environment)


def take_turns(subjects, rounds, warm_up=5):
    """Each subject once in each round; the seconds of each of them, in their order."""
    samples = [[] for _ in subjects]
    for i in range(rounds + warm_up):
        for subject, seconds in zip(subjects, samples):
            _, each = subject.turn()
            if i >= warm_up:
                seconds += each
    return samples


def p50(seconds):
    return statistics.median(seconds)


def p99(seconds):
    return sorted(seconds)[len(seconds) * 99 // 100]


def ms(seconds):
    return f"{seconds * 1e3:.3g} ms"


class Daemon(harness.Daemon):
    """Serves as long as a block takes."""

    def __init__(self):
        super().__init__(harness.build_tree())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the machine of tests/vm, as root: what takes systemd and cgroup v2. Emulated CPUs are slow, so that only ratios
to a bare interpreter in the same machine say something. Prints figures as JSON, a line each."""

import dataclasses
import json
import os
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
os.environ["PYSB_BUILD_ROOT"] = os.path.dirname(os.path.dirname(HERE))
sys.path[1:1] = [HERE, os.path.join(HERE, "../vm")]
import frame
import machine
import peers
import pysb
from cgroups import leaves
from frame import Figure, p50, p99

STALE, ROUNDS = 100, 30
SECOND = 125  # times a bare interpreter that takes 8 ms
CONFIG = 'max_running_jobs = 512\nmax_memory = "1T"\n'


def say(figure):
    print("figure " + json.dumps(dataclasses.asdict(figure)), flush=True)


class Socket:
    """As a daemon of the host's benchmarks is one."""
    address = "/run/pysb/io.pysb.sandbox"


def submit():
    with tempfile.TemporaryDirectory() as directory:
        peer = next(peer for peer in peers.known(directory) if peer.command[0] == "systemd-run")
        with frame.client(Socket) as ours, frame.python() as bare, peer.subject() as unit:
            seconds, reference, units = frame.take_turns((ours, bare, unit), ROUNDS, warm_up=2)
    bare = p50(reference)
    say(Figure("service with cgroups, submit, p50", p50(seconds) * 1e3, "ms", p50(seconds) / bare, f"{frame.PYTHON_NAME} in that machine"))
    say(Figure(f"{peer.name}, in that machine", p50(units) * 1e3, "ms", p50(units) / bare, f"{frame.PYTHON_NAME} in that machine",
               note=f"p99 {frame.ms(p99(units))}; pysb takes {p50(seconds) / p50(units):.3f} of it"))
    return bare


def first_result():
    """Until somebody serves again."""
    while True:
        try:
            with pysb.Client() as client:
                return client.run("1")
        except (pysb.errors.PysbError, ConnectionError):
            pass


def restart():
    """Seconds from kill -9 of a service with so many boxes to the first result of the next one."""
    with pysb.Client() as client:
        for _ in range(STALE):
            client.open_session()
        machine.poll_until(lambda: len(leaves()) >= STALE, "the boxes of the sessions")
    begin = time.monotonic()
    os.kill(machine.main_pid(), signal.SIGKILL)
    first_result()
    seconds = time.monotonic() - begin
    machine.poll_until(lambda: len(leaves()) < STALE // 2, "the end of the stale cgroups")
    return seconds


def main():
    machine.install()
    os.makedirs("/etc/pysb", exist_ok=True)
    with open("/etc/pysb/pysbd.toml", "w", encoding="ascii") as file:
        file.write(CONFIG)
    machine.shell("systemctl", "start", "pysbd.socket")
    bare = submit()
    seconds = restart()
    say(Figure(f"kill -9 to first result, {STALE} stale cgroups", seconds * 1e3, "ms", seconds / bare,
               f"{frame.PYTHON_NAME} in that machine", at_most=SECOND, note="1 s where a bare interpreter takes 8 ms"))


if __name__ == "__main__":
    main()

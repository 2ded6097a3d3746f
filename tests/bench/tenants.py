#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four tenants with 128 connections each, one of them hostile: what the others notice of it, what memory
the broker takes, and what is left afterwards. Prints ratios of one run; wants a quiet machine and root.

    tenants.py [--jobs N]"""

import argparse
import json
import os
import selectors
import signal
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path[1:1] = [TESTS, f"{TESTS}/e2e"]
import harness
import service
import varlink

GOOD, HOSTILE = (4001, 4002, 4003), 4004
CONNECTIONS = 128
MIB = 1 << 20
# What broker/broker.h, broker/server.h and the profile's limits add up to: see docs/ARCHITECTURE.md
BOUND = (16 + 3 * 256 + 16 * (4 + 16 + 1)) * MIB
TENANTS = """
[default]
max_running = 4
max_queued = 512
"""
TRIVIAL = json.dumps({"method": "io.pysb.sandbox.Run",
                      "parameters": {"request": {"code": "1"}}}).encode() + b"\0"
SPIN = json.dumps({"method": "io.pysb.sandbox.Submit", "parameters": {"request": {
    "code": "while True: pass", "limits": {"wallTimeUSec": 1000000}}}}).encode() + b"\0"
PRINT = json.dumps({"method": "io.pysb.sandbox.Run", "more": True, "parameters": {"request": {
    "code": "while True: print('x' * 1000)"}}}).encode() + b"\0"


def connect(address, uids):
    connections = []
    for uid in uids:
        with service.identity(uid):
            connections += [varlink.Connection(address) for _ in range(CONNECTIONS)]
    return connections


def load(address, n_jobs):
    """Each connection asks for the next job when it has the last one's result. Seconds of each, sorted."""
    selector, seconds, n_sent = selectors.DefaultSelector(), [], 0
    for connection in connect(address, GOOD):
        connection.begin = time.monotonic()
        connection.socket.sendall(TRIVIAL)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        n_sent += 1
    while len(seconds) < n_sent:
        for key, _ in selector.select(harness.PATIENCE):
            connection = key.data
            result = connection.receive()["result"]
            assert result["outcome"] == "success", result
            seconds.append(time.monotonic() - connection.begin)
            if n_sent < n_jobs:
                connection.begin = time.monotonic()
                connection.socket.sendall(TRIVIAL)
                n_sent += 1
            else:
                selector.unregister(connection.socket)
                connection.close()
    return sorted(seconds)


def attack(address):
    """Floods that nobody reads, results that nobody reads, garbage, and messages without an end: for ever."""
    attacks = (SPIN * 50, PRINT, b"garbage\0", b'{"method":"' + b"x" * MIB)
    with service.identity(HOSTILE):
        selector = selectors.DefaultSelector()

        def begin(number):
            connection = varlink.Connection(address)
            connection.socket.setblocking(False)
            selector.register(connection.socket, selectors.EVENT_WRITE, number)

        for number in range(CONNECTIONS):
            begin(number)
        print("attacking", flush=True)
        while True:
            for key, _ in selector.select():
                try:
                    key.fileobj.send(attacks[key.data % len(attacks)])
                except BlockingIOError:
                    pass
                except OSError:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    begin(key.data)


def broker_of(daemon):
    (broker,) = [p for p in harness.descendants(daemon.process.pid)
                 if p.fields["Name"] == "pysbd-broker"]
    return broker


def cancel_all(daemon):
    with daemon.connect(HOSTILE) as connection:
        for job in connection.call("ListJobs", states=["queued", "starting", "running"],
                                   maxEntries=1000)["jobs"]:
            connection.call("Cancel", job=job["job"], graceUSec=0)


def n_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def p99(seconds):
    return seconds[len(seconds) * 99 // 100]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--attack", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        attack(options.attack)
    if service.reason_not_to():
        sys.exit(f"not here: {service.reason_not_to()}")
    daemon = service.Service(TENANTS)
    broker = broker_of(daemon).pid
    load(daemon.address, 3 * CONNECTIONS)
    files = n_files(broker)
    alone = load(daemon.address, options.jobs)
    hostile = subprocess.Popen([sys.executable, os.path.realpath(__file__), "--attack", daemon.address],
                               stdout=subprocess.PIPE)
    harness.read_until(hostile.stdout, b"attacking")
    beside = load(daemon.address, options.jobs)
    status = hostile.poll()
    hostile.send_signal(signal.SIGKILL)
    hostile.communicate()
    assert status is None, f"the hostile one gave up with {status}"
    cancel_all(daemon)
    with varlink.Connection(daemon.address) as connection:
        harness.poll_until(lambda: not any(connection.call("GetNode")[key] for key in
                                           ("runningJobs", "queuedJobs")), "the end of its jobs", 600)
    harness.poll_until(lambda: n_files(broker) <= files and not daemon.boxed(), "the rest to be gone")
    peak = int(broker_of(daemon).fields["VmHWM"].split()[0]) * 1024
    print(f"p99 of a trivial job, {len(GOOD)} tenants x {CONNECTIONS} connections, {options.jobs} jobs")
    print(f"  without the hostile tenant  {p99(alone) * 1e3:8.0f} ms")
    print(f"  beside it                   {p99(beside) * 1e3:8.0f} ms  ratio {p99(beside) / p99(alone):.2f}")
    print(f"broker's peak {peak / MIB:.0f} MiB, its bound {BOUND / MIB:.0f} MiB")
    print(f"left: 0 boxes, {n_files(broker)} descriptors of the broker (before: {files})")
    status = daemon.stop()
    assert status == 0, f"pysbd exited with {status}"


if __name__ == "__main__":
    main()

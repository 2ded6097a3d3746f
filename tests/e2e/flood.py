# SPDX-License-Identifier: LGPL-2.1-or-later
"""Load on a service: tenants that want trivial jobs, one that is hostile, and what all of it leaves behind.
tests/bench/tenants.py measures times with it, test_load.py what must be so on any machine."""

import collections
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time

import harness
import service
import varlink
from pysb import errors

HOSTILE = 4004
MIB = 1 << 20


def call(method, **parameters):
    return json.dumps({"method": method, "parameters": parameters}).encode() + b"\0"


def message(method, request, **more):
    return json.dumps({"method": f"io.pysb.sandbox.{method}",
                       "parameters": {"request": request}, **more}).encode() + b"\0"


TRIVIAL = message("Run", {"code": "1"})
SPIN = message("Submit", {"code": "while True: pass", "limits": {"wallTimeUSec": 1000000}})
PRINT = message("Run", {"code": "while True: print('x' * 1000)"}, more=True)
FILE_BYTES = 16 * MIB
PLENTY = message("Run", {"code": "1", "collect": [{"pattern": "*"}],
                         "files": [{"path": f"f{i}", "fileDescriptor": 0} for i in range(64)]})

# A message that is sent again and again; whether the answers are read; whether a file of FILE_BYTES comes with it
Attack = collections.namedtuple("Attack", "message reads has_file", defaults=(False, False))

ATTACKS = (
    Attack(SPIN * 50),
    Attack(PRINT),
    Attack(b"garbage\0"),
    Attack(b'{"method":"' + b"x" * MIB),  # without an end
    Attack(PLENTY, reads=True, has_file=True),  # one file, 64 times
    Attack(call("io.pysb.sandbox.PutBlob", fileDescriptor=0), reads=True, has_file=True),
    Attack(message("Run", {"code": "#" * (39 * MIB // 10)}), reads=True),
    Attack(call("io.pysb.sandbox.GetProfile", profile="default") * 16, reads=True),
    Attack(call("org.varlink.service.GetInterfaceDescription", interface="io.pysb.sandbox") * 16, reads=True),
)


def connect(address, uids, n):
    """n connections of each of these users."""
    connections = []
    for uid in uids:
        with service.identity(uid):
            connections += [varlink.Connection(address) for _ in range(n)]
    return connections


def load(address, uids, n_connections, n_jobs):
    """Each connection asks for the next job when it has the last one's result. Seconds of each, sorted."""
    selector, seconds, n_sent = selectors.DefaultSelector(), [], 0

    def ask(connection):
        nonlocal n_sent
        n_sent += 1
        connection.begin = time.monotonic()
        connection.socket.sendall(TRIVIAL)

    for connection in connect(address, uids, n_connections):
        ask(connection)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    while len(seconds) < n_sent:
        ready = selector.select(harness.PATIENCE)
        assert ready, f"no answer for {harness.PATIENCE} s"
        for key, _ in ready:
            connection = key.data
            result = connection.receive()["result"]
            assert result["outcome"] == "success", result
            seconds.append(time.monotonic() - connection.begin)
            if n_sent < n_jobs:
                ask(connection)
            else:
                selector.unregister(connection.socket)
                connection.close()
    selector.close()
    return sorted(seconds)


class Attempt:
    """A connection that attacks, until it is thrown out."""

    def __init__(self, address, number, file):
        self.number = number
        self.attack = ATTACKS[number % len(ATTACKS)]
        self.socket = varlink.Connection(address).socket
        self.socket.setblocking(False)
        self.files = [file] if self.attack.has_file else []
        self.rest = b""
        self.events = selectors.EVENT_WRITE | (selectors.EVENT_READ if self.attack.reads else 0)

    def go_on(self, events):
        if events & selectors.EVENT_READ and not self.socket.recv(MIB):
            raise ConnectionResetError
        if events & selectors.EVENT_WRITE:
            files = [] if self.rest else self.files
            self.rest = self.rest or memoryview(self.attack.message)
            self.rest = self.rest[socket.send_fds(self.socket, [self.rest], files):]


def attack(address, n_connections):
    """All of ATTACKS, for ever. Who is thrown out comes again."""
    with service.identity(HOSTILE):
        selector = selectors.DefaultSelector()
        file = os.memfd_create("attack")
        os.ftruncate(file, FILE_BYTES)

        def begin(number):
            attempt = Attempt(address, number, file)
            selector.register(attempt.socket, attempt.events, attempt)

        for number in range(n_connections):
            begin(number)
        print("attacking", flush=True)
        while True:
            for key, events in selector.select():
                try:
                    key.data.go_on(events)
                except BlockingIOError:
                    pass
                except OSError:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    begin(key.data.number)


class Attacker:
    """A process that attacks, until the end of the with block."""

    def __init__(self, daemon, n_connections):
        self.daemon = daemon
        self.process = subprocess.Popen(
            [sys.executable, os.path.realpath(__file__), daemon.address, str(n_connections)],
            stdout=subprocess.PIPE)

    def __enter__(self):
        harness.read_until(self.process.stdout, b"attacking")
        return self

    def __exit__(self, *_):
        status = self.process.poll()
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        assert status is None, f"the hostile one gave up with {status}"
        cancel_all(self.daemon, HOSTILE)


def connect_again(daemon, uid):
    """A connection of this user, once those that he had are gone."""
    def attempt():
        connection = daemon.connect(uid)
        try:
            connection.call("WhoAmI")
        except (EOFError, ConnectionError, varlink.Refused, errors.QuotaExceeded):
            connection.close()
            return None
        return connection

    return harness.poll_until(attempt, f"a place for a connection of {uid}")


def cancel_all(daemon, uid):
    """Cancels this user's jobs, and waits until nobody has any."""
    with connect_again(daemon, uid) as connection:
        for job in connection.call("ListJobs", states=["queued", "starting", "running"],
                                   maxEntries=1000)["jobs"]:
            connection.call("Cancel", job=job["job"], graceUSec=0)
        harness.poll_until(lambda: not any(connection.call("GetNode")[key] for key in
                                           ("runningJobs", "queuedJobs")), "the end of all jobs")


def broker_of(daemon):
    (broker,) = [p for p in harness.descendants(daemon.process.pid)
                 if p.fields["Name"] == "pysbd-broker"]
    return broker


def peak_bytes(daemon):
    return int(broker_of(daemon).fields["VmHWM"].split()[0]) * 1024


def resident_bytes(daemon):
    return int(broker_of(daemon).fields["VmRSS"].split()[0]) * 1024


def bound_bytes(client, n_tenants):
    """The formula of docs/ARCHITECTURE.md, "The broker's memory has a bound", for jobs of the default profile."""
    places, maximum = client.node().max_running_jobs, client.profile("default").maximum
    waiting = kept = buffers = blobs = min(256, 64 * n_tenants) * MIB
    job = 20 * MIB + maximum.output_bytes + maximum.result_bytes + maximum.collect_bytes
    return 16 * MIB + waiting + kept + buffers + blobs + places * job


if __name__ == "__main__":
    attack(sys.argv[1], int(sys.argv[2]))

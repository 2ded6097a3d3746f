# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon under tests/faults/inject, in which one system call of one process can be made to fail."""

import errno
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../e2e"))
import harness

INJECT = f"{harness.BUILD}/tests/faults/inject"
KINDS = ("builder", "broker", "template", "init", "job")
EVERY = len(KINDS)  # for inject: watch the calls of all, to count them
# struct Fault, tests/faults/inject.h
FIELDS = ("generation", "call", "occurrence", "error", "filtered", "injected", "uncaged", "started",
          "ended", "builder_status", "n_boxes", "crash", "crash_kind")
CALLS_MAX = 512
SIZE = 4 * (len(FIELDS) + len(KINDS) * CALLS_MAX)

MARK = "the program ran"
# Says what it sees of its cage, is denied something, and leaves a file to be collected
PROGRAM = f"""import os
print({MARK!r}, flush=True)
cage = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
print({{k: int(v, 16) for k, _, v in (l.partition(":") for l in open("/proc/self/status")) if k in cage}})
print(os.getuid(), os.getgroups(), os.getpid(), os.listdir("/app"), os.uname().nodename)
open("a.txt", "w").write("a")
try: os.fork()
except PermissionError: print("denied")
"""
OUTPUT = f"""{MARK}
{{'CapInh': 0, 'CapPrm': 0, 'CapEff': 0, 'CapBnd': 0, 'CapAmb': 0, 'NoNewPrivs': 1, 'Seccomp': 2}}
1000 [] 2 [] sandbox
denied
"""
# With a disk of its own no box was made before it asked, so that its whole life is in one run
REQUEST = {"profile": "default", "code": PROGRAM, "collect": [{"pattern": "*.txt"}], "limits": {"diskBytes": 32 << 20}}


def call_names():
    """Number to name, as the build knows them."""
    lines = subprocess.run([INJECT], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    return {int(number): name for number, name in (line.split() for line in lines)}


class Ended(Exception):
    """The daemon closed the connection, or ended, before there was an answer."""


class Traced:
    """Runs until stop(); kind is whose calls can fail."""

    def __init__(self, kind):
        self.directory = tempfile.mkdtemp(prefix="pysb-faults.", dir="/tmp")
        self.address = os.path.join(self.directory, "socket")
        memory = os.memfd_create("fault", os.MFD_CLOEXEC)
        os.ftruncate(memory, SIZE)
        self.memory = mmap.mmap(memory, SIZE)
        self.kind = kind
        self.log = tempfile.TemporaryFile()
        self.inject_fd = memory
        self.process = None

    def start(self):
        tree = harness.build_tree()
        self.process = subprocess.Popen(
            [INJECT, str(self.inject_fd), str(self.kind), tree.pysbd, "--embedded", "--listen", self.address],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=[self.inject_fd],
            env=tree.environment, start_new_session=True)
        os.close(self.inject_fd)

    def get(self, field):
        return struct.unpack_from("I", self.memory, 4 * FIELDS.index(field))[0]

    def set(self, **fields):
        for name, value in fields.items():
            struct.pack_into("I", self.memory, 4 * FIELDS.index(name), value)

    def counts(self, kind):
        offset = 4 * (len(FIELDS) + kind * CALLS_MAX)
        return struct.unpack_from(f"{CALLS_MAX}I", self.memory, offset)

    def arm(self, call, occurrence, error):
        """From now on calls are counted, and that one fails."""
        self.set(call=call, occurrence=occurrence, error=error, injected=0, uncaged=0)
        self.memory[4 * len(FIELDS):] = bytes(SIZE - 4 * len(FIELDS))
        self.set(generation=self.get("generation") + 1)

    def read_log(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def connect(self):
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(harness.PATIENCE)
            try:
                connection.connect(self.address)
                return connection
            except OSError:
                connection.close()
            if self.process.poll() is not None:
                raise Ended("before it listened")
            select.select([], [], [], 0.005)

    def run(self, request=REQUEST):
        """The reply to Run, as it is: with "error", or with the result in "parameters"."""
        call = {"method": "io.pysb.sandbox.Run", "parameters": {"request": request}}
        data = b""
        with self.connect() as connection:
            try:
                connection.sendall(json.dumps(call).encode() + b"\0")
                while not data.endswith(b"\0"):
                    piece = connection.recv(1 << 16)
                    if not piece:
                        raise Ended("without an answer")
                    data += piece
            except ConnectionError as e:
                raise Ended(e.strerror) from e
        return json.loads(data[:-1])

    def has_ended(self):
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def wait_for_boxes(self):
        """Until no box is left; returns the seconds that it took."""
        begin = time.monotonic()
        harness.poll_until(lambda: self.get("n_boxes") == 0 or self.has_ended(), "the end of the boxes")
        return time.monotonic() - begin

    def stop(self):
        """Asks the daemon to end, and waits for all that came of it; returns the seconds that the last process
        outlived the builder."""
        harness.poll_until(lambda: self.get("started") or self.has_ended(), "the daemon's process")
        self.process.terminate()
        harness.poll_until(lambda: self.get("ended") or self.has_ended(), "the builder's end")
        begin = time.monotonic()
        self.process.wait(harness.PATIENCE)
        return time.monotonic() - begin

    def close(self):
        if self.process.poll() is None:
            self.process.kill()  # and by that all that it traces
            self.process.wait()
        self.log.close()
        self.memory.close()
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        os.rmdir(self.directory)

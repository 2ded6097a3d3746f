# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service with several users, on the host or inside the machine of tests/vm; and connections of them."""

import array
import contextlib
import grp
import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(1, os.path.join(HERE, "../e2e"))
sys.path.insert(1, os.path.join(HERE, ".."))
import attack
import flood
import harness
import service
import target
import varlink

ALICE, BOB, STRANGER = 2001, 2002, 65533
VARLINK = "org.varlink.service"


class OfMachine:
    """The installed service, for those of its tests that need no more than a Daemon has."""

    address = "/run/pysb/io.pysb.sandbox"

    def __init__(self):
        self.process = target.Service()
        self.boxed, self.templates = self.process.boxed, self.process.templates

    def connect(self, uid):
        with service.identity(uid, [grp.getgrnam("pysb").gr_gid]):
            return varlink.Connection(self.address)

    @staticmethod
    def read_log():
        subprocess.run(["journalctl", "--sync"], check=True)
        lines = subprocess.check_output(["journalctl", "-b", "-u", "pysbd.service", "-o", "json", "--all"]).splitlines()
        # What is no plain text is a list of bytes there
        messages = [json.loads(line)["MESSAGE"] for line in lines]
        return "\n".join(m if isinstance(m, str) else bytes(m).decode("utf-8", "replace") for m in messages)

    def stop(self):
        self.process.stop()
        return 0


def make():
    return OfMachine() if attack.IS_SERVICE else service.Service()


def is_closed(sock, seconds):
    """Whether the other end closes within that time; what it says before is thrown away."""
    deadline = time.monotonic() + seconds
    sock.settimeout(0.05)
    while time.monotonic() < deadline:
        try:
            if not sock.recv(1 << 16):
                return True
        except socket.timeout:
            continue
        except OSError:
            return True
    return False


def send_descriptors(sock, data, n):
    """One message with n descriptors of /dev/null, as many as the kernel takes at once."""
    fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd] * n))])
    finally:
        os.close(fd)


class Broker:
    """What the broker of a daemon holds, seen by root."""

    def __init__(self, daemon):
        self.daemon, self.pid = daemon, flood.broker_of(daemon).pid

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_bytes(self):
        return flood.resident_bytes(self.daemon)

    def is_alive(self):
        return harness.is_alive(self.pid)


@contextlib.contextmanager
def pinging(daemon, uid=BOB):
    """Somebody else, who is answered before and after, and whom nobody keeps waiting for ever."""
    with daemon.connect(uid) as connection:
        connection.call("GetNode")
        yield connection
        connection.call("GetNode")

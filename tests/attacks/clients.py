# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service with several users, on the host or inside the machine of tests/vm; and connections of them."""

import array
import contextlib
import grp
import os
import socket
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(1, os.path.join(HERE, "../e2e"))
sys.path.insert(1, os.path.join(HERE, ".."))
import attack
import flood
import harness
import service
import varlink

ALICE, BOB, STRANGER = 2001, 2002, 65533
VARLINK = "org.varlink.service"


class OfMachine:
    """The installed service, for those of its tests that need no more than a Daemon has."""

    address = "/run/pysb/io.pysb.sandbox"

    def connect(self, uid):
        with service.identity(uid, [grp.getgrnam("pysb").gr_gid]):
            return varlink.Connection(self.address)

    @property
    def process(self):
        import target
        return target.Service()

    def boxed(self):
        return self.process.boxed()

    def stop(self):
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

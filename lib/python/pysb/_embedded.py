# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private daemon: `pysbd --embedded` with two sockets at the descriptors of the activation protocol. One is
connected and carries nothing: the daemon ends when it is closed. On the other it listens, so that a connection
that was given up in the middle of a call costs nothing but itself."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from typing import Any

from . import errors
from ._connection import above_standard

# Where the package is installed, PREFIX/lib/python3/dist-packages/pysb, says where the program is
_PREFIX = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))
_INSTALLED = "libexec/pysb/pysbd"
# The shell gives its own number to LISTEN_PID and becomes the daemon: a function between fork and exec
# (preexec_fn) is nothing for a process with threads. The sockets come as its stdin and stdout.
_LAUNCH = 'exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec "$0" --embedded'
# It ends by itself when its leash is closed; this is for one that hangs
REAP_TIMEOUT_SECONDS = 10


def program() -> str:
    return os.environ.get("PYSBD") or os.path.join(_PREFIX, _INSTALLED)


class Daemon:
    """Ours, and the address at which it takes any number of connections."""

    def __init__(self) -> None:
        path = program()
        if not os.access(path, os.X_OK):
            raise errors.ConnectFailed(f"{path}: no program there; PYSBD may name another")
        self._leash, theirs = map(above_standard, socket.socketpair())
        self._name = -1
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            try:
                self._name = _listen(listener)
                self.process = _spawn(path, theirs, listener)
            except OSError as e:
                self._close()
                raise errors.ConnectFailed(f"{path}: {e.strerror or e}") from e
        self.address = f"unix:/proc/self/fd/{self._name}"

    def end(self) -> None:
        """Returns when it has ended."""
        self._close()
        try:
            self.process.wait(REAP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _close(self) -> None:
        self._leash.close()
        if self._name >= 0:
            os.close(self._name)


def _listen(listener: socket.socket) -> int:
    """Returns a descriptor of the socket's name. The name itself is gone: nobody else finds it, and
    nothing is left of it, however we end."""
    with tempfile.TemporaryDirectory(prefix="pysb-") as directory:
        path = os.path.join(directory, "socket")
        listener.bind(path)
        listener.listen(socket.SOMAXCONN)
        return os.open(path, os.O_PATH)


def _spawn(path: str, leash: socket.socket, listener: socket.socket) -> "subprocess.Popen[Any]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LISTEN_")}
    environment.update(LISTEN_FDS="2", LISTEN_FDNAMES="varlink:varlink")
    # A session of its own: Ctrl-C at the terminal is for the client, which then closes its connections
    return subprocess.Popen(["/bin/sh", "-c", _LAUNCH, path], stdin=leash.fileno(),
                            stdout=listener.fileno(), env=environment, start_new_session=True)

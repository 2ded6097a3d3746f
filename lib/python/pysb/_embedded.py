# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private daemon, as libpysb starts it: `pysbd --embedded` with two connections at the descriptors of
the activation protocol. It ends when both are closed."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import Any, List, Tuple

from . import errors
from ._connection import above_standard

# Where the package is installed, PREFIX/lib/python3/dist-packages/pysb, says where the program is
_PREFIX = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))
_INSTALLED = "libexec/pysb/pysbd"
# The shell gives its own number to LISTEN_PID and becomes the daemon: a function between fork and exec
# (preexec_fn) is nothing for a process with threads. The sockets come as its stdin and stdout.
_LAUNCH = 'exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec "$0" --embedded'
# It ends by itself when its connections are closed; this is for one that hangs
REAP_TIMEOUT_SECONDS = 10


def program() -> str:
    return os.environ.get("PYSBD") or os.path.join(_PREFIX, _INSTALLED)


def start() -> Tuple["subprocess.Popen[Any]", List[socket.socket]]:
    path = program()
    if not os.access(path, os.X_OK):
        raise errors.ConnectFailed(f"{path}: no program there; PYSBD may name another")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LISTEN_")}
    environment.update(LISTEN_FDS="2", LISTEN_FDNAMES="varlink:varlink")
    ours, theirs = zip(*(map(above_standard, socket.socketpair()) for _ in range(2)))
    try:
        # A session of its own: Ctrl-C at the terminal is for the client, which then closes its connections
        process = subprocess.Popen(["/bin/sh", "-c", _LAUNCH, path], stdin=theirs[0], stdout=theirs[1],
                                   env=environment, start_new_session=True)
    except OSError as e:
        for end in ours:
            end.close()
        raise errors.ConnectFailed(f"{path}: {e.strerror}") from e
    finally:
        for end in theirs:
            end.close()
    return process, list(ours)


def reap(process: "subprocess.Popen[Any]") -> None:
    try:
        process.wait(REAP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""A connection that blocks, and the addresses that both clients take."""

from __future__ import annotations

import fcntl
import select
import socket
from collections import deque
from typing import Any, Deque, Dict, Optional, Sequence

from . import _wire, errors

# Where the service listens
DEFAULT_ADDRESS = "unix:/run/pysb/io.pysb.sandbox"


def path_of(address: Optional[str]) -> str:
    address = address or DEFAULT_ADDRESS
    scheme, _, path = address.partition(":")
    if scheme != "unix" or not path:
        raise errors.ConnectFailed(f"{address}: an address is unix: and a path")
    return path


def is_stale(sock: socket.socket) -> bool:
    """Whether the daemon has closed an idle connection, or sent something that nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def last_word(sock: socket.socket, framer: _wire.Framer) -> None:
    """Raises the error that the daemon sent before it closed the connection, if there is one: who is one
    too many hears it before the first call."""
    try:
        data = sock.recv(1 << 16, socket.MSG_DONTWAIT)
    except OSError:
        return
    for message in framer.feed(data):
        _wire.parameters_of(message)


def above_standard(sock: socket.socket) -> socket.socket:
    """The same connection at a descriptor that is none of 0, 1 and 2: where a program has closed those, what
    it prints is no call."""
    if sock.fileno() > 2:
        return sock
    with sock:
        return socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


class Connection:
    """Serves one call at a time."""

    def __init__(self, sock: socket.socket, timeout: Optional[float]) -> None:
        self.socket = sock
        self.socket.settimeout(timeout)
        self.continues = False
        self._framer = _wire.Framer()
        self._messages: Deque[Dict[str, Any]] = deque()

    @classmethod
    def open(cls, address: Optional[str], timeout: Optional[float]) -> "Connection":
        path = path_of(address)
        sock = above_standard(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except OSError as e:
            sock.close()
            raise errors.ConnectFailed(f"{path}: {e.strerror or e}") from e
        return cls(sock, timeout)

    def close(self) -> None:
        self.socket.close()

    def send(self, method: str, parameters: Dict[str, Any], more: bool = False,
             fds: Sequence[int] = ()) -> None:
        data = _wire.encode(method, parameters, more)
        try:
            if fds:  # with the first byte of the message
                data = data[socket.send_fds(self.socket, [data], list(fds)):]
            self.socket.sendall(data)
        except socket.timeout as e:
            raise errors.Timeout("the daemon takes no data") from e
        except OSError as e:
            last_word(self.socket, self._framer)
            raise errors.Disconnected(str(e)) from e

    def receive(self) -> Dict[str, Any]:
        """The parameters of the next reply, 'continues' says whether it is the last one; raises the error that it is."""
        while not self._messages:
            try:
                data = self.socket.recv(1 << 16)
            except socket.timeout as e:
                raise errors.Timeout("no answer in time") from e
            except OSError as e:
                raise errors.Disconnected(str(e)) from e
            if not data:
                raise errors.Disconnected("the daemon closed the connection before it answered")
            self._messages.extend(self._framer.feed(data))
        reply = self._messages.popleft()
        self.continues = reply.get("continues") is True
        return _wire.parameters_of(reply)

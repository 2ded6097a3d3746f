# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of io.pysb.manager, inside the machine."""

import json
import socket

MANAGER_SOCKET = "/run/pysb/io.pysb.manager"
PATIENCE = 120


def manage(method, **parameters):
    """Calls io.pysb.manager as root and returns the reply's parameters."""
    with socket.socket(socket.AF_UNIX) as manager:
        manager.settimeout(PATIENCE)
        manager.connect(MANAGER_SOCKET)
        manager.sendall(json.dumps({"method": f"io.pysb.manager.{method}",
                                    "parameters": parameters}).encode() + b"\0")
        reply = b""
        while not reply.endswith(b"\0"):
            chunk = manager.recv(1 << 16)
            if not chunk:
                raise AssertionError(f"{method}: the connection ended after {reply}")
            reply += chunk
    reply = json.loads(reply[:-1])
    if "error" in reply:
        raise AssertionError(f"{method}: {reply}")
    return reply["parameters"]

# SPDX-License-Identifier: LGPL-2.1-or-later
"""A varlink client of a few lines: what the tests say to the daemon is theirs to the byte."""

import json
import socket

import harness


class Refused(Exception):
    """An error reply; .name is without the interface."""

    def __init__(self, name, parameters):
        super().__init__(name, parameters)
        self.name = name.removeprefix("io.pysb.sandbox.")
        self.parameters = parameters


class Connection:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(harness.PATIENCE)
        self.socket.connect(address)
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, method, parameters, more=False):
        message = {"method": f"io.pysb.sandbox.{method}", "parameters": parameters}
        if more:
            message["more"] = True
        self.socket.sendall(json.dumps(message).encode() + b"\0")

    def receive(self):
        """The parameters of the next reply; raises what the daemon refused."""
        while b"\0" not in self.bytes:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the daemon closed the connection")
            self.bytes += data
        message, self.bytes = self.bytes.split(b"\0", 1)
        reply = json.loads(message)
        if "error" in reply:
            raise Refused(reply["error"], reply.get("parameters", {}))
        return reply["parameters"]

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive()

    def run(self, **request):
        """Starts to run a program with events."""
        self.send("Run", {"request": request}, more=True)

    def next(self, kind):
        """The next event of that kind, without those before it."""
        while True:
            reply = self.receive()
            if "result" in reply:
                raise AssertionError(f"no event {kind!r} before the end: {reply['result']}")
            if reply["event"]["kind"] == kind:
                return reply["event"]

    def result(self):
        """The result, without the events before it."""
        while True:
            reply = self.receive()
            if "result" in reply:
                return reply["result"]

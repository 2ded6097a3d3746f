# SPDX-License-Identifier: LGPL-2.1-or-later
"""A connection of the Python client, whose messages are a test's to write: a Client has one for each call, and
makes requests of its own. What is about bytes says them to .socket."""

import harness
from pysb import _connection, errors


class Refused(Exception):
    """An error reply; .name is without the interface."""

    def __init__(self, error):
        super().__init__(error.name, error.parameters)
        self.name = error.name.removeprefix("io.pysb.sandbox.")
        self.parameters = error.parameters


class Connection(_connection.Connection):
    def __init__(self, address):
        connection = _connection.Connection.open(f"unix:{address}", harness.PATIENCE)
        super().__init__(connection.socket, harness.PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def receive(self):
        """The parameters of the next reply; raises what the daemon refused."""
        try:
            return super().receive()
        except errors.ProtocolError as e:
            raise Refused(e) from e

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive()

    def run(self, **request):
        """Starts to run a program with events."""
        self.send("Run", {"request": request}, more=True)

    def replies(self):
        """What comes up to the result, which is in the last one."""
        replies = []
        while not replies or "result" not in replies[-1]:
            replies.append(self.receive())
        return replies

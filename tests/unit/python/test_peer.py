#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python client against peers that misbehave: each ends with a typed error, in both clients."""

import asyncio
import json
import os
import socket
import sys
import tempfile
import threading
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path[1:1] = [f"{ROOT}/tests", f"{ROOT}/lib/python"]
import pysb
import tap
from pysb import _wire, errors

RESULT = {"job": "j", "outcome": "success", "usage": {}, "degraded": False}


def message(**fields):
    return json.dumps(fields).encode() + b"\0"


def event(kind, sequence, **fields):
    return message(continues=True, parameters={"event": {
        "kind": kind, "sequence": sequence, "timestampUSec": 1, **fields}})


# What the peer answers, and what the client makes of it; None closes
ANSWERS = {
    "a closed connection": (b"", errors.Disconnected),
    "half a message": (b'{"parameters": {', errors.Disconnected),
    "no JSON": (b"garbage\0", errors.BadReply),
    "bytes that are no UTF-8": (b'{"parameters": "\xff"}\0', errors.BadReply),
    "another document": (b"[]\0", errors.BadReply),
    "parameters that are none": (b'{"parameters": 1}\0', errors.BadReply),
    "too deep": (b"[" * 200000 + b"\0", errors.BadReply),
    "a message without an end": (b"x" * (_wire.REPLY_MAX_BYTES + 65536), errors.BadReply),
    "a result without fields": (message(parameters={"result": {"job": "j"}}), errors.BadReply),
    "a field of another type": (message(parameters={"result": {**RESULT, "job": 1}}), errors.BadReply),
    "a reply to another call": (message(parameters={"job": "j"}), errors.BadReply),
    "an error": (message(error="io.pysb.sandbox.JobNotFound", parameters={"job": "x"}), errors.JobNotFound),
    "an error of the future": (message(error="io.pysb.sandbox.New", parameters={}), errors.ProtocolError),
}


class Peer:
    """Answers each connection's first call with the same bytes, and closes."""

    def __init__(self, answer):
        self.directory = tempfile.TemporaryDirectory()
        self.address = f"unix:{self.directory.name}/socket"
        self.answer = answer
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.address[5:])
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\0" not in data:
                    chunk = connection.recv(65536)
                    if not chunk:
                        break
                    data += chunk
                else:
                    try:
                        connection.sendall(self.answer)
                    except OSError:
                        pass  # it has seen enough

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.directory.cleanup()


class Peers(unittest.TestCase):
    def test_answers(self):
        """what a peer may answer is a typed error"""
        for name, (answer, expected) in ANSWERS.items():
            with self.subTest(name), Peer(answer) as peer, pysb.Client(peer.address) as client:
                with self.assertRaises(expected) as raised:
                    client.run("1")
                self.assertIs(type(raised.exception), expected)

    def test_answers_async(self):
        """the asyncio client makes the same of them"""
        async def run(address):
            async with pysb.AsyncClient(address) as client:
                await client.run("1")
        for name, (answer, expected) in ANSWERS.items():
            with self.subTest(name), Peer(answer) as peer, self.assertRaises(expected) as raised:
                asyncio.run(run(peer.address))
            self.assertIs(type(raised.exception), expected)

    def test_stream(self):
        """events and the result come whole, with the output put together; the unknown is ignored"""
        pieces = (event("accepted", 1, job="j", novelty=1)
                  + event("output", 2, output={"stream": "stdout", "offset": 0, "text": "é"})
                  + event("of_the_future", 3)
                  + event("output", 4, output={"stream": "stdout", "offset": 2, "data": "/w=="})
                  + message(parameters={"result": {**RESULT, "outcome": "of_the_future",
                                                   "usage": {"stdoutBytes": 9}}}))
        with Peer(pieces) as peer, pysb.Client(peer.address) as client:
            stream = client.stream("1")
            self.assertEqual([e.kind for e in stream], ["accepted", "output", "of_the_future", "output"])
            self.assertEqual(stream.job, "j")
            self.assertEqual(stream.result.stdout, pysb.types.Captured(9, True, "é".encode() + b"\xff"))
            with self.assertRaises(errors.OutcomeError):
                stream.result.check()

    def test_byte_by_byte(self):
        """a message may come in any pieces"""
        framer, found = _wire.Framer(), []
        for byte in message(parameters={"a": "é"}) + message(parameters={}):
            found += framer.feed(bytes([byte]))
        self.assertEqual(found, [{"parameters": {"a": "é"}}, {"parameters": {}}])

    def test_timeout(self):
        """a peer that does not answer is a Timeout"""
        with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryDirectory() as directory:
            listener.bind(f"{directory}/socket")
            listener.listen()
            with pysb.Client(f"unix:{directory}/socket", timeout=0.01) as client:
                self.assertRaises(errors.Timeout, client.node)

            async def ask():
                async with pysb.AsyncClient(f"unix:{directory}/socket", timeout=0.01) as client:
                    await client.node()
            self.assertRaises(errors.Timeout, asyncio.run, ask())

    def test_no_daemon(self):
        """where nobody listens is ConnectFailed, and so is an address that is none"""
        for address in ("unix:/nonexistent/socket", "tcp:localhost", "unix:", "nonsense"):
            self.assertRaises(errors.ConnectFailed, pysb.Client, address)
        async def connect():
            async with pysb.AsyncClient("unix:/nonexistent/socket"):
                pass
        self.assertRaises(errors.ConnectFailed, asyncio.run, connect())

    def test_stale(self):
        """an idle connection that the daemon has closed is replaced"""
        with Peer(message(parameters={"result": RESULT})) as peer, pysb.Client(peer.address) as client:
            for _ in range(3):
                self.assertEqual(client.run("1").outcome, "success")

    def test_what_cannot_be_said(self):
        """NUL, half a surrogate pair and NaN are a ValueError before anything is sent"""
        for bad in ("a\0", "\ud800"):
            self.assertRaises(ValueError, _wire.encode, "Run", {"a": [bad]})
        self.assertRaises(ValueError, _wire.encode, "Run", {"a": float("nan")})

    def test_unknown_option(self):
        """an option that does not exist is a TypeError"""
        with Peer(b"") as peer, pysb.Client(peer.address) as client:
            self.assertRaises(TypeError, client.run, "1", colour="blue")


if __name__ == "__main__":
    tap.run(Peers)

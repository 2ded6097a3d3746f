#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Replays the transcripts of docs/PROTOCOL.md, and looks whether they have each method and each error."""

import json
import os
import re
import socket
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(2, os.path.join(sys.path[1], "e2e"))
import harness
import schema
import tap

ROOT = os.path.dirname(sys.path[1])
ANY = "…"


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        return file.read()


TEXT = read("docs/PROTOCOL.md")
TRANSCRIPTS = [[line.split(" ", 1) for line in block.splitlines()]
               for block in re.findall(r"```transcript\n(.*?)```", TEXT, re.S)]
INTERFACE = schema.Interface(read("lib/wire/io.pysb.sandbox.varlink"))


class Wire:
    """One connection, which knows nothing of the protocol but NUL."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(harness.PATIENCE)
        self.socket.connect(address)
        self.bytes = b""

    def send(self, message):
        self.socket.sendall(message.encode() + b"\0")

    def receive(self):
        while b"\0" not in self.bytes:
            data = self.socket.recv(1 << 16)
            if not data:
                return "closed"
            self.bytes += data
        message, self.bytes = self.bytes.split(b"\0", 1)
        return json.loads(message)


class Names:
    """What the placeholders with a name stand for, in one transcript."""

    def __init__(self):
        self.values = {}

    def fill(self, message):
        return re.sub(f'"{ANY}(\\w+)"', lambda m: json.dumps(self.values[m[1]]), message)

    def problem(self, said, came, where="message"):
        """None if what came is what the transcript says, else where it differs."""
        if said == ANY:
            return None
        if isinstance(said, str) and said.startswith(ANY):
            if self.values.setdefault(said[1:], came) == came:
                return None
        elif isinstance(said, dict) and isinstance(came, dict):
            return self.problem_of_object(said, came, where)
        elif isinstance(said, list) and isinstance(came, list):
            return self.problem_of_array(said, came, where)
        elif (type(said), said) == (type(came), came):
            return None
        return f"{where}: {json.dumps(came)[:2000]} instead of {json.dumps(said, ensure_ascii=False)}"

    def problem_of_object(self, said, came, where):
        missing, more = set(said) - {ANY} - set(came), set(came) - set(said)
        if missing or (more and ANY not in said):
            return f"{where}: without {sorted(missing)}, with {sorted(more)}: {json.dumps(came)[:2000]}"
        found = (self.problem(said[key], came[key], f"{where}.{key}") for key in said if key != ANY)
        return next((p for p in found if p), None)

    def problem_of_array(self, said, came, where):
        rest = said[-1:] == [ANY]
        said = said[:-1] if rest else said
        if len(came) < len(said) or (len(came) > len(said) and not rest):
            return f"{where}: {len(came)} elements instead of {len(said)}"
        found = (self.problem(a, b, f"{where}[{n}]") for n, (a, b) in enumerate(zip(said, came)))
        return next((p for p in found if p), None)


class Replay(harness.OnOneDaemon):
    def replay(self, transcript):
        wires, names = {}, Names()
        for sign, text in transcript:
            line = sign.strip("<>")[0]
            if line not in wires:
                wires[line] = Wire(self.daemon.address)
                self.addCleanup(wires[line].socket.close)
            wire = wires[line]
            if sign.endswith(">"):
                wire.send(names.fill(text))
            else:
                said = text if text == "closed" else json.loads(text)
                self.assertIsNone(names.problem(said, wire.receive()), text)

    def test_there_are_some(self):
        """each line of a transcript has a direction and a message"""
        self.assertGreater(len(TRANSCRIPTS), 5)
        for transcript in TRANSCRIPTS:
            for sign, text in transcript:
                self.assertIn(sign, ("-->", "<--", "==>", "<=="), text)

    def test_it_bites(self):
        """a transcript that is wrong is found"""
        for said, came in (({"a": 1}, {"a": 2}), ({"a": 1}, {"a": 1, "b": 1}), ({"a": 1, ANY: ANY}, {"b": 1}),
                           ([1], [1, 2]), ([1, 2], [1]), (True, 1), ("closed", {}),
                           ({"a": f"{ANY}x", "b": f"{ANY}x"}, {"a": 1, "b": 2})):
            self.assertIsNotNone(Names().problem(said, came), f"{said} {came}")
        self.assertIsNone(Names().problem({"a": [1, ANY], ANY: ANY}, {"a": [1, 2], "b": 3}))


class Coverage(unittest.TestCase):
    def test_methods(self):
        """each method of the interface is in a transcript"""
        sent = [json.loads(text) for t in TRANSCRIPTS for sign, text in t
                if sign.endswith(">") and text.startswith("{")]
        called = {m["method"].rpartition(".")[2] for m in sent if m["method"].startswith(INTERFACE.name)}
        self.assertFalse(set(INTERFACE.methods) - called)

    def test_errors(self):
        """each error of the interface is in a transcript, or in the table of those that are not"""
        seen = set(re.findall(rf'"error": "{INTERFACE.name}\.(\w+)"', TEXT))
        section = TEXT.split("## Not in a transcript")[1].split("\n## ")[0]
        excused = set(re.findall(r"^\| (\w+) \|", section, re.M)) - {"Error"}
        self.assertEqual(seen | excused, set(INTERFACE.errors))
        self.assertFalse(seen & excused)


def add(number, transcript):
    def test(self):
        self.replay(transcript)
    test.__doc__ = f"transcript {number}: {transcript[0][1][:60]}"
    setattr(Replay, f"test_transcript_{number:02}", test)


for position, lines in enumerate(TRANSCRIPTS, 1):
    add(position, lines)


if __name__ == "__main__":
    tap.run(Coverage, Replay)

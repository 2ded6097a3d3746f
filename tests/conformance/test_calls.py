#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each method and each error of the interfaces: from C, from Python, blocking and not, and with varlinkctl. What
is called is in calls.py; what comes must be what the interface texts say, to the letter."""

import asyncio
import contextlib
import inspect
import json
import os
import subprocess
import sys
import unittest
from unittest import mock

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import calls
import clients
import harness
import pysb
import schema
import service
import tap


def read(name):
    with open(f"{clients.SOURCE}/lib/wire/{name}.varlink", encoding="utf-8") as file:
        return schema.Interface(file.read())


INTERFACES = {name: read(name) for name in (calls.SANDBOX, calls.MANAGER, calls.VARLINK)}


def shape(kind, name):
    """What the text says of a method's reply, or of an error's parameters; None is for what is in no text."""
    interface, _, member = name.rpartition(".")
    members = getattr(INTERFACES[interface], kind)
    return members[member][1] if kind == "methods" else members[member]


def run_as(uid, command, environment):
    """The status and both streams. Whoever it is may read our programs, wherever they lie."""
    if uid is not None:
        command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                   "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", *command]
    run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=harness.PATIENCE, check=False)
    return run.returncode, run.stdout, run.stderr


class C:
    """A program that calls pysb_call(), or pysb_attach()."""

    @staticmethod
    def ask(address, row, parameters):
        """The name of the error or None, and the parameters of what came; None if they are not to be had."""
        method = f"{row.method}!" if row in calls.ERRORS else row.method
        status, stdout, stderr = run_as(row.uid, [f"{harness.BUILD}/tests/conformance/c-call", f"unix:{address}",
                                                  method, json.dumps(parameters)], dict(os.environ))
        if status == 2:
            name, _, text = stdout.partition(" ")
            return name, json.loads(text)
        assert status == 0, f"{status}: {stdout}{stderr}"
        return None, json.loads(stdout)


class Varlinkctl:
    """systemd's program. Its answers are one document each."""

    @staticmethod
    def ask(address, row, parameters):
        more = ["--more"] if row.method.endswith(".Attach") and row in calls.METHODS else []
        status, stdout, stderr = run_as(row.uid, [clients.VARLINKCTL, "--json=short", *more, "call",
                                                  f"unix:{address}", row.method, json.dumps(parameters)],
                                        clients.foreign_environment())
        last = (stdout.replace("\x1e", "").splitlines() or ["{}"])[-1]
        if status == 0:
            return None, json.loads(last)
        name = stderr.strip().rpartition(" ")[2]
        assert "." in name, f"{status}: {stdout}{stderr}"
        return name, json.loads(last)


class Python:
    """The client that blocks: a method by its function, an error by whatever is raised."""

    @staticmethod
    def carry_out(make, function, parameters):
        with make() as client:
            answer = function(client, parameters)
            if isinstance(answer, pysb.Stream):
                answer.wait()
            elif inspect.isgenerator(answer):
                list(answer)

    @classmethod
    def ask(cls, address, row, parameters):
        sent = []
        with contextlib.ExitStack() as stack:
            encode = pysb._wire.encode
            stack.enter_context(mock.patch.object(pysb._wire, "encode", lambda method, *rest: sent.append(
                method if "." in method else f"{calls.SANDBOX}.{method}") or encode(method, *rest)))
            if row.uid is not None:
                stack.enter_context(service.identity(row.uid))
            try:
                if row in calls.METHODS:
                    manager = row.method.startswith(calls.MANAGER)
                    cls.carry_out(cls.maker(address, manager), calls.PYTHON[row.method], parameters)
                else:
                    cls.carry_out(cls.maker(address, False), lambda c, p: c.call(row.method, p), parameters)
            except pysb.ProtocolError as e:
                assert type(e) is pysb.errors.PROTOCOL_ERRORS[e.name], type(e)
                return e.name, e.parameters
            finally:
                assert row.method in sent, f"{row.method} was not called, but {sent}"
        return None, None

    @staticmethod
    def maker(address, manager):
        return lambda: (pysb.Manager if manager else pysb.Client)(f"unix:{address}", timeout=harness.PATIENCE)


class Asyncio(Python):
    """The same for the other client."""

    @staticmethod
    def carry_out(make, function, parameters):
        async def run():
            async with make() as client:
                answer = function(client, parameters)
                if isinstance(answer, pysb.aio.Stream):
                    async with answer as stream:
                        await stream.wait()
                elif inspect.isasyncgen(answer):
                    _ = [item async for item in answer]
                else:
                    await answer
        asyncio.run(run())

    @staticmethod
    def maker(address, manager):
        return lambda: (pysb.AsyncManager if manager else pysb.AsyncClient)(
            f"unix:{address}", timeout=harness.PATIENCE)


class Calls(unittest.TestCase):
    worlds = {}

    @classmethod
    def tearDownClass(cls):
        for kind, world in cls.worlds.items():
            status = world.stop()
            assert status == 0, f"pysbd of {kind} exited with {status} at the end"

    def make(self, speaker, row):
        if speaker is Varlinkctl and clients.UNAVAILABLE:
            self.skipTest(clients.UNAVAILABLE)
        if row.uid is not None and service.reason_not_to():
            self.skipTest(service.reason_not_to())
        if row.world not in self.worlds:
            self.worlds[row.world] = row.world()
        world = self.worlds[row.world]
        self.addCleanup(world.clean)
        return speaker.ask(world.address, row, row.parameters(world))

    def judge_method(self, speaker, row):
        error, reply = self.make(speaker, row)
        self.assertIsNone(error, reply)
        self.judge(row, "methods", reply)

    def judge_error(self, speaker, row):
        error, parameters = self.make(speaker, row)
        self.assertEqual(error, row.name, parameters)
        self.judge(row, "errors", parameters)

    def judge(self, row, kind, came):
        if came is not None:
            interface = INTERFACES[row.name.rpartition(".")[0]]
            self.assertEqual(interface.problems(shape(kind, row.name), came, row.name), [], came)


class Coverage(unittest.TestCase):
    def expected(self, kind):
        return {f"{name}.{member}" for name, interface in INTERFACES.items() for member in getattr(interface, kind)}

    def test_methods(self):
        """calls.py has each method of the interface texts, and how Python calls it"""
        rows = [row.name for row in calls.METHODS]
        self.assertEqual(set(rows), self.expected("methods"))
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual(set(calls.PYTHON), self.expected("methods"))

    def test_errors(self):
        """calls.py has each error of the interface texts"""
        rows = [row.name for row in calls.ERRORS]
        self.assertEqual(set(rows) | calls.UNREACHABLE, self.expected("errors"))
        self.assertEqual(len(rows), len(set(rows)))
        self.assertFalse(calls.UNREACHABLE & set(rows))


def add(judge, number, speaker, row):
    def test(self):
        judge(self, speaker, row)
    test.__doc__ = f"{row.name} from {speaker.__name__}"
    setattr(Calls, f"test_{judge.__name__}_{number:02}_{speaker.__name__}", test)


for position, one in enumerate(calls.METHODS):
    for way in (C, Varlinkctl, Python, Asyncio):
        add(Calls.judge_method, position, way, one)
for position, one in enumerate(calls.ERRORS):
    for way in (C, Varlinkctl, Python, Asyncio):
        add(Calls.judge_error, position, way, one)


if __name__ == "__main__":
    tap.run(Coverage, Calls)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that are started with standard input, output or error closed, as `>&-` does: no connection becomes
the place that an untrusted program's output goes to."""

import os
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

CALL = ('{"method":"io.pysb.sandbox.Submit","parameters":{"request":{"code":"1","labels":{"injected":"1"},'
        '"retainUSec":600000000}}}\0')
PRINTS = f"import sys\nfor stream in (sys.stdout, sys.stderr):\n    print({CALL!r}, end='', file=stream, flush=True)"
NOT_ACCEPTED = 125  # exit-status.h
CLOSED = (">&-", "2>&-", "<&-", "<&- >&- 2>&-")
WRITES = f"for fd in (0, 1, 2):\n    try:\n        os.write(fd, {CALL.encode()!r})\n    except OSError:\n        pass\n"

SYNC = f"""
import os, sys, pysb
with pysb.Client(sys.argv[1]) as client:
    client.who_am_i()
    {WRITES.replace(chr(10), chr(10) + '    ')}
    client.run('1')
"""
ASYNC = f"""
import asyncio, os, sys, pysb.aio
async def main():
    async with pysb.aio.Client(sys.argv[1]) as client:
        await client.who_am_i()
        {WRITES.replace(chr(10), chr(10) + '        ')}
        await client.run('1')
asyncio.run(main())
"""
EMBEDDED = f"""
import os, pysb
with pysb.Client(embedded=True) as client:
    client.who_am_i()
    {WRITES.replace(chr(10), chr(10) + '    ')}
    assert client.run('6 * 7').value == 42
    assert not list(client.jobs(labels={{'injected': '1'}}))
"""


class Closed(harness.OnOneDaemon):
    def run_closed(self, command, closed, environment=None):
        shell = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command]
        return harness.run(shell, environment or self.daemon.tree.environment)

    def assert_lost(self, run, closed):
        """PRINTS writes to both."""
        self.assertEqual(run.status, 0 if closed == "<&-" else NOT_ACCEPTED, f"{closed}: {run}")
        if "2>&-" not in closed and run.status != 0:
            self.assertIn("Cannot write the output: Bad file descriptor.", run.stderr, closed)

    def assert_not_injected(self, closed):
        self.assertEqual(list(self.client.jobs(labels={"injected": "1"})), [], closed)

    def test_pysbctl(self):
        """the output of a program is no call of pysbctl's user; what cannot be written is an error"""
        for closed in CLOSED:
            run = self.run_closed(self.daemon.command("-c", PRINTS), closed)
            self.assert_lost(run, closed)
            self.assert_not_injected(closed)

    def test_pysbctl_embedded(self):
        """nor with a daemon of its own, whose output goes where it can"""
        tree = self.daemon.tree
        for closed in CLOSED:
            run = self.run_closed([tree.pysbctl, "submit", "--embedded", "-c", PRINTS], closed)
            self.assert_lost(run, closed)
            if closed == "<&-":
                self.assertEqual(run.stdout, CALL.encode())

    def test_nothing_to_write(self):
        """who writes nothing does not need it"""
        for closed in CLOSED:
            run = self.run_closed(self.daemon.command("-c", "1"), closed)
            self.assertEqual(run.status, 0, f"{closed}: {run}")

    def test_verbs(self):
        """of whatever verb: nothing to stdout is no success"""
        for verb, *options in ("submit", "--json", "-c", "1"), ("submit", "--result", "-e", "1"), ("status",):
            run = self.run_closed(self.daemon.command(*options, verb=verb), ">&-")
            self.assert_lost(run, verb)

    def test_python(self):
        """what a program that uses the Python client writes to a closed descriptor is no call"""
        library = os.path.dirname(os.path.dirname(harness.pysb.__file__))
        environment = {**self.daemon.tree.environment, "PYTHONPATH": library}
        for code in (SYNC, ASYNC, EMBEDDED):
            for closed in CLOSED:
                run = self.run_closed([sys.executable, "-c", code, f"unix:{self.daemon.address}"], closed,
                                      environment)
                self.assertEqual(run.status, 0, f"{closed}: {run}")
                self.assert_not_injected(closed)


class ClosedDaemon(harness.Daemon):
    def command_line(self):
        return ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *super().command_line()]


class Daemon(unittest.TestCase):
    def test_daemon(self):
        """pysbd, its broker and its runner have /dev/null there"""
        daemon = ClosedDaemon(harness.build_tree())
        try:
            with daemon.client() as client:
                self.assertEqual(client.run("6 * 7").value, 42)
            ours = [p for p in harness.descendants(daemon.process.pid) if p.nested_pid is None]
            self.assertGreaterEqual(len(ours), 2)
            for pid in (daemon.process.pid, *(p.pid for p in ours)):
                for fd in range(3):
                    self.assertEqual(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null", f"{fd} of {pid}")
        finally:
            self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    tap.run(Closed, Daemon)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The private daemon of the Python client: nothing that becomes of a call takes it from the client."""

import asyncio
import os
import sys
import tempfile
import unittest

sys.path[1:1] = [os.path.dirname(os.path.dirname(os.path.realpath(__file__)))]
sys.path[2:2] = [os.path.join(os.path.dirname(sys.path[1]), "lib/python")]
import harness
import tap
import pysb
from pysb import errors

SPIN = "print('ready', flush=True)\nwhile True: pass"
ASK = {"code": "import tools\ntools.one()", "profile": "agent"}


class PrivateDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ.update(harness.build_tree().environment)

    def test_second_stream(self):
        """a thread has several streams of a private daemon at once"""
        with pysb.Client(embedded=True, timeout=harness.PATIENCE) as c:
            with c.stream(SPIN), c.stream("print(1)") as second:
                self.assertEqual(second.wait().stdout.text, "1\n")
                self.assertEqual(c.run("1").value, 1)

    def test_timeouts(self):
        """calls whose time is over leave a private daemon as it was"""
        with pysb.Client(embedded=True) as c:
            for _ in range(3):
                c._pool.timeout = 0.1
                self.assertRaises(errors.Timeout, c.run, SPIN)
            c._pool.timeout = harness.PATIENCE
            self.assertEqual(c.run(**ASK, tools={"one": lambda: 1}).value, 1)

    def test_close_with_stream(self):
        """close() ends a private daemon that runs a job"""
        with pysb.Client(embedded=True, timeout=harness.PATIENCE) as c:
            stream = c.stream(SPIN)
            next(stream)
            process = c._pool.daemon.process
        self.assertEqual(process.returncode, 0)

    def test_nobody_else(self):
        """a private daemon has no name by which others could find it"""
        with tempfile.TemporaryDirectory() as directory:
            before, tempfile.tempdir = tempfile.tempdir, directory
            try:
                with pysb.Client(embedded=True) as c:
                    self.assertEqual(c.run("1").value, 1)
                    self.assertEqual(os.listdir(directory), [])
            finally:
                tempfile.tempdir = before

    def test_cancelled_tasks(self):
        """tasks that are cancelled leave a private daemon as it was"""
        async def go(c):
            for _ in range(3):
                task = asyncio.ensure_future(c.run(SPIN))
                while not [job async for job in c.jobs(["running"])]:
                    pass
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                while [job async for job in c.jobs(["running"])]:
                    pass
            self.assertEqual((await c.run(**ASK, tools={"one": lambda: 1})).value, 1)

        async def with_client():
            async with pysb.AsyncClient(embedded=True, timeout=harness.PATIENCE) as c:
                await go(c)
        asyncio.run(with_client())


if __name__ == "__main__":
    tap.run(PrivateDaemon)

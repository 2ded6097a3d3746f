#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a job was denied is named in its result: among the violations, and by the message in words."""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import harness
import tap

LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\n"
NETWORK = "socket() is not available: the profile has no network"
MOUNTS = "mount() is not available: the mounts of a sandbox stay as they are"
PROCESSES = "fork() is not available: the profile has no processes"
PROGRAMS = "execve() is not available: no program can be started in a sandbox"

# Profile, program, outcome, what the violations name, and what the message ends with
CASES = (
    ("default", "import socket\nsocket.socket()", "exception", "socket", NETWORK),
    ("eval", "import os\nos.fork()", "rejected", "os.fork", PROCESSES),
    ("raw", LIBC + "libc.mount(b'a', b'/tmp', b'tmpfs', 0, None)", "success", "mount", MOUNTS),
    ("eval", "from socket import socket as s\ns()", "rejected", "socket.socket", NETWORK),
    ("default", "import os\nos.fork()", "exception", "fork", PROCESSES),
    ("raw", "import subprocess\nsubprocess.run(['ls'])", "exception", "execve", PROGRAMS),
    ("default", "import os\ntry: os.execv('/x', ['x'])\nexcept OSError: os._exit(3)", "exit_nonzero", "execve",
     "exited with code 3; " + PROGRAMS),
    ("loopback", "import socket\nsocket.socket(socket.AF_PACKET)", "exception", "socket",
     "socket() is not available: the profile has nothing but 127.0.0.1 and ::1"),
    ("raw", LIBC + "libc.unshare(0)\nlibc.ptrace(0, 0, 0, 0)", "success", "ptrace",
     "unshare() is not available: a sandbox makes and enters no namespaces; "
     "ptrace() is not available: no process looks into another one"),
    ("default", "import os\nos.memfd_create('x')", "exception", "memfd_create",
     "memfd_create() is not available: a sandbox has no memory that no limit counts"),
)
# What is no denial has no such sentence, and what nobody asked for is not worth one
SILENT = (
    ("default", "print(1)", "success"),
    ("default", "raise ValueError('Operation not possible')", "exception"),
    ("default", "import socket\ntry: socket.socket()\nexcept OSError: pass\nraise ValueError('x')", "exception"),
    ("default", "import os\ntry: os.memfd_create('x')\nexcept OSError: pass", "success"),
    ("default", "import asyncio, threading\nasyncio.run(asyncio.sleep(0))\n"
                "t = threading.Thread(target=print)\nt.start(); t.join()", "success"),
)


class Denied(harness.OnOneDaemon):
    def test_named(self):
        """each denied call is named by a violation and by the message"""
        for profile, code, outcome, subject, end in CASES:
            with self.subTest(profile=profile, code=code):
                result = self.client.run(code, profile=profile)
                self.assertEqual(result.outcome, outcome, result)
                self.assertIn(subject, [violation.subject for violation in result.violations])
                self.assertTrue(result.message.endswith(end), result.message)

    def test_silent(self):
        """nothing is said of it where it is not the matter"""
        for profile, code, outcome in SILENT:
            with self.subTest(profile=profile, code=code):
                result = self.client.run(code, profile=profile)
                self.assertEqual(result.outcome, outcome, result)
                self.assertNotIn("is not available", result.message or "")


if __name__ == "__main__":
    tap.run(Denied)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.varlink.certification: foreign clients against a server of our codec, and our client against a
foreign server."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(2, os.path.join(sys.path[1], "e2e"))
import clients
import tap
from harness import poll_until

GO = shutil.which("varlink-go-certification")
SERVER = f"{clients.BUILD}/tests/conformance/certification-server"
CLIENT = f"{clients.BUILD}/tests/conformance/certification-client"

# A client of python-varlink that passes on what it gets, with its checks of types
PYTHON_CLIENT = """
import sys, varlink
with varlink.Client(address="unix:" + sys.argv[1]) as client, \\
        client.open("org.varlink.certification", namespaced=True) as c:
    i = c.Start().client_id
    r = c.Test01(i)
    r = c.Test02(i, r.bool)
    r = c.Test03(i, r.int)
    r = c.Test04(i, r.float)
    r = c.Test05(i, r.string)
    r = c.Test06(i, r.bool, r.int, r.float, r.string)
    r = c.Test07(i, {"bool": r.struct.bool, "int": r.struct.int, "float": r.struct.float,
                     "string": r.struct.string})
    print(vars(r))
"""


@contextlib.contextmanager
def serving(command):
    """Starts the command with a socket's path in it and yields the path."""
    with tempfile.TemporaryDirectory(prefix="pysb-conformance.", dir="/tmp") as directory:
        path = os.path.join(directory, "socket")
        process = subprocess.Popen([a.replace("PATH", path) for a in command],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

        def accepts():
            if process.poll() is not None:
                raise AssertionError(f"{command[0]} exited with {process.returncode}")
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(path) == 0

        try:
            poll_until(accepts, "the server's socket")
            yield path
        finally:
            process.kill()
            process.wait()


def exchange(path, *messages):
    """Sends raw messages in one piece and returns everything that comes back until the end."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(path)
        s.sendall(b"".join(messages))
        s.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    return answer.split(b"\0")[:-1]


class Certification(unittest.TestCase):
    @unittest.skipUnless(GO, "varlink-go is not installed")
    def test_go_client(self):
        """varlink-go's certification client passes against our server"""
        with serving([SERVER, "PATH"]) as path:
            finished = clients.run([GO, "-client", "-varlink", f"unix:{path}"])
        self.assertEqual(finished.returncode, 0, finished.stdout + finished.stderr)
        self.assertIn("End: 'true'", finished.stdout + finished.stderr)

    @unittest.skipUnless(GO, "varlink-go is not installed")
    def test_go_server(self):
        """our certification client passes against varlink-go's server"""
        with serving([GO, "-varlink", "unix:PATH"]) as path:
            finished = clients.run([CLIENT, path])
        self.assertEqual(finished.returncode, 0, finished.stdout + finished.stderr)

    def test_ourselves(self):
        """our certification client passes against our server"""
        with serving([SERVER, "PATH"]) as path:
            finished = clients.run([CLIENT, path])
        self.assertEqual(finished.returncode, 0, finished.stdout + finished.stderr)

    @unittest.skipIf(clients.UNAVAILABLE, clients.UNAVAILABLE)
    def test_python_client(self):
        """python-varlink passes values on through our server"""
        with serving([SERVER, "PATH"]) as path:
            finished = clients.python_varlink("-c", PYTHON_CLIENT, path)
        self.assertEqual(finished.returncode, 0, finished.stdout + finished.stderr)
        self.assertIn("'foo': 'Foo'", finished.stdout)

    def test_the_server_finds_a_wrong_value(self):
        """the certification server answers a wrong value with CertificationError"""
        call = {"method": "org.varlink.certification.Test02",
                "parameters": {"client_id": "client-1", "bool": False}}
        with serving([SERVER, "PATH"]) as path:
            (answer,) = exchange(path, json.dumps(call).encode() + b"\0")
        self.assertEqual(json.loads(answer)["error"],
                         "org.varlink.certification.CertificationError")

    def test_garbage_ends_only_its_connection(self):
        """garbage, duplicate keys, depth and an endless message close the connection and no other"""
        good = b'{"method":"org.varlink.certification.Start"}\0'
        bad = [
            b"\0",
            b"GET / HTTP/1.1\r\n\r\n\0",
            b'{"method":"org.varlink.service.GetInfo","method":"x.Y"}\0',
            b"[" * 1000 + b"]" * 1000 + b"\0",
            b'{"method":"org.varlink.service.GetInfo","more":true,"oneway":true}\0',
            b'{"method":"org.varlink.service.GetInfo","parameters":{"n":1e999}}\0',
            b'{"method":"org.varlink.service.GetInfo","parameters":{"s":"\xff"}}\0',
        ]
        with serving([SERVER, "PATH"]) as path:
            for message in bad:
                # What was answered before stays answered; nothing after it is
                self.assertEqual(len(exchange(path, good, message, good)), 1, message)
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                s.connect(path)
                with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                    for _ in range(6 << 6):
                        s.sendall(b" " * (1 << 16))
            self.assertEqual(len(exchange(path, good)), 1)


if __name__ == "__main__":
    tap.run(Certification)

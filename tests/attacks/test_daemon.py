#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to the daemon itself: no memory, no descriptors, the wrong files. What is killed and stopped is
tests/e2e/test_restart.py's, what is left behind tests/e2e/test_load.py's."""

import os
import resource
import select
import stat
import sys
import unittest

sys.path.insert(1, os.path.dirname(os.path.realpath(__file__)))
import clients
import flood
import harness
import service
import tap
import varlink
from clients import ALICE, BOB
from pysb import errors

MIB = 1 << 20
CROWD = 100
FEW = 300  # descriptors: a box must be able to have 256


def address_space(pid):
    return int(harness.Process(pid).fields["VmSize"].split()[0]) * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Limited(service.Service):
    """A service that begins with less than it may have by prlimit(1)."""

    def __init__(self, *limits):
        self.limits = limits
        super().__init__()

    def inside(self, command):
        return super().inside(["prlimit", *self.limits, *command] if self.limits else command)


@unittest.skipIf(service.reason_not_to(), service.reason_not_to())
class Daemon(unittest.TestCase):
    def start(self, *limits):
        self.daemon = Limited(*limits)
        self.broker = flood.broker_of(self.daemon).pid
        self.addCleanup(self.stop)

    def stop(self):
        self.assertEqual(self.daemon.stop(), 0)

    def serves(self):
        with self.daemon.connect(BOB) as connection:
            self.assertEqual(connection.call("Run", request={"code": "1"})["result"]["outcome"], "success")

    def crowd(self, request):
        """Many connections that send the same at once: what each hears, None if it was closed."""
        connections, answers = [], []
        try:
            for n in range(CROWD):
                connections.append(self.daemon.connect(ALICE + n % 2))
                connections[-1].socket.setblocking(False)
            message = flood.message("Run", request)
            rest = {c: message for c in connections}
            while rest:
                select.select([], [c.socket for c in rest], [], harness.PATIENCE)
                for connection in list(rest):
                    try:
                        rest[connection] = rest[connection][connection.socket.send(rest[connection]):]
                    except BlockingIOError:
                        continue
                    except OSError:
                        rest[connection] = b""
                    if not rest[connection]:
                        del rest[connection]
            for connection in connections:
                connection.socket.settimeout(harness.PATIENCE)
                try:
                    answers.append(connection.receive()["result"]["outcome"])
                except varlink.Refused as e:
                    answers.append(e.name)
                except (errors.PysbError, OSError):
                    answers.append(None)
        finally:
            for connection in connections:
                connection.close()
        return answers

    @unittest.skipIf(harness.SANITIZED, "a sanitizer's address space has no bound that means something")
    def test_memory(self):
        """DR-04a R-R4 no memory: a broker that gets no more refuses or closes, ends nothing, and serves again"""
        self.start(f"--as={96 * MIB}:")
        answers = self.crowd({"code": "#" * 900_000 + "\n1", "limits": {"sourceBytes": MIB}})
        self.assertLessEqual(set(answers), {None, "success", "QueueFull", "QuotaExceeded", "TooLarge", "memory_limit", "internal_error", "wall_time_limit"}, answers)
        self.assertTrue(harness.is_alive(self.broker))
        self.serves()

    def test_files(self):
        """DR-05a R-R4 a full disk: the daemon has no file that it could write to, but for its log"""
        self.start()
        self.serves()
        for process in (harness.Process(self.daemon.process.pid), *harness.descendants(self.daemon.process.pid)):
            for name in os.listdir(f"/proc/{process.pid}/fd"):
                path = f"/proc/{process.pid}/fd/{name}"
                with open(f"/proc/{process.pid}/fdinfo/{name}", encoding="ascii") as file:
                    flags = int(file.read().split("flags:")[1].split()[0], 8)
                target = os.readlink(path)
                if flags & os.O_ACCMODE != os.O_RDONLY and stat.S_ISREG(os.stat(path).st_mode):
                    self.assertTrue(target.startswith("/memfd:") or target.endswith("/log"), (process.fields["Name"], target))

    def test_descriptors(self):
        """DR-07a R-R4 no descriptors: a daemon that may have few lets others wait, does not spin, and recovers"""
        self.start(f"--nofile={FEW}:{FEW}")
        self.serves()
        held = [self.daemon.connect(ALICE + n % 4) for n in range(400)]
        try:
            used = cpu_seconds(self.broker)
            select.select([], [], [], 2)
            self.assertLess(cpu_seconds(self.broker) - used, 1, "it spins")
            self.assertLessEqual(len(os.listdir(f"/proc/{self.broker}/fd")), FEW)
            held[0].call("GetNode")
            for _ in range(5):
                try:
                    result = held[0].call("Run", request={"code": "print('it ran')"})["result"]
                    self.assertIn(result["outcome"], ("success", "internal_error", "lost"), result)
                    self.assertEqual(result["outcome"] == "success", "it ran" in str(result.get("stdout")), result)
                except varlink.Refused as e:
                    self.assertIn(e.name, ("QueueFull", "QuotaExceeded"))
        finally:
            for connection in held:
                connection.close()
        self.serves()

    def test_many_jobs_without_descriptors(self):
        """DR-07k R-R4 no descriptors: boxes for which the builder has none are refused whole, and the others run"""
        self.start(f"--nofile={FEW}:{FEW}")
        self.serves()
        code = "print('it ran')\nimport time\ntime.sleep(0.2)"
        connections = [self.daemon.connect(ALICE + n % 4) for n in range(230)]
        try:
            for connection in connections:
                connection.send("Run", {"request": {"code": code}})
            for connection in connections:
                try:
                    result = connection.receive()["result"]
                    self.assertIn(result["outcome"], ("success", "internal_error", "lost"), result)
                    self.assertEqual(result["outcome"] == "success", "it ran" in str(result.get("stdout")), result)
                except (varlink.Refused, errors.PysbError):
                    pass
        finally:
            for connection in connections:
                connection.close()
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the boxes")
        self.serves()

    def test_teardown(self):
        """DR-14a R-R7 slow work of the kernel: while a job of half a GiB is torn down, others are served"""
        self.start()
        code = "x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nprint('ready', flush=True)\nimport time\ntime.sleep(60)"
        with self.daemon.connect(BOB) as bob:
            with self.daemon.connect(ALICE) as big:
                big.run(code=code, limits={"memoryBytes": 600 * MIB, "wallTimeUSec": 60_000_000})
                while big.receive()["event"]["kind"] != "output":
                    pass
            # Its client has gone: it is killed now
            bob.call("Run", request={"code": "1"})
        harness.poll_until(lambda: not self.daemon.boxed(), "the end of the box")
        self.serves()

    def test_configuration(self):
        """DR-12a R-R9 dangerous configuration: each is refused by file and line, before anybody is served"""
        self.start()
        refused = {
            "ids of users": {"pysbd": "[ids]\nfirst = 0\n"},
            "ids of login users": {"pysbd": "[ids]\nfirst = 1000\ncount = 65536\n"},
            "ids beyond the last": {"pysbd": "[ids]\nfirst = 4294967290\ncount = 100\n"},
            "an unknown key": {"pysbd": "seccomp = false\n"},
            "an unknown table": {"pysbd": "[filter]\nallow = []\n"},
            "two tenants with one uid": {"pysbd": "", "tenants": "[a]\nuids = [2001]\n[b]\nuids = [2001]\n"},
            "a profile that is none": {"pysbd": "", "tenants": "[a]\nuids = [2001]\nprofiles = [\"nothing\"]\n"},
            "a default that is none": {"pysbd": 'default_profile = "../x"\n', "tenants": ""},
            "no TOML": {"pysbd": "x = = 1\n"},
        }
        for name, texts in refused.items():
            with self.subTest(name):
                said = self.daemon.check(**texts)
                self.assertNotEqual(said.status, 0, said)
                self.assertRegex(said.stderr + said.stdout.decode(), r"\.toml(:\d+)?: ")
        self.assertEqual(self.daemon.check(pysbd="", tenants="").status, 0)

    def test_a_directory_for_everybody(self):
        """DR-12k R-R9 dangerous configuration: who can write into /etc/pysb is no operator"""
        self.start()
        first = self.daemon.boxes.start
        for change in ("chmod 777 /etc/pysb", "chmod 666 /etc/pysb/pysbd.toml", f"chown {BOB} /etc/pysb/tenants.toml",
                       "mkdir -m 777 /etc/pysb/profiles", f"echo x:x:{first + 8}:5::/:/bin/sh >>/etc/passwd", f"echo x:{first - 100}:400 >/etc/subuid"):
            with self.subTest(change):
                command = self.daemon.inside(["sh", "-c", f"{change}; exec '{self.daemon.tree.pysbd}' --check"])
                said = harness.run(command, self.daemon.tree.environment)
                self.assertNotEqual(said.status, 0, said)
                self.assertRegex(said.stderr, "must belong to root|are among those of the sandboxes")


if __name__ == "__main__":
    tap.run(Daemon)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is attacked: a daemon of the host, embedded, or the service inside the machine of tests/vm. Both run the same
programs in the same profiles."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(1, os.path.join(HERE, "../e2e"))
sys.path.insert(1, os.path.join(HERE, ".."))
import attack
import filesystem
import harness
import information
import network
import pysb

SHIPPED = ("default", "eval")
KNOBS = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory")


def profile_of(mode):
    """raw is not granted to users of a service."""
    return mode if mode in SHIPPED else f"attack-{mode}"


def knobs():
    """What a program could have changed if nothing had held it."""
    values = {}
    for path in KNOBS:
        with open(path, encoding="utf-8") as file:
            values[path] = file.read()
    return values


class Canaries:
    """On the host, as the programs look for them: a file that everybody may read, and somebody who listens."""

    def __init__(self):
        with open(filesystem.CANARY, "w", encoding="ascii") as file:
            file.write("canary\n")
        os.chmod(filesystem.CANARY, 0o644)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(network.ABSTRACT_CANARY)
        self.listener.listen()
        self.listener.setblocking(False)

    def visitors(self):
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return 0
        return 1 + self.visitors()

    def remove(self):
        self.listener.close()
        os.unlink(filesystem.CANARY)


class Embedded:
    """A daemon of our own, as root or as an ordinary user."""

    def __init__(self, user=None):
        self.directory = tempfile.mkdtemp(prefix="pysb-attacks.", dir="/tmp")
        tree = harness.copied_tree(self.directory, user)
        for entry in os.scandir(f"{harness.BUILD}/profiles"):
            if entry.name.endswith(".toml"):  # what is extended
                shutil.copy(entry.path, f"{self.directory}/profiles")
        shutil.copytree(f"{harness.BUILD}/profiles/groups", f"{self.directory}/profiles/groups")
        operators = shutil.copytree(os.path.join(HERE, "profiles"), f"{self.directory}/operators")
        os.chmod(operators, 0o755)
        tree.environment["PYSB_OPERATOR_PROFILES"] = operators
        name, value = information.ENVIRONMENT_CANARY
        tree.environment[name] = value
        self.daemon = harness.Daemon(tree)
        self.pid = self.daemon.process.pid

    def client(self):
        return self.daemon.client()

    def boxed(self):
        return self.daemon.boxed()

    def dump_plan(self, profile):
        tree = self.daemon.tree
        return harness.run([tree.pysbd, "--dump-plan", profile], tree.environment).stdout.decode()

    def stop(self):
        status = self.daemon.stop()
        shutil.rmtree(self.directory)
        assert status == 0, f"pysbd exited with {status} at the end"


class Service:
    """The installed service, whose profiles are in /etc/pysb."""

    ADDRESS = "unix:/run/pysb/io.pysb.sandbox"
    CGROUP = "/sys/fs/cgroup/system.slice/pysbd.service"

    def __init__(self):
        self.pid = self.main_pid()

    @staticmethod
    def main_pid():
        return int(subprocess.check_output(["systemctl", "show", "--value", "-pMainPID", "pysbd.service"]))

    def client(self):
        return pysb.Client(self.ADDRESS, timeout=harness.PATIENCE)

    def processes(self):
        """All of the unit's: to look through those of the whole machine takes longer than a program."""
        for directory, _, _ in os.walk(self.CGROUP):
            try:
                with open(f"{directory}/cgroup.procs", encoding="ascii") as file:
                    pids = file.read().split()
            except OSError:
                continue  # it ended meanwhile
            for pid in pids:
                try:
                    yield harness.Process(int(pid))
                except (OSError, KeyError):
                    pass

    def boxed(self):
        return [p for p in self.processes() if p.nested_pid is not None and not p.is_spare()]

    def templates(self):
        return [p for p in self.processes() if p.command_line()[0] == b"pysb-runner" and p.nested_pid is None]

    @staticmethod
    def dump_plan(profile):
        return subprocess.check_output(["/usr/libexec/pysb/pysbd", "--dump-plan", profile]).decode()

    def stop(self):
        assert self.main_pid() == self.pid, "the service has been restarted"


def make():
    return Service() if attack.IS_SERVICE else Embedded()

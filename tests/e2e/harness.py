# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the end-to-end tests share: a daemon of their own, its Python client, jobs by pysbctl, and a look
at the processes from outside. Standard library only."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

# The client that these tests are written with
sys.path.insert(2, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../lib/python"))
import pysb

BUILD = os.environ["PYSB_BUILD_ROOT"]
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who ignores it makes his children do so, too
SANITIZED = os.environ.get("PYSB_SANITIZED") == "1"
# What a sanitizer keeps of what was freed, so that who uses it is found: no leak
QUARANTINE_BYTES = 256 << 20 if SANITIZED else 0
# How long a correct run may take on a busy machine, in seconds: a bound for hangs, not a measure
PATIENCE = 300


def poll_until(condition, what, seconds=PATIENCE):
    """Asks again and again; raises naming what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        select.select([], [], [], 0.01)


class Tree:
    """Where the programs are: the build tree, or a copy that every user can read."""

    def __init__(self, bin_dir, daemon_dir, profiles, libraries=None, user=None):
        self.user = user
        self.pysbctl = os.path.join(bin_dir, "pysbctl")
        self.pysbd = os.path.join(daemon_dir, "pysbd")
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "PYSBD": self.pysbd,
            "PYSB_PROFILE_PATH": profiles,
        }
        if libraries:
            self.environment["LD_LIBRARY_PATH"] = libraries
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS") or name == "LLVM_PROFILE_FILE":
                self.environment[name] = value

    def as_user(self, command):
        if self.user is None:
            return command
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups",
                "--inh-caps=-all", *command]


def build_tree():
    return Tree(f"{BUILD}/client", f"{BUILD}/daemon", f"{BUILD}/profiles")


def copied_tree(directory, user):
    """Copies the programs where an ordinary user may read them."""
    os.chmod(directory, 0o755)
    for name in ("client/pysbctl", "daemon/pysbd", "daemon/pysbd-broker", "daemon/pysb-runner"):
        shutil.copy(f"{BUILD}/{name}", directory)
    for entry in os.scandir(f"{BUILD}/lib/pysb"):
        if entry.name.startswith("libpysb.so") and entry.is_file():
            shutil.copy(entry.path, os.path.join(directory, entry.name))
    profiles = os.path.join(directory, "profiles")
    os.mkdir(profiles)
    for entry in os.scandir(f"{BUILD}/profiles"):
        if entry.name.endswith(".profile"):
            shutil.copy(entry.path, profiles)
    return Tree(directory, directory, profiles, libraries=directory, user=user)


class Finished:
    """One run of pysbctl."""

    def __init__(self, process):
        self.status = process.returncode
        self.stdout = process.stdout
        self.stderr = process.stderr.decode("utf-8", "replace")
        self.result = None
        if self.stdout.lstrip()[:1] == b"{":
            try:
                self.result = json.loads(self.stdout)
            except ValueError:
                pass

    def __str__(self):
        return f"status {self.status}\nstdout {self.stdout[-1500:]!r}\nstderr {self.stderr[-1500:]}"


class Daemon:
    """`pysbd --embedded --listen`: serves until stop()."""

    def __init__(self, tree):
        self.tree = tree
        self.directory = tempfile.mkdtemp(prefix="pysb-e2e.", dir="/tmp")
        os.chmod(self.directory, 0o777)
        self.address = os.path.join(self.directory, "socket")
        self.log = open(os.path.join(self.directory, "log"), "w+b")
        self.process = subprocess.Popen(
            self.command_line(),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=tree.environment, start_new_session=True)
        poll_until(self.accepts, "the daemon's socket")

    def command_line(self):
        return self.tree.as_user([self.tree.pysbd, "--embedded", "--listen", self.address])

    def accepts(self):
        if self.process.poll() is not None:
            raise AssertionError(f"pysbd exited with {self.process.returncode}:\n{self.read_log()}")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self.address)
            except OSError:
                return False
        return True

    def read_log(self):
        with open(self.log.name, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def stop(self):
        """Ends it in order and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.log.close()
        shutil.rmtree(self.directory)
        return status

    def client(self):
        """The Python client; close it, or use it by 'with'."""
        return pysb.Client(f"unix:{self.address}", timeout=PATIENCE)

    def manager(self):
        return pysb.Manager(f"unix:{self.address}", timeout=PATIENCE)

    def command(self, *arguments, verb="submit"):
        tree = self.tree
        return tree.as_user(
            [tree.pysbctl, *verb.split(), "--address", f"unix:{self.address}", *arguments])

    def call(self, verb, *arguments, **keywords):
        return run(self.command(*arguments, verb=verb), self.tree.environment, **keywords)

    def submit(self, code, *options, arguments=(), stdin=b""):
        """Runs code with --json; the Result is in .result."""
        command = self.command("--json", "-c", code, *options, *(["--", *arguments] if arguments else []))
        return run(command, self.tree.environment, stdin=stdin)

    def start(self, code, *options, stdin=subprocess.DEVNULL):
        """Starts pysbctl with streamed output and returns the process."""
        return subprocess.Popen(self.command("-c", code, *options), env=self.tree.environment,
                                stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def boxed(self):
        """Processes in a pid namespace below ours that descend from the daemon, and have a job."""
        return [p for p in descendants(self.process.pid) if p.nested_pid is not None and not p.is_spare()]

    def spares(self):
        """The inits of boxes that wait for a job."""
        return [p for p in descendants(self.process.pid) if p.nested_pid == 1 and p.is_spare()]

    def templates(self):
        """The warm interpreters that its boxes are forked from."""
        return [p for p in descendants(self.process.pid)
                if p.nested_pid is None and p.command_line()[0] == b"pysb-runner"]


class OnOneDaemon(unittest.TestCase):
    """Cases that share a daemon, which ends well."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(build_tree())
        cls.client = cls.daemon.client()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        status = cls.daemon.stop()
        assert status == 0, f"pysbd exited with {status} at the end"


class Process:
    """A process as /proc shows it from outside."""

    def __init__(self, pid):
        self.pid = pid
        self.fields = {}
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                name, _, value = line.partition(":")
                self.fields[name] = value.strip()
        self.parent = int(self.fields["PPid"])
        ids = self.fields["NSpid"].split()
        self.nested_pid = int(ids[1]) if len(ids) > 1 else None
        self.uids = [int(n) for n in self.fields["Uid"].split()]
        self.gids = [int(n) for n in self.fields["Gid"].split()]

    def command_line(self):
        with open(f"/proc/{self.pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")

    def is_spare(self):
        """One of a box that has no job yet; at its very begin it still has its template's name."""
        return self.fields["Name"] in ("pysb-spare", "pysb-template")

    def cgroup(self):
        """In the v2 hierarchy."""
        with open(f"/proc/{self.pid}/cgroup", encoding="utf-8") as file:
            return file.read().strip().split("0::")[-1]

    def namespace(self, kind):
        return os.readlink(f"/proc/{self.pid}/ns/{kind}")


def parents():
    """The parent of each process of the machine."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                found[int(name)] = int(file.read().rsplit(b")", 1)[1].split()[1])
        except OSError:
            pass  # it ended meanwhile
    return found


def descendants(root):
    parent_of, found, wanted = parents(), [], {root}
    while wanted:
        wanted = {pid for pid, parent in parent_of.items() if parent in wanted}
        for pid in wanted:
            try:
                found.append(Process(pid))
            except (OSError, KeyError):
                pass  # it ended meanwhile
    return found


def is_alive(pid):
    """A zombie is not: who reaps orphans on this machine is not our business."""
    try:
        return Process(pid).fields["State"][0] not in "ZX"
    except (OSError, KeyError):
        return False


def run(command, environment, stdin=b"", timeout=PATIENCE):
    return Finished(subprocess.run(command, env=environment, input=stdin, timeout=timeout,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False))


def next_event(stream, kind):
    """The next event of that kind from a pysb.Stream, without those before it."""
    for event in stream:
        if event.kind == kind:
            return event
    raise AssertionError(f"no event {kind!r} before the end: {stream.result}")


def read_until(stream, marker):
    """Reads a pipe up to a line that the program prints when it is ready."""
    text = b""
    while marker not in text:
        ready, _, _ = select.select([stream], [], [], PATIENCE)
        chunk = os.read(stream.fileno(), 4096) if ready else b""
        if not chunk:
            raise AssertionError(f"no {marker!r} in {text!r}")
        text += chunk
    return text

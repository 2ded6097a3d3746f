# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service after kill -9 of any of its processes at any moment, inside the machine: what must be gone, and what
must be as it was."""

import glob
import os
import select
import signal
import subprocess

from cgroups import is_spare, leaves
from machine import LONG, PATIENCE, RAW, client

KILLS = 8
SEED = int(os.environ.get("PYSB_KILL_SEED", "20251128"))
PROGRAMS = (b"pysbd", b"pysbd-broker", b"pysb-runner")
FORKS = "import os, signal\nos.fork()\nprint('ready', flush=True)\nsignal.pause()"


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def processes():
    """Pids of the daemon's programs, boxes included, with what they are."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        command = read(f"/proc/{name}/cmdline").split(b"\0")
        program = os.path.basename(command[0])
        if program not in PROGRAMS:
            continue
        nested = [line.split()[1:] for line in read(f"/proc/{name}/status").splitlines() if line.startswith(b"NSpid")]
        if program == b"pysbd-broker":
            kind = "broker"
        elif program == b"pysbd":
            kind = "builder"
        elif len(nested[0] if nested else ()) > 1:
            kind = "init" if nested[0][1] == b"1" else "job"
        else:
            kind = "template"
        found[int(name)] = kind
    return found


def traces():
    """What a daemon that is at rest leaves outside of its processes: leaves, namespaces of others, mounts."""
    mine = os.readlink("/proc/self/ns/user")
    foreign = []
    for path in glob.glob("/proc/[0-9]*/ns/user"):
        try:
            foreign += [path] if os.readlink(path) != mine and not is_spare(path.split("/")[2]) else []
        except OSError:
            pass  # it ended meanwhile
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = len(file.readlines())
    return len(leaves()), len(foreign), mounts


def start_job(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_line(process):
    """Its first output, or its end."""
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    assert ready, "neither output nor an end"
    os.read(process.stdout.fileno(), 4096)


def kill_one(rng, victim, n_lines):
    """Starts two jobs, waits for so many first lines, and kills; returns what was killed and the exit statuses."""
    jobs = [start_job(client("submit", "-p", RAW, "--timeout", LONG, "-c", FORKS)) for _ in range(2)]
    for job in jobs[:n_lines]:
        wait_for_line(job)
    found = processes()
    candidates = sorted(pid for pid, kind in found.items() if kind == victim)
    if not candidates:
        victim, candidates = "builder", sorted(pid for pid, kind in found.items() if kind == "builder")
    os.kill(rng.choice(candidates), signal.SIGKILL)
    for job in jobs:  # what lives on, or has only come to the service's next start
        job.send_signal(signal.SIGINT)
    return victim, [job.communicate(timeout=PATIENCE) and job.returncode for job in jobs], set(found)

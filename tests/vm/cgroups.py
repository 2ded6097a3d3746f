# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service's cgroups and processes, inside the machine."""

import glob
import os

CGROUP = "/sys/fs/cgroup/system.slice/pysbd.service"
JOBS = f"{CGROUP}/jobs"
PRESSURE = f"{CGROUP}/daemon/memory.pressure"


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def is_spare(pid):
    """Whether it is of a box that has no job yet."""
    try:
        return read(f"/proc/{pid}/comm").strip() in ("pysb-spare", "pysb-template")
    except OSError:
        return False


def members(path):
    try:
        return [int(line) for line in read(f"{path}/cgroup.procs").split()]
    except OSError:
        return []


def box_processes():
    """Processes in leaves of jobs."""
    return [pid for path in glob.glob(f"{JOBS}/*") for pid in members(path) if not is_spare(pid)]


def leaf(job):
    """The cgroup of a job that runs."""
    return "/sys/fs/cgroup" + read(f"/proc/{job.pid}/cgroup").strip().split("::")[1]


def leaves():
    """Those of jobs: a leaf is a spare box's if all that is in it is."""
    found = [path for path in glob.glob(f"{JOBS}/*") if os.path.isdir(path)]
    return [path for path in found if not (pids := members(path)) or not all(map(is_spare, pids))]


def status_fields(pid):
    return dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines()
                if ":\t" in line)


def holders(pid, name):
    """Which of a process and its children have a file open."""
    children = map(int, read(f"/proc/{pid}/task/{pid}/children").split())
    return [p for p in (pid, *children)
            if name in (os.readlink(f"/proc/{p}/fd/{n}") for n in os.listdir(f"/proc/{p}/fd"))]

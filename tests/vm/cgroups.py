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


def box_processes():
    """Processes in leaves of jobs."""
    pids = []
    for path in glob.glob(f"{JOBS}/*/cgroup.procs"):
        try:
            pids += [int(line) for line in read(path).split()]
        except OSError:
            pass
    return pids


def leaf(job):
    """The cgroup of a job that runs."""
    return "/sys/fs/cgroup" + read(f"/proc/{job.pid}/cgroup").strip().split("::")[1]


def leaves():
    return [path for path in glob.glob(f"{JOBS}/*") if os.path.isdir(path)]


def status_fields(pid):
    return dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines()
                if ":\t" in line)


def holders(pid, name):
    """Which of a process and its children have a file open."""
    children = map(int, read(f"/proc/{pid}/task/{pid}/children").split())
    return [p for p in (pid, *children)
            if name in (os.readlink(f"/proc/{p}/fd/{n}") for n in os.listdir(f"/proc/{p}/fd"))]

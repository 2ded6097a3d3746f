# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service's cgroups, inside the machine."""

import glob
import os

CGROUP = "/sys/fs/cgroup/system.slice/pysbd.service"
JOBS = f"{CGROUP}/jobs"


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

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What takes a machine with systemd and cgroup v2: tests/bench/guest.py in the one of tests/vm."""

import json
import subprocess

import frame
import harness
from frame import Figure, Missing


def service(quick):
    """in an emulated machine with systemd: the service beside systemd-run, and its restart with stale cgroups"""
    if quick:
        yield Missing("service", "an emulated machine is nothing for a quick run")
        return
    run = subprocess.run([f"{frame.TESTS}/vm/suite", harness.BUILD, "bench"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, text=True, check=False)
    lines = run.stdout.splitlines()
    for line in lines:
        if line.startswith("figure "):
            yield Figure(**json.loads(line.removeprefix("figure ")))
    if run.returncode != 0 or not any(line.startswith("figure ") for line in lines):
        yield Missing("service", f"the machine ended with {run.returncode}: {lines[-1] if lines else 'silence'}")

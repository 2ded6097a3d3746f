# SPDX-License-Identifier: LGPL-2.1-or-later
"""What figures depend on."""

import datetime
import os
import platform
import shutil
import subprocess

VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def cpu_model():
    for line in read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def mitigations():
    """Those that cost something: what is not affected is not in it."""
    if not os.path.isdir(VULNERABILITIES):
        return {}
    found = {name: read(f"{VULNERABILITIES}/{name}") for name in sorted(os.listdir(VULNERABILITIES))}
    return {name: text for name, text in found.items() if text != "Not affected"}


def memory_bytes():
    return next(int(line.split()[1]) * 1024 for line in read("/proc/meminfo").splitlines() if line.startswith("MemTotal:"))


def virtualisation():
    if not shutil.which("systemd-detect-virt"):
        return ""
    return subprocess.run(["systemd-detect-virt"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def facts():
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "virtualisation": virtualisation(),
        "kernel": platform.release(),
        "debian": read("/etc/debian_version"),
        "python": subprocess.run(["/usr/bin/python3", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1],
        "load": read("/proc/loadavg").split()[:3],
        "cgroup_controllers": read("/sys/fs/cgroup/cgroup.controllers"),
        "mitigations": mitigations(),
    }

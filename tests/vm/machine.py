# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests share that run in the machine of ./vm, as root: the built tree, installed; the service; its jobs."""

import json
import os
import select
import shutil
import signal
import subprocess
import time

from cgroups import box_processes, status_fields

CLIENT = "tester"  # an ordinary user in the group pysb
RAW = "attack-raw"  # raw, for everybody; ./suite compiles it outside, where that is ten times as fast
PATIENCE = 300
LONG = "600s"  # of jobs that are not meant to reach their wall clock limit
# A busy host makes this machine so slow that systemd would lose patience
DROPINS = "/run/systemd/system/pysbd.service.d"
PATIENT = "[Service]\nTimeoutStartSec=infinity\nTimeoutStopSec=10min\nWatchdogSec=10min\n"
WAIT = "import signal; print('ready', flush=True); signal.pause()"


def shell(*command, check=True, **keywords):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                         stdin=subprocess.DEVNULL, timeout=PATIENCE * 2, **keywords)
    text = run.stdout.decode("utf-8", "replace")
    if check and run.returncode != 0:
        raise AssertionError(f"{command}: exit status {run.returncode}\n{text}")
    return text


def install():
    shutil.copytree("/share/tree", "/", dirs_exist_ok=True, symlinks=True)
    shell("ldconfig")
    shell("systemd-sysusers")
    shell("systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/pysb.conf")
    shell("useradd", "-G", "pysb", CLIENT)
    os.makedirs(DROPINS)
    with open(f"{DROPINS}/patience.conf", "w", encoding="ascii") as file:
        file.write(PATIENT)
    shell("systemctl", "daemon-reload")


def journal():
    return (shell("journalctl", "-b", "--no-pager", "-o", "short-monotonic", check=False)[-20000:] +
            shell("systemctl", "status", "--no-pager", "pysbd.service", check=False))


def poll_until(condition, what, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        select.select([], [], [], 0.05)


def properties(*names):
    text = shell("systemctl", "show", "pysbd.service", *(f"-p{name}" for name in names))
    return dict(line.split("=", 1) for line in text.splitlines())


def main_pid():
    return int(properties("MainPID")["MainPID"])


def client(*arguments):
    return ["setpriv", f"--reuid={CLIENT}", f"--regid={CLIENT}", "--init-groups", "pysbctl", *arguments]


def submit(code, *options, profile=RAW):
    """Runs code and returns (Result, exit status, stderr)."""
    run = subprocess.run(client("submit", "--json", "-p", profile, "--timeout", "60s", "-c", code, *options),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                         stdin=subprocess.DEVNULL, timeout=PATIENCE * 2)
    try:
        result = json.loads(run.stdout)
    except ValueError:
        result = None
    return result, run.returncode, run.stderr.decode("utf-8", "replace")


class Running:
    """A job that waits, from its "ready" on."""

    def __init__(self, code=WAIT, *options):
        before = set(box_processes())
        self.process = subprocess.Popen(
            client("submit", "-p", RAW, "--timeout", LONG, "-c", code, *options),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        text = b""
        while b"ready" not in text:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                raise AssertionError(f"no job: {self.process.communicate()}")
            text += chunk
        pids = set(box_processes()) - before
        # Of the box's processes, init is number 1 of its pid namespace
        nested = {int(status_fields(pid)["NSpid"].split()[1]): pid for pid in pids}
        self.init = nested.pop(1)
        self.pid = min(nested.items())[1]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE)

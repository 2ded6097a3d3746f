# SPDX-License-Identifier: LGPL-2.1-or-later
"""What else isolates a program, of what Debian has: each starts a bare interpreter."""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile

import frame

BINDS = {"/usr": "/usr", "/lib": "/usr/lib", "/lib64": "/usr/lib64"}
# crun and podman refuse a machine that has both hierarchies of cgroups: they see one of these
UNIFIED = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
           'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh")


@dataclasses.dataclass
class Peer:
    name: str
    command: tuple
    every: int = 1  # in how many rounds it has one turn: some take long
    around: tuple = ()  # what it all is run in
    reason: str = ""  # why it cannot be measured here

    def subject(self):
        return frame.Subject(*self.around, frame.program("spawn"), *self.command)


def oci_bundle(directory):
    """No more than runc and crun need, and no less isolation than they are used for."""
    os.mkdir(os.path.join(directory, "rootfs"))
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=64k"]}]
    mounts += [{"destination": to, "type": "bind", "source": source, "options": ["rbind", "ro", "nosuid", "nodev"]}
               for to, source in BINDS.items()]
    config = {
        "ociVersion": "1.0.0", "hostname": "box", "root": {"path": "rootfs", "readonly": True}, "mounts": mounts,
        "process": {"user": {"uid": 0, "gid": 0}, "args": frame.PYTHON, "cwd": "/", "noNewPrivileges": True,
                    "env": ["PATH=/usr/bin"], "capabilities": {}},
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)


def podman_command(directory):
    """On a root that is a directory: there is no image here, and no registry."""
    root = os.path.join(directory, "podman")
    os.mkdir(root)
    volumes = [f"--volume={source}:{to}:ro" for to, source in BINDS.items()]
    return ("podman", "--cgroup-manager=cgroupfs", "run", "--rm", "--network=none", "--cgroups=disabled",
            "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", *volumes, "--rootfs", root, *frame.PYTHON)


def bwrap_command():
    binds = [word for to, source in BINDS.items() for word in ("--ro-bind", source, to)]
    return ("bwrap", "--unshare-all", *binds, "--proc", "/proc", "--dev", "/dev", *frame.PYTHON)


def known(directory):
    oci_bundle(directory)
    has_unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    around = () if has_unified else UNIFIED
    yield Peer("bwrap --unshare-all", bwrap_command())
    yield Peer("firejail --net=none --seccomp", ("firejail", "--quiet", "--noprofile", "--net=none", "--seccomp",
                                                 "--private", "--caps.drop=all", *frame.PYTHON), every=5)
    yield Peer("crun", ("crun", "run", "--bundle", directory, "pysb-bench-crun"), every=5, around=around)
    yield Peer("runc", ("runc", "run", "--bundle", directory, "pysb-bench-runc"), every=5)
    yield Peer("podman run --rootfs", podman_command(directory), every=20, around=around)
    yield Peer("systemd-run --pipe --wait", (
        "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "-pPrivateNetwork=yes", "-pPrivateUsers=yes",
        "-pProtectSystem=strict", "-pDynamicUser=yes", "-pSystemCallFilter=@system-service", *frame.PYTHON), every=5)


def reason_not_to(peer):
    if not shutil.which(peer.command[0]):
        return "is not installed"
    if peer.command[0] == "systemd-run" and not os.path.isdir("/run/systemd/system"):
        return "systemd is not the init of this machine"
    probe = subprocess.run([*peer.around, *peer.command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True, check=False)
    last = (probe.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return f"does not work here: status {probe.returncode}, {last[:120]}" if probe.returncode else ""


@contextlib.contextmanager
def all_of_them():
    """Those that work here, and the others with their reasons."""
    with tempfile.TemporaryDirectory(prefix="pysb-bench.", dir="/tmp") as directory:
        found = list(known(directory))
        for peer in found:
            peer.reason = reason_not_to(peer)
        yield found

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of docs/SANDBOX.md: plan step -> layer -> requirements, and requirement -> tests, made of the golden plans,
of the attacks, and of the requirements that tests name. `map.py --update` writes them."""

import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(1, HERE)
import filesystem
import information
import network
import policy
import privileges
import processes
import resources
import syscalls

GROUPS = (filesystem, processes, privileges, syscalls, network, resources, information, policy)
DOCUMENT = os.path.join(ROOT, "docs/SANDBOX.md")
BEGIN, END = "<!-- {}: made by tests/attacks/map.py --update -->\n", "<!-- end -->\n"

# What a step of a plan is for: each op of the golden plans has its row
STEPS = {
    "namespaces": ("seven namespaces", "R-NS1 R-NS2 R-NS3 R-NW1 R-NW2 R-NW4 R-T2 R-I3"),
    "cgroup": ("cgroup", "R-CG1 R-L2 R-L3 R-L7 R-NS3"),
    "id-map": ("user namespace", "R-PR3"),
    "set-ids": ("user namespace", "R-PR3"),
    "private-mounts": ("mount namespace", "R-FS2"),
    "mount-root": ("mount namespace", "R-FS1 R-L5"),
    "mkdir": ("mount namespace", "R-FS1"),
    "symlink": ("mount namespace", "R-FS1"),
    "write-file": ("mount namespace", "R-FS1 R-I3"),
    "bind-read-only": ("mount flags", "R-FS2 R-FS4 R-I6"),
    "bind-device": ("mount flags", "R-FS3"),
    "mount-tmpfs": ("mount flags", "R-FS2 R-FS4 R-L5 R-T2"),
    "mount-proc": ("mount flags", "R-I2 R-NS1"),
    "pivot-root": ("mount namespace", "R-FS1"),
    "read-only-root": ("mount flags", "R-FS2"),
    "hostname": ("uts namespace", "R-I3"),
    "loopback-up": ("network namespace", "R-NW1"),
    "chdir": ("mount namespace", "R-FS1"),
    "session-keyring": ("keyring", "R-T2 R-SC1"),
    "not-dumpable": ("process", "R-L9 R-SC1"),
    "drop-capabilities": ("capabilities", "R-PR1 R-FS3 R-FS5"),
    "no-new-privileges": ("no_new_privs", "R-PR2 R-FS4"),
    "landlock": ("Landlock", "R-FS2 R-FS3 R-FS4 R-NW1 R-NW2 R-NS2"),
    "speculation": ("process", "R-I5"),
    "allow-read": ("Landlock", "R-FS2"),
    "allow-device": ("Landlock", "R-FS3"),
    "own-directory": ("Landlock", "R-T2"),
    "die-with-init": ("process", "R-NS3"),
    "rlimits": ("resource limits", "R-PR4 R-L1 R-L2 R-L6 R-L9"),
    "seccomp": ("seccomp", "R-SC1 R-SC2 R-SC3 R-SC4 R-SC5 R-SC6 R-SC7 R-SC8 R-NW3 R-PR2 R-D5"),
}

# What no shipped profile asks for
BY_KEY = ("speculation",)

REQUIREMENTS = {
    "R-FS1": "The root is a tmpfs with a closed list of names; no way leads out of it",
    "R-FS2": "All mounts are nosuid and nodev; /app and /tmp alone can be written to; what is the system's is read-only",
    "R-FS3": "/dev has null, zero, full, random, urandom, and no other device can be made",
    "R-FS4": "No set-id bit and no file capability has an effect; what was written is never executed",
    "R-FS5": "Nothing can be mounted, by old calls or new ones",
    "R-NS1": "User, mount, pid, network, ipc, uts and cgroup namespace are a job's own",
    "R-NS2": "A job's signals do not reach who reports its end",
    "R-NS3": "With the main process everything of the job ends",
    "R-CG1": "A cgroup of its own, and no cgroupfs",
    "R-PR1": "No capability in any of the five sets, in any thread",
    "R-PR2": "no_new_privs and the filter in every thread, before the first byte of the program",
    "R-PR3": "One host id for each running job, of a range that is nobody's",
    "R-PR4": "Hard resource limits; processes only where the profile has them",
    "R-SC1": "A list of allowed calls; the kernel's dangerous surface is not on it",
    "R-SC2": "No namespace inside of a namespace",
    "R-SC3": "ioctl, prctl and fcntl by their commands, compared in the bits that the kernel uses",
    "R-SC4": "The native ABI only",
    "R-SC5": "clone3 and unknown numbers do not exist",
    "R-SC6": "Nothing is executed after the start",
    "R-SC7": "No filter and no listener of the job's own",
    "R-SC8": "The filter in the kernel is the documented one",
    "R-NW1": "Nothing but lo, and failures are immediate",
    "R-NW2": "No socket of the host",
    "R-NW3": "Without a network no socket(); with loopback TCP, UDP and Unix sockets",
    "R-NW4": "No way from job to job",
    "R-L1": "Wall clock and CPU time",
    "R-L2": "Memory",
    "R-L3": "Processes and threads",
    "R-L4": "Output",
    "R-L5": "Bytes and inodes of /app and /tmp",
    "R-L6": "Descriptors and other objects of the kernel",
    "R-L7": "Share of the CPU",
    "R-L8": "Bombs for the interpreter end in the job",
    "R-L9": "A crash is an outcome, and leaves no core",
    "R-I1": "A clean environment",
    "R-I2": "/proc has the job's processes, and there is no /sys",
    "R-I3": "No identity of the host",
    "R-I4": "Messages name nothing of ours",
    "R-I5": "State of speculation",
    "R-I6": "Nothing to be learned from shared inodes",
    "R-T1": "Another tenant's things are as if they never were",
    "R-T2": "Nothing survives a job",
    "R-P1": "An import that is not allowed is a typed error",
    "R-P2": "Who gets around the policy has gained nothing",
    "R-P3": "Own modules and native code harm the job only",
    "R-P4": "The verdict is not the job's",
    "R-P5": "Sources are analysed in the box",
    "R-P6": "One list of modules",
    "R-P7": "Every way to end is typed",
    "R-P8": "Files only where the profile has them",
    "R-P9": "Tools only as granted",
    "R-P10": "Values are JSON, or an error that says where",
    "R-D3": "Files are collected by who has no privilege, following nothing",
    "R-D5": "Descriptors that nobody asked for are closed",
    "R-D6": "Times and sizes of connections are bounded",
    "R-D7": "Requests are validated strictly",
    "R-D8": "A job has one end, whatever its client does",
    "R-D9": "Variables that change a program before its start are refused",
    "R-D10": "What clients write is escaped",
    "R-D11": "Random traffic harms nobody",
    "R-A1": "The kernel says who a client is",
    "R-A2": "Quotas and grants",
    "R-R1": "kill -9 leaves nothing",
    "R-R2": "A stop in order",
    "R-R3": "Started by its socket, and no client hangs",
    "R-R4": "Without memory, descriptors or disk it refuses, and recovers",
    "R-R5": "Without its cgroup no job starts",
    "R-R6": "A step that fails is the end of the job",
    "R-R7": "Slow work of the kernel slows nobody else",
    "R-R8": "Limits do not follow the wall clock",
    "R-R9": "Dangerous configuration is refused",
}


def steps():
    """The ops of all golden plans, in the order of the plans, and the others."""
    found = []
    directory = os.path.join(ROOT, "tests/golden")
    for name in sorted(n for n in os.listdir(directory) if n.endswith(".plan")):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            ops = re.findall(r"^(?:outer|root|inner|job|last) +(\S+)", file.read(), re.M)
        for before, op in zip([None, *ops], ops):
            if op not in found:
                found.insert(found.index(before) + 1 if before else 0, op)
    return [*found, *BY_KEY]


def key(requirement):
    return re.sub(r"\d+", lambda m: m[0].zfill(3), requirement)


def cases():
    """requirement -> identifiers of attacks: those that are data, and those whose test names itself."""
    found = {}
    for attack in (a for group in GROUPS for a in group.ATTACKS):
        found.setdefault(attack.requirement, set()).add(attack.identifier)
    for name in os.listdir(HERE):
        if name.startswith("test_"):
            with open(os.path.join(HERE, name), encoding="utf-8") as file:
                for identifier, requirement in re.findall(r'"""([A-Z]{2}-\d\d[a-z]) (R-[A-Z]+\d+) ', file.read()):
                    found.setdefault(requirement, set()).add(identifier)
    return found


def others():
    """requirement -> the other test programs that name it."""
    found = {}
    for directory, _, names in os.walk(os.path.join(ROOT, "tests")):
        if os.path.realpath(directory).startswith(HERE):
            continue
        for name in names:
            if not name.endswith((".py", ".c")):
                continue
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
                for requirement in set(re.findall(r"\bR-[A-Z]+\d+\b", file.read())):
                    found.setdefault(requirement, set()).add(os.path.relpath(os.path.join(directory, name), os.path.join(ROOT, "tests")))
    return found


def step_table():
    yield "| step of a plan | layer | requirements |\n|---|---|---|\n"
    for op in steps():
        layer, requirements = STEPS[op]
        yield f"| `{op}` | {layer} | {', '.join(requirements.split())} |\n"


def requirement_table():
    attacks, programs = cases(), others()
    yield "| requirement | | attacks | other tests |\n|---|---|---|---|\n"
    for requirement in sorted(REQUIREMENTS, key=key):
        yield (f"| {requirement} | {REQUIREMENTS[requirement]} | {', '.join(sorted(attacks.get(requirement, ())))} | "
               f"{', '.join(sorted(programs.get(requirement, ())))} |\n")


def document(text):
    """The text with its tables as they must be."""
    for name, rows in (("steps", step_table()), ("requirements", requirement_table())):
        begin = BEGIN.format(name)
        head, rest = text.split(begin)
        text = head + begin + "\n" + "".join(rows) + "\n" + END + rest.split(END, 1)[1]
    return text


def problems():
    """What the tables themselves lack."""
    for op in set(steps()) ^ set(STEPS):
        yield f"the step {op} is in the plans or in STEPS, but not in both"
    used = set(" ".join(r for _, r in STEPS.values()).split()) | set(cases())
    for requirement in sorted(used - set(REQUIREMENTS)):
        yield f"{requirement} has no sentence"
    tested = set(cases()) | set(others())
    for requirement in sorted(set(REQUIREMENTS) - tested):
        yield f"no test names {requirement}"


if __name__ == "__main__":
    with open(DOCUMENT, encoding="utf-8") as document_file:
        old = document_file.read()
    new = document(old)
    if sys.argv[1:] == ["--update"]:
        with open(DOCUMENT, "w", encoding="utf-8") as document_file:
            document_file.write(new)
    else:
        print(new)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a service holds of the machine, to be compared with what it held before: whatever is more is a leak."""

import collections
import os

import harness
import service

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
# Where a process could leave something that has a name
SHARED_DIRECTORIES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock")

MAX_SPARES = 8  # max_spare_boxes
SPARE_DESCRIPTORS = 2  # that the builder has for one: its control link and its pidfd; and one for its cgroup

Leftovers = collections.namedtuple(
    "Leftovers", "processes descriptors namespaces mounts cgroups dying_cgroups keys ipc files")


def read_lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def cgroup_of(pid):
    return [line.split(":", 2)[2] for line in read_lines(f"/proc/{pid}/cgroup") if line.startswith("0::")]


def cgroups(pid):
    """How many there are below that of the process, and how many of them have no name any more."""
    mounts = [line.split()[4] for line in read_lines("/proc/self/mountinfo") if " - cgroup2 " in line]
    paths = cgroup_of(pid)
    if not mounts or not paths:
        return 0, 0
    stat = dict(line.split() for line in read_lines(f"{mounts[0]}{paths[0]}/cgroup.stat"))
    return int(stat["nr_descendants"]), int(stat["nr_dying_descendants"])


def keys(daemon, spares):
    """Keys in the kernel: the boxes that have some, and how many."""
    not_these = {uid for spare in spares for uid in spare.uids}
    boxes = (line.replace(":", " ").split() for line in read_lines("/proc/key-users"))
    return tuple((box[0], box[2]) for box in boxes if int(box[0]) in daemon.boxes and int(box[0]) not in not_these)


def ipc(daemon):
    """System V objects of boxes in the machine's own namespace: kind and identifier."""
    found = []
    for kind in ("shm", "sem", "msg"):
        title, *rows = (line.split() for line in read_lines(f"/proc/sysvipc/{kind}"))
        found += [(kind, row[1]) for row in rows if int(row[title.index("cuid")]) in daemon.boxes]
    return tuple(found)


def files(daemon):
    """Those in the daemon's directory, and what the service or a box has where everybody may write."""
    found = [os.path.join(path, name) for path, _, names in os.walk(daemon.directory) for name in names]
    for directory in filter(os.path.isdir, SHARED_DIRECTORIES):
        for entry in os.scandir(directory):
            try:
                owner = entry.stat(follow_symlinks=False).st_uid
                if owner in daemon.boxes or owner in (service.PYSBD, service.BROKER):
                    found.append(entry.path)
            except FileNotFoundError:
                pass  # somebody else's, and gone
    return tuple(sorted(found))


def processes_of(daemon):
    """The daemon, what descends from it, and whatever else has the id of a box."""
    found = {p.pid: p for p in (harness.Process(daemon.process.pid), *harness.descendants(daemon.process.pid))}
    for pid in harness.parents():
        try:
            process = harness.Process(pid)
        except (OSError, KeyError):
            continue  # it ended meanwhile
        if process.uids[0] in daemon.boxes:
            found[pid] = process
    return list(found.values())


def look(daemon):
    """What there is now. A process that ends meanwhile is an OSError."""
    with daemon.client() as client:
        # What was closed before this call is so after the second answer: each has had its turn
        for _ in range(2):
            client.node()
        # How many boxes wait for a job changes, and is bounded
        spares = daemon.spares()[:MAX_SPARES]
        spare_boxes = {p.namespace("pid") for p in spares}
        processes = [p for p in processes_of(daemon) if p.namespace("pid") not in spare_boxes]
        pids = [p.pid for p in processes]
        n_cgroups, n_dying = cgroups(daemon.process.pid)
        n_leaves = sum(cgroup_of(p.pid) != cgroup_of(daemon.process.pid) for p in spares)
        return Leftovers(
            tuple(sorted((p.fields["Name"], f"{p.fields['Threads']} threads") for p in processes)),
            sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids) - len(spares) * SPARE_DESCRIPTORS - n_leaves,
            len({p.namespace(kind) for p in processes for kind in NAMESPACES}),
            sum(len(read_lines(f"/proc/{pid}/mountinfo")) for pid in pids),
            n_cgroups - n_leaves, n_dying, keys(daemon, spares), ipc(daemon), files(daemon))


def take(daemon):
    """What there is once the boxes are gone; the kernel collects their keyrings later."""
    harness.poll_until(lambda: not daemon.boxed() and not keys(daemon, daemon.spares()), "the end of the boxes")
    return look(daemon)


def expect(daemon, before):
    """Waits until the service holds what it held before, and says what is different if that never comes."""
    now = before

    def is_as_before():
        nonlocal now
        try:
            now = look(daemon)
        except OSError:
            return False
        return now == before

    try:
        harness.poll_until(is_as_before, "the rest to be gone")
    except AssertionError as error:
        different = [f"{name}: before {old}, now {new}"
                     for name, old, new in zip(Leftovers._fields, before, now) if old != new]
        raise AssertionError(f"{error}: {'; '.join(different)}") from None


def memory_bytes(daemon):
    """Memory that is nobody else's, of all processes of a name together that are in no box."""
    found = collections.Counter()
    for process in processes_of(daemon):
        if process.nested_pid is None:
            found[process.fields["Name"]] += int(process.fields["RssAnon"].split()[0]) * 1024
    return found

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes, namespaces and cgroups."""

from attack import CAGES, RAW, Attack

# What a process does that wants to outlive its job
STUBBORN = """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
"""

ATTACKS = (
    Attack("PN-01a", "R-NS1", "pid namespace, mount of /proc", "processes in /proc", """
pids = sorted(int(p) for p in os.listdir("/proc") if p.isdigit()) if os.path.isdir("/proc") else []
judge(len(pids) <= 4 and (not pids or max(pids) < 100), "pids", pids[:10], len(pids))
for pid in pids:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read()
    except OSError:
        continue
    judge(b"pysbd" not in command and b"daemon" not in command, pid, command[:60])
"""),
    Attack("PN-01k", "R-NS1", "pid namespace", "processes by their numbers, and what /proc says of init", """
own = {os.getpid(), os.getppid(), 1, 0}
for pid in [*range(1, 3000), 32768, 65536, 4194303]:
    if pid in own:
        continue
    try:
        os.kill(pid, 0)
        BAD("reached", pid)
    except ProcessLookupError:
        pass
    except PermissionError:
        BAD("seen", pid)
for name in ("environ", "maps", "mem", "fd", "exe", "cwd", "root", "auxv", "stack", "syscall", "io", "ns/user"):
    path = f"/proc/1/{name}"
    raises(lambda: os.listdir(path) if name == "fd" else os.readlink(path) if name in ("exe", "cwd", "root", "ns/user") else open(path, "rb").read(1), OSError)
"""),
    Attack("PN-02a", "R-NS2", "pid namespace, the box's init", "signals for number 1 and the parent", """
import signal
for pid in {1, os.getppid()} - {0, os.getpid()}:
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        try:
            os.kill(pid, number)
            OK("signalled", pid, number)
        except OSError as e:
            OK(pid, number, e.strerror)
print("still here")
""", outcomes=("success", "signaled"), bare="never"),
    Attack("PN-02k", "R-NS2", "pid namespace, seccomp", "every signal to init in every way, and its limits and priority", """
import resource, signal
own = 0 if sys.argv[1:] else os.getpid()
for number in list(range(1, 32)) + [34, 50, 64]:
    for name, arguments in (("kill", (62, 1, number)), ("tkill", (200, 1, number)), ("tgkill", (234, 1, 1, number))):
        if number not in (9, 19):
            call(*arguments)
denied(sigqueueinfo=(129, 1, 15, 0), tgsigqueueinfo=(297, 1, 1, 15, 0), pidfd_open=(434, 1, 0),
       pidfd_send_signal=(424, -1, 9, 0, 0), prlimit=(302, 1, 0, 0, 0), setpriority=(141, 0, 1, 19),
       setscheduler=(144, 1, 5, 0), setaffinity=(203, 1, 8, 0), ioprio=(251, 1, 1, 0), process_madvise=(440, -1, 0, 0, 0, 0),
       process_mrelease=(448, -1, 0), kcmp=(312, 1, 1, 0, 0, 0), move_pages=(279, 1, 0, 0, 0, 0, 0),
       migrate_pages=(256, 1, 0, 0, 0), get_robust_list=(274, 1, 0, 0))
raises(lambda: open("/proc/1/mem", "r+b"), OSError)
raises(lambda: write("/proc/1/oom_score_adj", "1000"), OSError)
OK("still here")
""", RAW, bare="never"),
    Attack("PN-03a", "R-NS3", "the end of the box", "a daemon that ignores all signals", """
import time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
""" + "\n".join("        " + line for line in STUBBORN.strip().splitlines()) + """
        for _ in range(600):
            time.sleep(0.1)
    os._exit(0)
OK("main exits now")
""", RAW, bare="never"),
    Attack("PN-03k", "R-NS3", "the end of the box", "children that are stopped, that hold the output open, and threads", """
import signal, threading
for kind in range(6):
    if os.fork() == 0:
        if kind % 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        while True:
            signal.pause()
threading.Thread(target=threading.Event().wait, daemon=True).start()
OK("main exits now")
os._exit(0)
""", RAW, bare="never"),
    Attack("PN-04a", "R-NS1", "seven namespaces", "what the seven namespaces are", """
for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
    try:
        print("NS", name, os.readlink("/proc/self/ns/" + name))
    except OSError as e:
        OK(name, e.strerror)
OK("done")
""", bare="silent"),
    Attack("PN-05a", "R-SC2", "seccomp", "unshare of each kind", """
for name, flag in (("user", 0x10000000), ("mnt", 0x20000), ("pid", 0x20000000), ("net", 0x40000000), ("ipc", 0x08000000),
                   ("uts", 0x04000000), ("cgroup", 0x02000000), ("time", 0x80), ("fs", 0x200), ("files", 0x400)):
    denied(**{"unshare_" + name: (272, flag)})
""", CAGES),
    Attack("PN-05k", "R-SC2", "seccomp", "entering a namespace, by its file, by a process, and with high bits", """
denied(setns=(308, -1, 0), setns_user=(308, -1, 0x10000000), unshare_high=(272, 0x1230000000 | 0x10000000), unshare_none=(272, 0))
for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time", "pid_for_children"):
    try:
        fd = os.open("/proc/self/ns/" + name, os.O_RDONLY)
    except OSError as e:
        OK(name, e.strerror)
        continue
    denied(**{"setns_" + name: (308, fd, 0)})
    value, error = call(16, fd, 0xB701, 0)  # NS_GET_USERNS
    judge(value == -1 and error in DENIALS, "NS_GET_USERNS", value, error)
    os.close(fd)
""", CAGES),
    Attack("PN-06a", "R-SC1", "seccomp", "ptrace, process_vm_readv and process_vm_writev", """
denied(traceme=(101, 0, 0, 0, 0), attach=(101, 16, 1, 0, 0), seize=(101, 0x4206, 1, 0, 0),
       vm_readv=(310, os.getppid(), 1, 1, 1, 1, 0), vm_writev=(311, os.getppid(), 1, 1, 1, 1, 0))
""", CAGES),
    Attack("PN-07a", "R-PR4", "seccomp", "fork, vfork, posix_spawn and system without processes", """
import subprocess
raises(lambda: os.fork() or os._exit(0), OSError)
raises(lambda: subprocess.run(["/usr/bin/true"]), OSError)
raises(lambda: os.posix_spawn("/usr/bin/true", ["true"], {}), OSError)
raises(lambda: os.system("true") and 1 / 0, BaseException)
""", ("default", "default-cage", "loopback-cage", "eval-cage")),
    Attack("PN-07k", "R-PR4", "seccomp", "clone by hand without processes, in each form", """
for name, arguments in (("fork", (57,)), ("vfork", (58,)), ("clone", (56, 17, 0, 0, 0, 0)), ("clone_parent", (56, 0x8000 | 17, 0, 0, 0, 0)),
                        ("clone_vfork", (56, 0x4000 | 17, 0, 0, 0, 0)), ("clone3", (435, 0, 88)), ("execve", (59, 0, 0, 0)),
                        ("execveat", (322, -1, 0, 0, 0, 0))):
    value, error = call(*arguments)
    if value == 0:
        os._exit(0)
    judge(value == -1 and error in DENIALS, name, value, error)
""", ("default-cage", "eval-cage", "loopback-cage"), bare="never"),
    Attack("PN-08a", "R-SC3", "seccomp by the bits the kernel uses", "TIOCSTI and TIOCLINUX, with rubbish in the upper bits", """
b = ctypes.create_string_buffer(b"x")
for name, command in (("TIOCSTI", 0x5412), ("TIOCSTI_high", 0x12300005412), ("TIOCLINUX", 0x541C),
                      ("TIOCLINUX_high", 0x1230000541C), ("TIOCSCTTY", 0x540E)):
    for fd in (0, 1, 2, -1):
        value, error = call(16, fd, command, b)
        judge(value == -1 and error in ("EPERM", "EACCES", "ENOSYS"), name, fd, value, error)
""", CAGES),
    Attack("PN-08k", "R-SC3", "seccomp by the bits the kernel uses", "commands of ioctl, fcntl and prctl outside the list, high bits as well", """
for high in (0, 0x1234 << 32, 0xFFFFFFFF << 32):
    for command in (0x5402, 0x5403, 0x5404, 0x5422, 0x5423, 0x5424, 0x5452, 0x5457, 0x8901, 0x8902, 0x8933, 0x89F0, 0x4B31,
                    0x9409 | 0x40040000, 0xC0185879, 0x40086602, 0xC020660B, 0x4008AE6A, 0xAE01, 0xC0105512):
        value, error = call(16, -1, command + high, 0)
        judge(value == -1 and error in DENIALS, "ioctl", hex(command + high), value, error)
    for command in (8, 9, 10, 15, 1024, 1025, 1026, 1031, 1033, 1036, 1037, 1038, 1040):
        value, error = call(72, -1, command + high, 0)
        judge(value == -1 and error in DENIALS, "fcntl", hex(command + high), value, error)
    for option in (4, 22, 24, 28, 35, 38 + (1 << 20), 47, 55, 59, 0x53564D41, 0x59616D61):
        value, error = call(157, option + high, -1, -1, -1, -1)
        judge(value == -1 and error in DENIALS, "prctl", hex(option + high), value, error)
""", CAGES),
    Attack("PN-09a", "R-CG1", "cgroup namespace, no cgroupfs", "files of cgroups", """
gone("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/pids/tasks")
for path in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/unified/cgroup.procs"):
    raises(lambda: write(path, str(os.getpid())), OSError)
"""),
    Attack("PN-09k", "R-CG1", "cgroup namespace, no cgroupfs", "where the job's cgroup is, and every way to a cgroupfs", """
with open("/proc/self/cgroup") as file:
    for line in file:
        name, path = line.rstrip().split(":", 2)[1:]
        judge(path == "/" if not name else ".." not in path and "pysb" not in path, line.rstrip())
with open("/proc/self/mountinfo") as file:
    judge("cgroup" not in file.read(), "mounted")
gone("/sys/fs/cgroup/cgroup.controllers", "/cgroup/cgroup.procs", "/run/cgroup2/cgroup.procs", "/proc/self/root/sys/fs/cgroup/cgroup.procs",
     "/proc/cgroups", "/proc/pressure/memory")
"""),
)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Capabilities, ids and limits of processes."""

from attack import CAGES, RAW, Attack

ATTACKS = (
    Attack("PR-01a", "R-PR1", "capabilities", "all five sets are empty in every thread", """
import threading, time
threading.Thread(target=time.sleep, args=(0.3,), daemon=True).start()
for thread in os.listdir("/proc/self/task"):
    with open(f"/proc/self/task/{thread}/status") as file:
        for line in file:
            if line.startswith("Cap"):
                name, value = line.split()
                judge(int(value, 16) == 0, thread, name, value)
"""),
    Attack("PR-01k", "R-PR1", "capabilities", "getting one: capset, ambient, keepcaps, securebits, bounding set", """
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
value, error = call(126, header, data)
judge(value == -1, "capset", value, error)
for name, arguments in (("ambient", (47, 2, 0, 0, 0)), ("keepcaps", (8, 1, 0, 0, 0)), ("securebits", (28, 0x2F, 0, 0, 0)),
                        ("no_new_privs off", (38, 0, 0, 0, 0)), ("dumpable", (4, 1, 0, 0, 0))):
    value, error = call(157, *arguments)
    judge(value == -1, name, value, error)
for number in range(41):
    value, error = call(157, 23, number, 0, 0, 0)
    judge(value == 0, "bounding set", number, value, error)
""", CAGES),
    Attack("PR-02a", "R-PR2", "no_new_privs, seccomp", "NoNewPrivs and Seccomp in /proc/self/status", """
with open("/proc/self/status") as file:
    status = dict(line.split(":", 1) for line in file)
judge(status["NoNewPrivs"].strip() == "1", "NoNewPrivs", status["NoNewPrivs"].strip())
judge(status["Seccomp"].strip() == "2", "Seccomp", status["Seccomp"].strip(), status.get("Seccomp_filters", "").strip())
"""),
    Attack("PR-02k", "R-PR2", "no_new_privs, seccomp", "the same in threads and children", """
import threading, traceback
def look(name, path):
    with open(path) as file:
        status = dict(line.split(":", 1) for line in file)
    for key, value in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0" * 16), ("CapBnd", "0" * 16), ("CapInh", "0" * 16)):
        judge(status[key].strip() == value, name, key, status[key].strip())
thread = threading.Thread(target=lambda: look("thread", "/proc/thread-self/status"))
thread.start()
thread.join()
try:
    pid = os.fork()
except OSError as e:
    OK(e.strerror)
else:
    if pid == 0:
        look("child", "/proc/self/status")
        os._exit(0)
    os.waitpid(pid, 0)
"""),
    Attack("PR-03a", "R-PR3", "user namespace, one id for each job", "not root, no groups, and nobody else", """
judge(os.getuid() != 0 and os.geteuid() != 0, "uid", os.getuid())
judge(set(os.getgroups()) <= {os.getgid(), 65534}, "groups", os.getgroups())
for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0),
               lambda: os.seteuid(os.getuid() + 1)):
    raises(change, OSError)
""", bare="caught"),
    Attack("PR-03k", "R-PR3", "user namespace, one id for each job", "the maps have one line, and cannot be written", """
for name in ("uid_map", "gid_map"):
    with open("/proc/self/" + name) as file:
        rows = [line.split() for line in file]
    judge(len(rows) == 1 and rows[0][2] == "1" and rows[0][0] != "0" and rows[0][1] != "0", name, rows)
with open("/proc/self/setgroups") as file:
    judge(file.read().strip() == "deny", "setgroups")
for name in ("uid_map", "gid_map", "setgroups", "projid_map", "loginuid", "oom_score_adj", "oom_adj", "timerslack_ns", "coredump_filter"):
    if name == "coredump_filter":
        continue
    raises(lambda: write("/proc/self/" + name, "-999" if "oom" in name else "0 0 1"), OSError)
"""),
    Attack("PR-03l", "R-PR3", "user namespace, seccomp", "the other calls that change ids", """
own = os.getuid()
denied(setuid=(105, 0), setgid=(106, 0), setreuid=(113, 0, 0), setregid=(114, 0, 0), setgroups=(116, 0, 0), setresuid=(117, 0, 0, 0),
       setresgid=(119, 0, 0, 0), setfsuid=(122, 0), setfsgid=(123, 0), setreuid_one=(113, -1, own + 1),
       chown=(92, text(b"/tmp"), 0, 0), fchown=(93, 0, 0, 0), lchown=(94, text(b"/tmp"), 0, 0), fchownat=(260, -100, text(b"/tmp"), 0, 0, 0))
""", CAGES),
    Attack("PR-04a", "R-PR4", "resource limits", "hard limits of what a sandbox has no use for, and they stay", """
import resource
for name, most in (("CORE", 0), ("MEMLOCK", 1 << 20), ("RTPRIO", 0), ("NICE", 0), ("MSGQUEUE", 0), ("NOFILE", 1024),
                   ("SIGPENDING", 4096), ("FSIZE", 1 << 30)):
    soft, hard = resource.getrlimit(getattr(resource, "RLIMIT_" + name))
    judge(hard != resource.RLIM_INFINITY and hard <= most, name, soft, hard)
    if hard != resource.RLIM_INFINITY:
        raises(lambda: resource.setrlimit(getattr(resource, "RLIMIT_" + name), (hard + 1, hard + 1)), ValueError, OSError)
"""),
    Attack("PR-04k", "R-PR4", "resource limits, seccomp", "priorities, real time, locked memory, other processes' limits", """
denied(nice_up=(141, 0, 0, -1), fifo=(144, 0, 1, (ctypes.c_int * 1)(1)), setattr=(314, 0, 0, 0), ioprio=(251, 1, 0, 0x2001),
       mlockall=(151, 3), mlock2=(325, 0, 1 << 30, 0), mq_open=(240, 0, 0x42, 0o600, 0), prlimit_parent=(302, os.getppid(), 7, 0, 0),
       setrlimit=(160, 4, 0), setdomain=(203, 0, 8, 0))
import resource
for name in ("AS", "CPU", "STACK", "NPROC", "DATA", "LOCKS", "RTTIME"):
    soft, hard = resource.getrlimit(getattr(resource, "RLIMIT_" + name, 15))
    if hard != resource.RLIM_INFINITY:
        raises(lambda: resource.setrlimit(getattr(resource, "RLIMIT_" + name, 15), (hard + 1, hard + 1)), ValueError, OSError)
""", CAGES),
    Attack("PR-05a", "R-SC1", "seccomp by arguments", "options of prctl outside the list", """
for name, arguments in (("SET_MM", (35, 6, 4096, 0, 0)), ("SET_PTRACER", (0x59616D61, -1, 0, 0, 0)), ("MCE_KILL", (33, 1, 2, 0, 0)),
                        ("SET_TSC", (26, 2, 0, 0, 0)), ("SET_SPECULATION_CTRL", (53, 0, 2, 0, 0)), ("SET_CHILD_SUBREAPER", (36, 1, 0, 0, 0)),
                        ("SCHED_CORE", (62, 0, 0, 1, 0))):
    value, error = call(157, *arguments)
    judge(value == -1 and error in DENIALS, name, value, error)
""", CAGES),
    Attack("PR-05k", "R-SC1", "seccomp by arguments", "every option of prctl and arch_prctl that changes something", """
HARMLESS = {2, 3, 7, 9, 11, 14, 15, 16, 21, 23, 25, 27, 30, 34, 37, 39, 40}  # they read, or name the thread
for option in [n for n in range(1, 80) if n not in HARMLESS] + [0x53564D41, 0x59616D61]:
    value, error = call(157, option, -1, -1, -1, -1)
    judge(value == -1 and error in DENIALS, "prctl", option, value, error)
for name, code in (("SET_GS", 0x1001), ("CPUID", 0x1012), ("XCOMP_GUEST", 0x1025), ("MAP_VDSO_32", 0x2002), ("SHSTK", 0x5001), ("UNTAG", 0x4002)):
    value, error = call(158, code, 0)
    judge(value == -1 and error in DENIALS, "arch_prctl", name, value, error)
""", CAGES, bare="never"),
    Attack("PR-06a", "R-FS4", "seccomp, no capability", "capabilities and labels of files", """
path = "/tmp/f" + str(os.getpid())
open(path, "w").close()
for name in ("security.capability", "trusted.x", "security.selinux", "system.posix_acl_access", "user.x"):
    raises(lambda: os.setxattr(path, name, b"\\x01\\0\\0\\x02" + b"\\xff" * 16), OSError)
os.unlink(path)
"""),
)

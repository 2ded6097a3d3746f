# SPDX-License-Identifier: LGPL-2.1-or-later
"""The surface of the kernel."""

from attack import CAGES, RAW, Attack

KILLED = ("success", "signaled")

# Machine code in memory, called as a function of no arguments
MACHINE_CODE = """
import mmap
def run(code):
    try:
        memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as e:
        OK("no memory that is written and executed", e.strerror)
        sys.exit()
    memory.write(bytes.fromhex(code))
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    OK("before", code)
    return function()
"""

ATTACKS = (
    Attack("SC-01a", "R-SC1", "seccomp", "bpf, perf_event_open, userfaultfd", """
denied(bpf=(321, 0, 0, 0), perf_event_open=(298, 0, 0, -1, -1, 0), userfaultfd=(323, 1), userfaultfd0=(323, 0))
""", CAGES),
    Attack("SC-01k", "R-SC1", "seccomp", "the rest of the surface that no Python program has a use for", """
denied(io_uring_setup=(425, 1, 0), io_uring_enter=(426, -1, 0, 0, 0, 0), io_uring_register=(427, -1, 0, 0, 0), init_module=(175, 0, 0, 0),
       finit_module=(313, -1, 0, 0), delete_module=(176, 0, 0), kexec_load=(246, 0, 0, 0, 0), kexec_file=(320, -1, -1, 0, 0, 0), reboot=(169, 0, 0, 0, 0),
       syslog=(103, 3, 0, 0), acct=(163, 0), sysfs=(139, 3), ustat=(136, 0, 0), lookup_dcookie=(212, 0, 0, 0), vhangup=(153,),
       modify_ldt=(154, 17, 0, 0), fanotify_init=(300, 0, 0), fanotify_mark=(301, -1, 0, 0, 0, 0), inotify_init=(253,), inotify_init1=(294, 0),
       inotify_add_watch=(254, -1, 0, 0), splice=(275, -1, 0, -1, 0, 0, 0), vmsplice=(278, -1, 0, 0, 0), tee=(276, -1, -1, 0, 0),
       memfd_secret=(447, 0), signalfd=(289, -1, 0, 8, 0), timerfd=(283, 0, 0), mbind=(237, 0, 0, 0, 0, 0, 0), set_mempolicy=(238, 0, 0, 0),
       remap_file_pages=(216, 0, 0, 0, 0, 0), io_setup=(206, 1, 0), io_submit=(209, 0, 0, 0), nfsservctl=(180,), personality=(135, 0x0040000),
       pkey_alloc=(330, 0, 0), landlock=(444, 0, 0, 1), cachestat=(451, -1, 0, 0, 0), mincore=(27, 0, 1, 0), membarrier=(324, 0, 0, 0),
       lsm_set_self_attr=(460, 0, 0, 0, 0), pidfd_getfd=(438, -1, 0, 0), flock=(73, -1, 2), sync=(162,), syncfs=(306, -1), ioperm=(173, 0, 1, 1),
       sched_setattr=(314, 0, 0, 0))
""", CAGES, bare="never"),
    Attack("SC-02a", "R-SC1", "seccomp", "keyrings", """
denied(add_key=(248, text(b"user"), text(b"pysbd"), text(b"x"), 1, -3), request_key=(249, text(b"user"), text(b"pysbd"), 0, 0),
       keyctl_get=(250, 0, -3, 0), keyctl_user=(250, 0, -4, 1))
""", CAGES),
    Attack("SC-03a", "R-SC1", "seccomp", "clock, name of the host, ports", """
b = ctypes.create_string_buffer(256)
denied(clock_settime=(227, 0, b), settimeofday=(164, b, 0), sethostname=(170, b, 0), setdomainname=(171, b, 0), iopl=(172, 3), ioperm=(173, 0, 1, 1))
timex = (ctypes.c_uint32 * 64)()
timex[0] = 1  # ADJ_OFFSET of nothing
value, error = call(159, timex)
judge(value == -1 and error in DENIALS, "adjtimex", value, error)
denied(clock_adjtime=(305, 0, timex), clock_settime_mono=(227, 1, b))
""", CAGES, bare="silent"),
    Attack("SC-04a", "R-SC4", "seccomp: the architecture", "32 bit calls by int 0x80", MACHINE_CODE + """
value = run("53b814000000cd805bc3")  # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
judge(value != os.getpid(), "getpid by int 0x80", value)
""", CAGES, outcomes=KILLED),
    Attack("SC-04k", "R-SC4", "seccomp: the architecture", "numbers of the x32 ABI", """
OK("before")
for number in (39, 512, 520, 545):
    value, error = call(0x40000000 + number, 0, 0, 0)
    judge(value == -1, "x32", number, value, error)
""", CAGES, outcomes=KILLED, bare="silent"),
    Attack("SC-04l", "R-SC4", "seccomp: the architecture", "high bits in the number of a call", """
for high in (1 << 32, 0xFFFFFFFF << 32, 1 << 62):
    value, error = call(165 + high, 0, 0, 0, 0, 0)
    judge(value == -1 and error in DENIALS, "mount", hex(high), value, error)
    value, error = call(41 + high, 2, 1, 0)
    judge(value == -1 and error in DENIALS, "socket", hex(high), value, error)
""", ("raw", "default-cage", "eval-cage")),
    Attack("SC-05a", "R-SC5", "seccomp: ENOSYS", "clone3 does not exist, and threads work", """
value = call(435, 1, 88)
judge(value == (-1, "ENOSYS"), "clone3", *value)
import threading
done = []
thread = threading.Thread(target=done.append, args=(1,))
thread.start()
thread.join()
judge(done, "thread")
""", ("raw", "default-cage", "loopback-cage")),
    Attack("SC-05k", "R-SC5", "seccomp: ENOSYS", "numbers that no header knows do not exist", """
for number in [*range(470, 600), 1000, 1023, 4095, 0x3FFFFFFF]:
    value, error = call(number, -1, -1, -1, -1, -1, -1)
    judge(value == -1 and error in ("ENOSYS", "EPERM"), number, value, error)
for number in (-1, -2):
    judge(call(number)[0] == -1, number)
judge(call(435, 1 << 40, 64) == (-1, "ENOSYS"), "clone3")
""", CAGES, outcomes=KILLED, bare="silent"),
    Attack("SC-06a", "R-SC2", "seccomp: flags of clone", "every CLONE_NEW flag of clone", """
for bit in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    value, error = call(56, bit | 17, 0, 0, 0, 0)
    if value == 0:
        os._exit(0)
    if value > 0:
        os.waitpid(value, 0)
    judge(value == -1 and error in ("EPERM", "ENOSYS"), hex(bit), value, error)
""", CAGES),
    Attack("SC-06k", "R-SC2", "seccomp: flags of clone", "the same as threads, with CLONE_PARENT, CLONE_PTRACE, and with high bits", """
for more in (0x10E00, 0x8000, 0x2000, 0x800, 1 << 40):
    for bit in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x7E020000):
        value, error = call(56, bit | 17 | more, 0, 0, 0, 0)
        if value == 0:
            os._exit(0)
        judge(value == -1 and error in ("EPERM", "ENOSYS"), hex(bit | more), value, error)
""", CAGES, bare="never"),
    Attack("SC-07a", "R-SC6", "seccomp", "execveat of memory", """
fd, error = call(319, b"x", 0)
if fd < 0:
    OK("memfd_create", fd, error)
else:
    with open("/usr/bin/true", "rb") as file:
        os.write(fd, file.read())
    try:
        pid = os.fork()
    except OSError as e:
        OK("fork", e.strerror)
    else:
        if pid == 0:
            call(322, fd, b"", 0, 0, 0x1000)
            os._exit(99)
        status = os.waitpid(pid, 0)[1]
        judge(os.waitstatus_to_exitcode(status) in (99, -31), "execveat", status)
error = call(322, -1, b"", 0, 0, 0x1000)[1]
judge(error in DENIALS, "execveat of no descriptor", error)
""", CAGES),
    Attack("SC-07k", "R-SC6", "seccomp, mount flags", "execve of what is there, of scripts, of the interpreter, and through /proc", """
import sys
for path in (b"/proc/self/exe", b"/proc/self/fd/3", b"/usr/bin/python3", b"/bin/sh", b"/lib64/ld-linux-x86-64.so.2",
             b"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", b"/app/x", b""):
    denied(**{"execve " + path.decode(): (59, text(path), 0, 0), "execveat " + path.decode(): (322, -100, text(path), 0, 0, 0)})
denied(uselib=(134, 0))
for function in (lambda: os.execv("/proc/self/exe", ["x"]), lambda: os.posix_spawn("/proc/self/exe", ["x"], {})):
    raises(function, OSError)
""", CAGES, bare="never"),
    Attack("SC-08a", "R-SC7", "seccomp", "a listener of one's own", """
class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]
class Program(ctypes.Structure):
    _fields_ = [("n", ctypes.c_uint16), ("filter", ctypes.POINTER(Filter))]
program = Program(1, ctypes.pointer(Filter(6, 0, 0, 0x7FFF0000)))
value, error = call(317, 1, 8, ctypes.byref(program))
judge(value == -1 and error in DENIALS, "NEW_LISTENER", value, error)
""", CAGES),
    Attack("SC-08k", "R-SC7", "seccomp", "the other forms of seccomp, and the listener of init", """
denied(action_avail=(317, 2, 0, 0), notif_sizes=(317, 3, 0, 0), filter=(317, 1, 0, 0), tsync=(317, 1, 1, 0),
       prctl_filter=(157, 22, 2, 0, 0, 0), strict=(317, 0, 0, 0), prctl_strict=(157, 22, 1, 0, 0, 0))
for fd in range(256):
    for command in (0xC0502100, 0xC0182101, 0x40082102, 0x40182103):  # SECCOMP_IOCTL_NOTIF_*
        value, error = call(16, fd, command, 0)
        if not (value == -1 and error in DENIALS):
            BAD("listener", fd, hex(command), value, error)
OK("done")
""", CAGES),
    Attack("SC-09a", "R-SC4", "seccomp", "the vsyscall page", """
OK("before")
function = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)
print("time()", function(0xFFFFFFFFFF600400)(None))  # may work, fault or be killed
getcpu = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(0xFFFFFFFFFF600800)
print("getcpu()", getcpu(None, None, None))
OK("alive")
""", CAGES, outcomes=KILLED, bare="silent"),
    Attack("SC-09k", "R-SC4", "kernel", "between the entries of the vsyscall page there is nothing to call", """
OK("before")
ctypes.CFUNCTYPE(ctypes.c_long)(0xFFFFFFFFFF600C00)()
BAD("called")
""", CAGES, outcomes=("signaled",), bare="silent"),
)

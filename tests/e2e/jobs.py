# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that go wrong, as data: each with the requirement that it tests, what the result must say
and what pysbctl's exit status must be. Every one of them runs on the same daemon, which must run a
plain job right afterwards."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    name: str  # becomes the name of the test
    requirements: str  # identifiers of the threat model
    code: str
    outcome: str | tuple  # one of these
    status: int | tuple = 0  # of pysbctl
    profile: str = "raw"
    options: tuple = ()
    arguments: tuple = ()
    stdin: bytes = b""
    # Fields of the Result that must be equal; "a.b" goes down, "" is all of it; a callable judges
    result: dict = field(default_factory=dict)


def contains(*words):
    return lambda text: text is not None and any(word in text for word in words)


def at_least(number):
    return lambda value: value is not None and value >= number


def captured(number):
    """The kept bytes of both streams together."""
    return lambda result: len(result["stdout"]["text"]) + len(result["stderr"]["text"]) == number


def limit_plus_250ms(limit_usec):
    return lambda value: limit_usec <= value <= limit_usec + 250_000


# The documented bound without a cgroup: the limit, and the template's pages that a job changes
MEMORY_50M_BOUND = 58 << 20

DESCRIPTORS_PROBE = """
import os
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
print([fd for fd in range(1024) if is_open(fd)])
"""

# Calls the kernel with arguments that are wrong in every way: EFAULT or EBADF would mean that the
# call was reached, EPERM that it was denied, ENOSYS that it does not exist.
SYSCALL_PROBE = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
def probe(number):
    ctypes.set_errno(0)
    arguments = [ctypes.c_ulong(2**64 - 1)] * 6
    libc.syscall(ctypes.c_long(number), *arguments)
    return errno.errorcode.get(ctypes.get_errno(), "none")
for number in map(int, sys.argv[1:]):
    print(number, probe(number))
"""

WALK_PROBE = """
import os, sys
needle = sys.argv[1]
top = sorted(os.listdir("/"))
print("top", *top)
seen = 0
for directory, names, files in os.walk("/", onerror=None):
    if directory == "/proc":
        names[:] = []
        continue
    for name in names + files:
        seen += 1
        if needle in name:
            print("found", os.path.join(directory, name))
print("seen", seen)
with open("/etc/passwd") as file:
    print("passwd", *(line.split(":")[0] for line in file))
for path in sys.argv[2:]:
    try:
        os.stat(path)
    except OSError as error:
        print("stat", path, error.strerror)
    else:
        print("reached", path)
"""

OUTCOMES = [
    Case("print", "R-P4", "print(6*7)", "success", 0, profile="default",
         result={"stdout.text": "42\n", "exitCode": 0, "usage.wallTimeUSec": at_least(1),
                 "usage.memoryPeakBytes": at_least(1 << 20), "usage.setupTimeUSec": at_least(1),
                 "usage.stdoutBytes": 3}),
    Case("print_in_eval", "R-P4", "print(6*7)", "success", 0, profile="eval",
         result={"stdout.text": "42\n"}),
    Case("print_in_loopback", "R-P4", "print(6*7)", "success", 0, profile="loopback",
         result={"stdout.text": "42\n"}),
    Case("wall_time", "R-L1", "while True: pass", "wall_time_limit", 124, profile="default",
         options=("--timeout", "1s"),
         result={"usage.wallTimeUSec": limit_plus_250ms(1_000_000), "message": contains("1 s"),
                 "usage": lambda u: u["cpuUserUSec"] + u["cpuSystemUSec"] > 0}),  # a busy machine gives it little
    Case("wall_time_asleep", "R-L1", "import time; time.sleep(1000)", "wall_time_limit", 124,
         options=("--timeout", "500ms"),
         result={"usage.wallTimeUSec": limit_plus_250ms(500_000)}),
    Case("wall_time_signals_ignored", "R-L1", """
import signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    signal.pause()
""", "wall_time_limit", 124, options=("--timeout", "500ms")),
    Case("wall_time_stopped", "R-L1", "import os; os.kill(os.getpid(), 19)", "wall_time_limit", 124,
         options=("--timeout", "500ms")),
    Case("cpu_time", "R-L1", "while True: pass", "cpu_time_limit", 124, profile="default",
         options=("--cpu-time", "1s", "--timeout", "20s"), result={"message": contains("CPU")}),
    Case("cpu_time_of_all_processes", "R-L1", """
import os
for _ in range(3):
    os.fork()
while True:
    pass
""", "cpu_time_limit", 124, options=("--cpu-time", "500ms", "--timeout", "20s")),
    Case("memory", "R-L2", "x = bytearray(10**9)", "memory_limit", 137, profile="default",
         options=("--memory", "50M"), result={"message": contains("50 MiB")}),
    Case("memory_piecemeal", "R-L2", "x = []\nwhile True: x.append(bytearray(1 << 20))",
         "memory_limit", 137, profile="default", options=("--memory", "50M"),
         result={"exception.type": "MemoryError",
                 "usage.memoryPeakBytes": lambda peak: 40 << 20 <= peak <= MEMORY_50M_BOUND}),
    Case("memory_of_mappings", "R-L2", """
import mmap
x = []
while True:
    x.append(mmap.mmap(-1, 1 << 20))
    x[-1].write(b"x" * (1 << 20))
    print(len(x), flush=True)
""", ("memory_limit", "exception"), (137, 1), options=("--memory", "50M"),
         result={"usage.memoryPeakBytes": lambda peak: peak <= MEMORY_50M_BOUND}),
    Case("memory_error_caught", "R-L2", """
try:
    bytearray(10**9)
except MemoryError:
    print("caught")
""", "success", 0, profile="default", options=("--memory", "50M"),
         result={"stdout.text": "caught\n"}),
    Case("fork_bomb", "R-L3", "import os\nwhile True: os.fork()",
         ("exception", "wall_time_limit"), (1, 124), options=("--timeout", "2s"),
         result={"message": contains("process", "wall clock")}),
    Case("fork_denied", "R-L3", "import os; os.fork()", "exception", 1, profile="default",
         result={"exception.type": contains("OSError", "PermissionError", "BlockingIOError")}),
    Case("threads", "R-L3", """
import threading, time
try:
    for _ in range(10000):
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
except RuntimeError as error:
    print("refused")
""", "success", 0, options=("--timeout", "20s"), result={"stdout.text": "refused\n"}),
    Case("orphans_end", "R-NS3", """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
print("main ends")
""", "success", 0, result={"stdout.text": "main ends\n"}),
    Case("output_flood", "R-L4", "while True: print('x' * 1000)", "output_limit",
         153, options=("--output-limit", "64K"),
         result={"": captured(65536), "stdout.truncated": True,
                 "stdout.totalBytes": at_least(65537)}),
    Case("output_flood_of_both", "R-L4", """
import os
while True:
    os.write(1, b"o" * 999); os.write(2, b"e" * 777)
""", "output_limit", 153, options=("--output-limit", "64K"), result={"": captured(65536)}),
    Case("output_below_the_cap", "R-L4", "print('x' * 65535)", "success",
         options=("--output-limit", "64K"), result={"stdout.totalBytes": 65536}),
    Case("full_app", "R-L5", """
with open("/app/big", "wb") as file:
    while True:
        file.write(b"x" * 65536)
""", "exception", 1, options=("--disk", "4M"),
         result={"exception.type": "OSError", "exception.message": contains("No space left")}),
    Case("full_tmp", "R-L5", """
import os, itertools
for number in itertools.count():
    os.mkdir(f"/tmp/{number}")
""", "exception", 1,
         result={"exception.type": "OSError", "exception.message": contains("No space left")}),
    Case("too_many_files_open", "R-L6", "x = []\nwhile True: x.append(open('/dev/null'))",
         "exception", 1, result={"exception.message": contains("Too many open files")}),
    Case("os_exit", "R-P4", "import os; os._exit(3)", "exit_nonzero", 3, result={"exitCode": 3}),
    Case("sys_exit", "R-P7", "import sys; sys.exit(7)", "exit_nonzero", 7, profile="default",
         result={"exitCode": 7}),
    Case("sys_exit_none", "R-P7", "import sys; sys.exit()", "success", 0, profile="default"),
    Case("sys_exit_text", "R-P7", "import sys; sys.exit('bye')", "exit_nonzero", 1,
         profile="default", result={"stderr.text": "bye\n", "exitCode": 1}),
    Case("kill_self", "R-NS2", "import os; os.kill(os.getpid(), 9)", "signaled", 137,
         result={"signal": 9, "signalName": "SIGKILL"}),
    Case("kill_all", "R-NS2", "import os; os.kill(-1, 9); os.kill(1, 9); print('here')",
         ("success", "exception", "signaled"), (0, 1, 137)),
    Case("segfault", "R-L9", "import ctypes; ctypes.string_at(0)", "signaled", 139,
         result={"signal": 11, "signalName": "SIGSEGV"}),
    Case("abort", "R-L9", "import os; os.abort()", "signaled", 134,
         result={"signal": 6, "signalName": "SIGABRT"}),
    Case("terminate_self", "R-P4", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
         "signaled", 143, result={"signal": 15}),
    Case("exception", "R-P4", "\n1/0", "exception", 1, profile="default",
         result={"exception.type": "ZeroDivisionError", "exception.line": 2,
                 "exception.message": "division by zero", "exitCode": 1,
                 "stderr.text": contains("ZeroDivisionError: division by zero")}),
    Case("syntax_error", "R-P4", "x = (", "exception", 1, profile="default",
         result={"exception.type": "SyntaxError"}),
    Case("import_denied", "R-P1", "name = 'ctypes'\n__import__(name)", "exception", 1,
         profile="default", result={"exception.type": "ModuleNotFoundError"}),
    Case("import_rejected", "R-P1", "print(1)\nimport ctypes", "rejected", 126, profile="default",
         result={"stdout.totalBytes": 0, "findings": lambda found: [
             finding["rule"] for finding in found] == ["import-not-allowed"]}),
    Case("result_value", "R-P10", "import _sandbox; _sandbox.result({'a': [1, 2.5, None]})",
         "success", 0, profile="default", result={"resultJson": contains('{"a": [1, 2.5, null]}',
                                                                        '{"a":[1,2.5,null]}')}),
    Case("arguments", "R-D9", "import sys; print(sys.argv[1:])", "success", 0, profile="default",
         arguments=("a", "b c", "--json", "é"),
         result={"stdout.text": "['a', 'b c', '--json', 'é']\n"}),
    Case("environment", "R-I1", "import os; print(os.environ['GREETING'])", "success", 0,
         profile="default", options=("--env", "GREETING=hällo"),
         result={"stdout.text": "hällo\n"}),
    Case("stdin_empty", "R-D5", "import sys; print(repr(sys.stdin.read()))", "success", 0,
         profile="default", result={"stdout.text": "''\n"}),
    Case("unicode", "R-D7", "print('\\N{SNOWMAN} \\U0001F600 \\u0000 \\x1b[2J'); print('ü')",
         "success", 0, profile="default",
         result={"stdout.totalBytes": len("\N{SNOWMAN} \U0001F600 \x00 \x1b[2J\nü\n".encode())}),
    Case("bytes", "R-D7", "import os; os.write(1, bytes(range(256)))", "success", 0,
         profile="default",
         result={"stdout.text": None, "stdout.data": contains("AAECAwQF")}),
    Case("randomness_renewed", "R-T2", "import random, uuid; print(random.random(), uuid.uuid4())",
         "success", 0, profile="default"),
]

NETWORK = [
    Case("no_socket", "R-NW3", "import socket; socket.socket()", "exception", 1,
         profile="default", result={"exception.type": "PermissionError",
                                    "violations": lambda v: v and v[0]["subject"] == "socket"}),
    Case("loopback_works", "R-NW1", """
import socket, threading
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    server = socket.create_server((address, 0), family=family)
    client = socket.create_connection(server.getsockname()[:2])
    peer, _ = server.accept()
    client.sendall(b"hello")
    print(peer.recv(100))
""", "success", profile="loopback", result={"stdout.text": "b'hello'\nb'hello'\n"}),
    Case("nothing_beyond_loopback", "R-NW1", """
import socket, errno
for address in ("192.0.2.1", "8.8.8.8", "169.254.169.254"):
    try:
        socket.create_connection((address, 80), timeout=5)
    except OSError as error:
        print(errno.errorcode[error.errno])
""", "success", profile="loopback", result={"stdout.text": "ENETUNREACH\n" * 3}),
    Case("no_odd_families", "R-NW3", """
import socket
for family in (16, 17, 38, 40, 44):  # netlink, packet, alg, vsock, xdp
    try:
        socket.socket(family, socket.SOCK_RAW if family in (16, 17, 44) else socket.SOCK_STREAM)
    except PermissionError:
        continue
    print("reached", family)
""", "success", profile="loopback", result={"stdout.text": ""}),
]

# From inside the profile raw: what must not be there
INSIDE = [
    Case("descriptors", "R-D5", DESCRIPTORS_PROBE, "success",
         result={"stdout.text": "[0, 1, 2, 3]\n"}),
    Case("not_pid_1", "R-NS1", "import os; print(os.getpid() > 1, os.getuid(), os.getgid(), "
         "os.getgroups(), os.uname().nodename, os.getcwd())", "success",
         result={"stdout.text": "True 1000 1000 [] sandbox /app\n"}),
    Case("read_only_system", "R-FS2", """
import os
for path in ("/x", "/usr/x", "/usr/lib/x", "/dev/x", "/etc/x"):
    try:
        open(path, "w").close()
        print("wrote", path)
    except OSError:
        pass
for path in ("/app/x", "/tmp/x"):
    open(path, "w").close()
""", "success", result={"stdout.text": ""}),
    Case("no_exec_of_what_was_written", "R-SC6", """
import os
with open("/app/x", "w") as file:
    file.write("#!/bin/sh\\necho escaped\\n")
os.chmod("/app/x", 0o755)
try:
    os.execv("/app/x", ["x"])
except OSError:
    print("refused")
""", "success", result={"stdout.text": "refused\n"}),
    Case("utime_of_a_device", "R-FS3", """
import errno, os
for change in (lambda: os.utime("/dev/null"), lambda: os.chmod("/dev/null", 0o600)):
    try:
        change()
        print("changed")
    except OSError as error:
        print(errno.errorcode[error.errno])
print(os.write(os.open("/dev/null", os.O_RDWR), b"x"))
""", "success", result={"stdout.text": "EROFS\nEROFS\n1\n"}),
    Case("record_locks_of_a_family", "R-FS3", """
import errno, fcntl, os
fd = os.open("/dev/null", os.O_RDWR)
for command in (fcntl.F_SETLK, fcntl.F_SETLKW, fcntl.F_GETLK):
    try:
        fcntl.fcntl(fd, command, bytes(32))
        print("done")
    except OSError as error:
        print(errno.errorcode[error.errno])
""", "success", result={"stdout.text": "ENOLCK\nENOLCK\nEPERM\n"}),
    Case("sqlite", "R-P4", """
import sqlite3
database = sqlite3.connect("/app/x.db")
database.execute("create table t (n integer primary key, s text)")
with database:
    database.executemany("insert into t (s) values (?)", [("a",), ("b",)])
try:
    with database:
        database.execute("insert into t (s) values ('c')")
        raise KeyError
except KeyError:
    pass
other = sqlite3.connect("/app/x.db", timeout=0)
with database:
    database.execute("insert into t (s) values ('d')")
    try:
        other.execute("insert into t (s) values ('e')")
    except sqlite3.OperationalError as error:
        print(error)
database.close()
other.close()
print(sqlite3.connect("/app/x.db").execute("select s from t order by n").fetchall())
""", "success", profile="default",
         result={"stdout.text": "database is locked\n[('a',), ('b',), ('d',)]\n",
                 "violations": lambda v: not v}),
    Case("devices", "R-FS3", """
import os
print(*sorted(os.listdir("/dev")))
print(open("/dev/zero", "rb").read(3), open("/dev/null", "rb").read(), len(os.urandom(3)))
open("/dev/null", "w").write("x")
""", "success",
         result={"stdout.text": "full null random urandom zero\nb'\\x00\\x00\\x00' b'' 3\n"}),
]

# Denied calls by name and x86-64 number: reached in raw, and named in result.violations
DENIED_CALLS = {
    "socket": 41, "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "unshare": 272,
    "setns": 308, "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321,
    "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426,
    "open_by_handle_at": 304, "init_module": 175, "kexec_load": 246, "reboot": 169,
    "process_vm_readv": 310, "move_mount": 429, "fsopen": 430, "open_tree": 428,
    "mount_setattr": 442, "seccomp": 317, "chroot": 161, "sethostname": 170, "swapon": 167,
}
# These must look as if they did not exist, so that libraries fall back
ABSENT_CALLS = {"clone3": 435, "unknown": 900}

# Closed list of the names in the root directory
ROOT_NAMES = {"app", "bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "tmp", "usr"}

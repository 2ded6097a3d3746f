# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits. Nothing here is run without a sandbox, but for what is bounded by itself."""

from attack import CAGES, RAW, Attack

MIB = 1 << 20
# How much later than its limit a job may be reported on a machine with other things to do. That it is at most
# 250 ms on an idle one is tests/e2e's, which measures nothing else at the time
LATE_USEC = 5_000_000


def wall(limit_usec, cpu_usec=None):
    def judge(result):
        used = result.usage
        assert limit_usec <= used.wall_time_usec <= limit_usec + LATE_USEC, result
        assert cpu_usec is None or used.cpu_user_usec + used.cpu_system_usec <= cpu_usec, result
    return judge


def memory_at_most(limit, slack=10 * MIB):
    """The limit, and what a job changes of the template's pages where no cgroup counts."""
    def judge(result):
        assert result.usage.memory_peak_bytes <= limit + slack, result
    return judge


def capped(limit):
    def judge(result):
        assert len(result.stdout.data) == limit and result.stdout.truncated, (len(result.stdout.data), result.stdout.truncated)
    return judge


def captured(limit):
    """Of both streams together."""
    def judge(result):
        assert len(result.stdout.data) + len(result.stderr.data) == limit, result
    return judge


def processes_at_most(limit):
    def judge(result):
        assert result.usage.processes_peak is None or result.usage.processes_peak <= limit, result
    return judge


def segfault(result):
    assert (result.signal, result.signal_name) == (11, "SIGSEGV"), result


ATTACKS = (
    Attack("RS-01a", "R-L1", "the builder's timer", "a loop", "print('OK before', flush=True)\nwhile True: pass\n", RAW + ("default", "eval"),
           {"limits": {"wall_time_usec": 2_000_000}}, ("wall_time_limit",), wall(2_000_000, 3_000_000), has_prelude=False, bare="never"),
    Attack("RS-01k", "R-L1", "the builder's timer", "one call of C code that never returns to the interpreter", "OK('before')\n(1 << 400_000_000) % 3\nb'a'.join([b'x' * 100] * 10**9)\n",
           RAW, {"limits": {"wall_time_usec": 1_000_000, "memory_bytes": 64 * MIB}}, ("wall_time_limit", "memory_limit"), bare="never"),
    Attack("RS-01l", "R-L1", "the builder's timer, RLIMIT_CPU", "CPU time of children that are not waited for", """
OK("before")
for _ in range(4):
    if os.fork() == 0:
        while True:
            pass
while True:
    pass
""", RAW, {"limits": {"cpu_time_usec": 1_000_000}}, ("cpu_time_limit",), bare="never"),
    Attack("RS-02a", "R-L2", "memory limit", "memory grows to the limit", "print('OK before', flush=True)\nx = []\nwhile True: x.append(bytearray(1 << 20))\n",
           RAW + ("default", "eval"), {"limits": {"memory_bytes": 64 * MIB}}, ("memory_limit",), memory_at_most(64 * MIB), has_prelude=False, bare="never"),
    Attack("RS-02k", "R-L2", "memory limit", "memory that is mapped, shared, in pipes, in files, on the stack", """
import mmap
OK("before")
kept = []
def stack(n):
    return stack(n - 1) if n else 0
sys.setrecursionlimit(10**6)
try:
    stack(10**5)
except (RecursionError, MemoryError) as e:
    OK(type(e).__name__)
for flags in (mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
    try:
        while True:
            kept.append(mmap.mmap(-1, 1 << 20, flags))
            kept[-1].write(b"x" * (1 << 20))
            if len(kept) > 200:
                BAD("no limit", flags)
                break
    except (OSError, MemoryError) as e:
        OK(len(kept), "MiB", e)
""", RAW, {"limits": {"memory_bytes": 64 * MIB}}, ("success", "memory_limit", "signaled"), memory_at_most(64 * MIB), bare="never"),
    Attack("RS-02l", "R-L2", "the cgroup's memory limit", "memory of several processes, each below the limit", """
import signal
OK("before")
full, ready = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        try:
            kept = bytearray(b"x") * (32 << 20)
            os.write(ready, b"x")
            signal.pause()
        finally:
            os._exit(0)
os.close(ready)
count = 0
while count < 4 and os.read(full, 1):
    count += 1
# Without a cgroup the limit is that of each process
judge(count < 4 or not IS_SERVICE, count, "processes with 32 MiB")
""", RAW, {"limits": {"memory_bytes": 64 * MIB}}, ("success", "memory_limit"), bare="never"),
    Attack("RS-03a", "R-L3", "limit of processes", "a fork bomb", """
OK("before")
while True:
    try:
        os.fork()
    except OSError:
        pass
""", RAW, {"limits": {"wall_time_usec": 1_500_000}}, ("wall_time_limit", "cpu_time_limit"), processes_at_most(32), bare="never"),
    Attack("RS-03k", "R-L3", "limit of processes", "threads and processes together, and zombies", """
import threading
count = 0
stop = threading.Event()
try:
    while count < 2000:
        if count % 2:
            threading.Thread(target=stop.wait, daemon=True).start()
        elif os.fork() == 0:
            os._exit(0)  # a zombie, since nobody waits
        count += 1
    BAD("no limit", count)
except (OSError, RuntimeError) as e:
    judge(count <= 32, count, e)
os._exit(0)
""", RAW, judge=processes_at_most(32), bare="never"),
    Attack("RS-03l", "R-L3", "limit of threads", "threads of a program that cannot fork", """
import threading
count, stop = 0, threading.Event()
try:
    while count < 2000:
        threading.Thread(target=stop.wait, daemon=True).start()
        count += 1
    BAD("no limit", count)
except RuntimeError as e:
    judge(count <= 16, count, e)
os._exit(0)
""", ("default", "default-cage", "loopback-cage"), bare="never"),
    Attack("RS-04a", "R-L4", "limit of output", "a gigabyte of output", "block = b'x' * 65536\nfor _ in range(16384): os.write(1, block)\n",
           RAW, {}, ("output_limit",), capped(1 * MIB), bare="never"),
    Attack("RS-04k", "R-L4", "limit of output", "both streams, from many processes, in small pieces", """
for _ in range(6):
    if os.fork() == 0:
        break
while True:
    os.write(1, b"a")
    os.write(2, b"b" * 5000)
""", RAW, {"limits": {"output_bytes": 100_000}}, ("output_limit",),
           captured(100_000), bare="never"),
    Attack("RS-05a", "R-L5", "size of the tmpfs", "filling /app and /tmp", """
for directory in ("/app", "/tmp"):
    count = 0
    try:
        file = open(directory + "/big", "wb", 0)
        while count < 1 << 32:
            file.write(b"x" * (1 << 20))
            count += 1 << 20
        BAD(directory, "no limit", count)
    except OSError as e:
        judge(e.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT), directory, count >> 20, "MiB", e.strerror)
    finally:
        os.unlink(directory + "/big")
""", RAW + ("default", "default-cage"), {"limits": {"memory_bytes": 512 * MIB}}, bare="never"),
    Attack("RS-05k", "R-L5", "size of the tmpfs", "fallocate, sparse files, copies, links and long names", """
import errno
fd = os.open("/app/a", os.O_CREAT | os.O_RDWR)
raises(lambda: os.posix_fallocate(fd, 0, 1 << 40), OSError)
count = 0
try:
    os.truncate("/tmp/sparse", 1) if os.path.exists("/tmp/sparse") else open("/tmp/sparse", "w").close()
    os.truncate("/tmp/sparse", 100 << 20)
except OSError as e:
    OK("sparse", e.strerror)
try:
    while count < 200:
        with open(f"/app/c{count}", "wb", 0) as file:
            file.write(bytes(1 << 20))
        count += 1
    BAD("no limit", count)
except OSError as e:
    judge(count <= 64, count, e.strerror)
try:
    for n in range(10000):
        os.symlink("x" * 4000, f"/tmp/{n}" + "y" * 200)
    BAD("no limit of links")
except OSError as e:
    OK("links", e.strerror)
""", RAW + ("default-cage",), {"limits": {"memory_bytes": 512 * MIB}}, bare="never"),
    Attack("RS-06a", "R-L5", "inodes of the tmpfs", "a million empty files", """
count = 0
try:
    while count < 1000000:
        os.close(os.open("/app/f%d" % count, os.O_CREAT))
        count += 1
    BAD("no limit", count)
except OSError as e:
    OK(count, e.strerror)
""", RAW + ("default", "default-cage"), bare="never"),
    Attack("RS-06k", "R-L5", "inodes of the tmpfs", "nested directories, FIFOs, sockets and hard links", """
count, path = 0, "/tmp"
try:
    os.chdir("/tmp")
    while count < 200000:
        os.mkdir("d")
        os.chdir("d")
        count += 1
    BAD("no limit of directories", count)
except OSError as e:
    OK(count, e.strerror)
os.chdir("/app")
count = 0
try:
    while count < 200000:
        os.mkfifo(f"p{count}")
        count += 1
    BAD("no limit of FIFOs", count)
except OSError as e:
    OK(count, e.strerror)
count = 0
try:
    while count < 200000:
        os.link("p0", f"l{count}")
        count += 1
    BAD("no limit of links", count)
except OSError as e:
    OK(count, e.strerror)
""", RAW + ("default-cage",), bare="never"),
    Attack("RS-07a", "R-L6", "limit of descriptors", "a hundred thousand descriptors", """
count = 0
try:
    while count < 100000:
        os.open("/dev/null", os.O_RDONLY)
        count += 1
    BAD("no limit", count)
except OSError as e:
    judge(count <= 1024, count, e.strerror)
""", RAW + ("default", "default-cage"), bare="caught"),
    Attack("RS-07k", "R-L6", "limit of descriptors", "descriptors on their way in sockets, epoll in epoll, pipes, timers", """
import array, select, socket
count = 0
try:
    while count < 20000:
        one, two = socket.socketpair()
        for _ in range(8):
            one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 250))])
            count += 250
        two.detach()
        one.detach()
    BAD("no limit", count)
except OSError as e:
    OK(count, e.strerror)
for fd in range(4, 1024):
    try:
        os.close(fd)
    except OSError:
        pass
count = 0
try:
    while count < 5000:
        select.epoll()
        os.pipe()
        count += 1
except OSError as e:
    judge(count <= 1024, count, e.strerror)
""", RAW, {"limits": {"wall_time_usec": 20_000_000}}, ("success", "exception", "memory_limit"), bare="never"),
    Attack("RS-08a", "R-L1", "the builder's timer", "asleep, and deaf to signals", """
import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
OK("before")
time.sleep(3600)
""", RAW + ("default", "default-cage"), {"limits": {"wall_time_usec": 2_000_000}}, ("wall_time_limit",), wall(2_000_000), bare="never"),
    Attack("RS-08k", "R-L1", "the builder's timer", "stopped, blocked, and with its channel closed", """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
OK("before")
for fd in (0, 2, 3):
    os.close(fd)
os.kill(os.getpid(), signal.SIGSTOP)
""", RAW, {"limits": {"wall_time_usec": 5_000_000}}, ("wall_time_limit",), wall(5_000_000), bare="never"),
    Attack("RS-09a", "R-T2", "ipc namespace, seccomp", "shared memory", """
value, error = call(29, 0x70797362, 1 << 30, 0o1666)
judge(value == -1, "shmget of a GiB", value, error)
value, error = call(29, 0x70797363, 4096, 0o666)
judge(value == -1, "a segment of an earlier job", value, error)
""", CAGES, runs=2, bare="never"),
    Attack("RS-09k", "R-T2", "ipc namespace, seccomp", "semaphores, queues of both kinds, POSIX shared memory", """
for name, arguments in (("semget", (64, 0x70797364, 1, 0o1666)), ("msgget", (68, 0x70797365, 0o1666)), ("mq_open", (240, text(b"pysbd"), 0x42, 0o600, 0)),
                        ("shmat", (30, 0, 0, 0)), ("shmctl", (31, 0, 2, 0)), ("msgctl", (71, 0, 3, 0)), ("semctl", (66, 0, 0, 2, 0))):
    value, error = call(*arguments)
    judge(value == -1 and error in DENIALS, name, value, error)
for path in ("/dev/shm/pysbd", "/dev/mqueue/pysbd"):
    raises(lambda: open(path, "w"), OSError)
""", CAGES, runs=2, bare="never"),
    Attack("RS-12a", "R-L8", "interpreter, limits", "bombs for parsers and numbers", """
import json
raises(lambda: json.loads("[" * 200000), RecursionError, MemoryError, ValueError)
raises(lambda: compile("(" * 200000, "x", "eval"), SyntaxError, MemoryError, RecursionError)
raises(lambda: int("9" * 10000000), ValueError)
raises(lambda: eval("-" * 200000 + "1"), SyntaxError, MemoryError, RecursionError)
""", RAW + ("default-cage",), {}, ("success", "signaled", "memory_limit"), bare="silent"),
    Attack("RS-12k", "R-L8", "interpreter, limits", "bombs for unpackers, expressions and recursion", """
import ast, pickle, re, zlib
OK("before")
raises(lambda: ast.parse("a" + ".b" * 100000 + "[" * 200), SyntaxError, MemoryError, RecursionError)
def f(n): return f(n + 1)
raises(lambda: f(0), RecursionError)
try:
    bomb = zlib.compress(bytes(8 << 20))
    big = [zlib.decompress(bomb) for _ in range(100)]
    BAD("no limit", len(big))
except MemoryError:
    OK("MemoryError")
x = []
for _ in range(200000): x = [x]
try:
    repr(x)
    BAD("printed")
except RecursionError:
    OK("RecursionError")
""", RAW + ("default-cage",), {}, ("success", "signaled", "memory_limit"), bare="never"),
    Attack("RS-13a", "R-L9", "no core, a typed end", "a segmentation fault", "OK('before')\nctypes.string_at(0)\n", CAGES, {}, ("signaled",), segfault, bare="never"),
    Attack("RS-13k", "R-L9", "no core, a typed end", "the other ways to crash, in a child as well", """
import signal
OK("before")
children = []
for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT, signal.SIGILL, signal.SIGFPE, signal.SIGBUS, signal.SIGTRAP, signal.SIGSYS):
    pid = os.fork()
    if pid == 0:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    status = os.waitpid(pid, 0)[1]
    judge(os.WIFSIGNALED(status) and not os.WCOREDUMP(status), number, status)
judge(not [n for n in os.listdir(".") if "core" in n], "files of cores")
os.abort()
""", RAW, {}, ("signaled",), bare="never"),
)

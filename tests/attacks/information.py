# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a job can learn of the machine and of other jobs."""

from attack import CAGES, RAW, Attack

# The daemon has it in its environment while the programs run
ENVIRONMENT_CANARY = ("FOO_SECRET", "canary-env")


def traceback_is_clean(result):
    assert result.exception.type == "ValueError" and result.exception.line == 2, result.exception
    text = result.exception.traceback + result.stderr.text
    for word in ("/root", "/work", "/home", "/usr/libexec", "daemon", "pysb-runner", "/proc", "_program", "_policy"):
        assert word not in text, (word, text)


ATTACKS = (
    Attack("IL-01a", "R-I1", "a clean environment", "variables are a closed list", """
allowed = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONHASHSEED", "PWD", "USER", "OPENBLAS_NUM_THREADS",
           "OMP_NUM_THREADS", "MPLBACKEND", "MPLCONFIGDIR"}
for name in os.environ:
    judge(name in allowed, name)
judge(not any("canary" in value for value in os.environ.values()), "canary")
"""),
    Attack("IL-01k", "R-I1", "a clean environment", "the environment and the command line as the kernel and the C library have them", """
for name in ("environ", "cmdline", "auxv", "comm"):
    try:
        with open("/proc/self/" + name, "rb") as file:
            data = file.read()
    except OSError as e:
        OK(name, e.strerror)
        continue
    judge(not any(word in data for word in (b"canary", b"/root", b"/work", b"/home", b"SECRET", b"libexec")), name, data[:100])
libc = ctypes.CDLL(None)
environ, n = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ"), 0
while environ and environ[n]:
    judge(b"canary" not in environ[n], environ[n])
    n += 1
OK("variables", n)
"""),
    Attack("IL-02a", "R-I2", "a /proc of pids only", "files of /proc that are the machine's", """
gone(*("/proc/" + name for name in ("kcore", "kallsyms", "keys", "key-users", "timer_list", "sched_debug", "kmsg", "config.gz", "cmdline", "interrupts",
                                    "iomem", "slabinfo", "vmallocinfo", "kpagecount", "latency_stats", "acpi", "scsi", "modules")))
"""),
    Attack("IL-02k", "R-I2", "a /proc of pids only, no /sys", "/proc has processes and nothing else, and there is no /sys", """
names = set(os.listdir("/proc"))
judge(all(name.isdigit() or name in ("self", "thread-self") for name in names), "names", sorted(names)[:20])
gone(*("/proc/" + name for name in ("meminfo", "cpuinfo", "stat", "version", "uptime", "loadavg", "mounts", "partitions", "diskstats", "swaps",
                                    "sys/kernel/random/boot_id", "sys/kernel/osrelease", "sys/kernel/hostname", "bus/pci/devices", "tty/drivers",
                                    "kpageflags", "pagetypeinfo", "zoneinfo", "sysvipc/shm", "driver/rtc", "fs/ext4", "1/mem", "1/environ")))
gone("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/dmi/id/product_uuid", "/sys/class/net/eth0/address", "/sys/block", "/dev/mem",
     "/dev/kmsg", "/dev/port", "/dev/kvm", "/dev/tty", "/dev/ptmx", "/dev/console", "/dev/fuse", "/dev/net/tun", "/dev/vda", "/dev/shm")
"""),
    Attack("IL-03a", "R-I2", "a /proc of pids only", "knobs that could be written", """
for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory",
             "/proc/sys/kernel/hostname", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/binfmt_misc/register", "/proc/irq/default_smp_affinity", "/proc/mtrr"):
    raises(lambda: os.open(path, os.O_WRONLY), OSError)
""", bare="silent"),
    Attack("IL-03k", "R-I2", "a read-only /proc", "what belongs to the job in /proc cannot be written either", """
for name in ("oom_score_adj", "coredump_filter", "timerslack_ns", "autogroup", "clear_refs", "sched", "comm", "attr/current", "attr/exec", "loginuid",
             "setgroups", "uid_map", "gid_map", "make-it-fail", "mem"):
    for process in ("self", "thread-self", "1"):
        path = f"/proc/{process}/{name}"
        raises(lambda: os.open(path, os.O_WRONLY), OSError)
for name in ("pagemap", "stack", "syscall", "wchan", "personality", "timers", "patch_state", "numa_maps"):
    path = "/proc/1/" + name
    raises(lambda: open(path, "rb").read(1), OSError)
""", RAW + ("default", "default-cage"), bare="caught"),
    Attack("IL-04a", "R-I3", "uts namespace, no files of the host", "names of host, machine and users", """
import platform, socket
judge(socket.gethostname() in ("sandbox", "localhost", "pysbd", "job"), "hostname", socket.gethostname())
gone("/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/.dockerenv")
import pwd
judge(len(pwd.getpwall()) <= 3, "users", len(pwd.getpwall()))
""", ("raw", "default", "default-cage", "eval-cage")),  # loopback has an /etc/hosts of its own
    Attack("IL-04k", "R-I3", "namespaces, seccomp", "ids, names and sizes of the host by system calls", """
judge(os.getuid() == 1000 and os.getgid() == 1000, "ids", os.getuid(), os.getgid())
judge(os.getpid() < 100 and os.getppid() <= 1 and os.getsid(0) < 100, "pids", os.getpid(), os.getppid(), os.getsid(0))
judge(os.uname().nodename == "sandbox", os.uname().nodename)
buffer = ctypes.create_string_buffer(400)
denied(sysinfo=(99, buffer), syslog=(103, 10, 0, 0), swapon=(167, 0, 0), getdomain=(171, buffer, 1))
for path in ("/", "/app", "/tmp", "/proc", "/dev", "/dev/null"):
    try:
        found = os.stat(path)
    except OSError as e:
        OK(path, e.strerror)
        continue
    judge({found.st_uid, found.st_gid} <= {1000, 65534}, path, found.st_uid, found.st_gid)
""", CAGES),
    Attack("IL-05a", "R-I4", "texts of errors", "the traceback of an exception", """\
print("OK before")
def g(): raise ValueError("boom")
g()
""", ("default", "eval"), {}, ("exception",), traceback_is_clean, has_prelude=False, bare="never"),
    Attack("IL-07a", "R-T2", "a fresh process for each job", "marks in the interpreter of an earlier job", """
import builtins, random
for thing in (builtins, sys, os, random):
    if getattr(thing, "pysbd_mark", None):
        BAD("state of an earlier job in", thing.__name__)
    thing.pysbd_mark = 1
sys.path.append("/app/evil")
sys.modules["json"] = sys
os.environ["X_MARK"] = "1"
random.seed(1)
OK("marked")
""", RAW + ("default", "default-cage"), runs=20, bare="silent"),
    Attack("IL-07k", "R-T2", "a fresh process for each job", "path, modules, environment, directory, masks, limits and handlers are those of the first job", """
import hashlib, locale, resource, signal
state = repr((sys.path, sorted(sys.modules), sorted(os.environ.items()), os.getcwd(), os.umask(0o22), signal.pthread_sigmask(signal.SIG_BLOCK, []),
              locale.setlocale(locale.LC_ALL), [resource.getrlimit(n) for n in range(16)], [str(signal.getsignal(n)) for n in (1, 2, 13, 15, 17)],
              sys.getrecursionlimit(), sorted(os.listdir("/app")), sorted(os.listdir("/tmp")), os.getpriority(0, 0)))
print("STATE", hashlib.sha256(state.encode()).hexdigest())
sys.setrecursionlimit(5000)
os.umask(0)
signal.signal(15, signal.SIG_IGN)
os.chdir("/tmp")
open("/app/left", "w").close()
OK("changed")
""", RAW + ("default", "default-cage"), runs=10, bare="never"),
    Attack("IL-07l", "R-T2", "randomness is a job's own", "random numbers are no others' and cannot be foreseen", """
import random, secrets, tempfile, uuid
print("RANDOM", random.random(), random.getrandbits(64), secrets.token_hex(8), os.urandom(8).hex(), uuid.uuid4(), uuid.uuid1(),
      next(tempfile._get_candidate_names()), random.SystemRandom().random(), id(object()) and "")
OK("said")
""", RAW + ("default", "default-cage"), runs=10, bare="never"),
    Attack("IL-08a", "R-T2", "zeroed memory", "what an earlier job had in memory", """
import mmap
key = b"CANARY-" + b"7f3a9"
seen = 0
memory = mmap.mmap(-1, 32 << 20)
seen += memory.find(key) >= 0
blocks = [bytearray(65536) for _ in range(200)]
seen += any(key in block for block in blocks)
judge(not seen, "stale", seen)
left = [key * 1000 for _ in range(100)]  # for the next job
""", RAW + ("default", "default-cage"), runs=3, bare="silent"),
    Attack("IL-08k", "R-T2", "zeroed memory", "what the template keeps of earlier jobs: all of the process's memory", """
key = b"CANARY-" + b"91c04"
with open("/proc/self/maps") as file:
    rows = [row.split() for row in file]
try:
    memory = open("/proc/self/mem", "rb", 0)
except OSError as e:
    memory = None
    OK("mem", e.strerror)
hits = 0
for row in rows:
    begin, end = (int(n, 16) for n in row[0].split("-"))
    if row[1][0] != "r" or "[v" in row[-1] or end - begin > 64 << 20:
        continue
    data = ctypes.string_at(begin, end - begin) if memory is None else os.pread(memory.fileno(), end - begin, begin)
    hits += data.count(b"CANARY-91c04")
    del data
judge(hits < 20, "found", hits)  # this program's own text has some
left = [key * 1000 for _ in range(50)]
""", RAW + ("default-cage",), {"limits": {"memory_bytes": 512 << 20}}, runs=3, bare="never"),
    Attack("IL-09a", "R-I5", "the kernel's mitigations", "what the kernel says of speculation is one of what SECURITY.md describes", """
with open("/proc/self/status") as file:
    status = dict(line.split(":", 1) for line in file)
for name in ("Speculation_Store_Bypass", "SpeculationIndirectBranch"):
    print(name, status.get(name, "?").strip())
OK("said")
""", RAW, bare="silent"),
    Attack("IL-10a", "R-I6", "read-only mounts", "statistics of shared file systems", """
OK("before")
found = os.statvfs("/usr")
print("size of the host's file system:", found.f_blocks * found.f_frsize >> 30, "GiB, free", found.f_bavail * found.f_frsize >> 30)
judge(found.f_flag & os.ST_RDONLY, "read-only", found.f_flag)
""", outcomes=("success", "exception")),
    Attack("IL-10k", "R-I6", "read-only mounts, seccomp", "reading leaves no time behind, and locks, leases and watches on shared files are none", """
import fcntl
path = os.__file__
before = os.stat(path).st_atime_ns
fd = os.open(path, os.O_RDONLY)
os.read(fd, 100)
judge(os.stat(path).st_atime_ns == before, "atime")
for name, function in (("flock", lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)), ("lease", lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)),
                       ("getlease", lambda: fcntl.fcntl(fd, fcntl.F_GETLEASE)), ("ofd", lambda: fcntl.fcntl(fd, 37, bytes(32))), ("ofd_get", lambda: fcntl.fcntl(fd, 36, bytes(32))),
                       ("getlk", lambda: fcntl.fcntl(fd, fcntl.F_GETLK, bytes(32))), ("notify", lambda: fcntl.fcntl(fd, 1026, 1)),
                       ("owner", lambda: fcntl.fcntl(fd, 8, 1))):
    raises(function, OSError)
""", RAW + ("default", "default-cage", "loopback-cage")),
)

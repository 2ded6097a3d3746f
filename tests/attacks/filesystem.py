# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files and mounts."""

from attack import CAGES, RAW, Attack

# A file of the host that everybody may read, at this place while the programs run
CANARY = "/var/tmp/pysbd-canary"


def collected_nothing(result):
    for file in result.files or []:
        assert not file.data and file.problem, file
    assert "root:" not in str(result)


ATTACKS = (
    Attack("FS-01a", "R-FS1", "mount namespace", "well-known secrets of the host", """
gone("/etc/shadow", "/etc/passwd-", "/root/.bashrc", "/root/.ssh/id_rsa", "/etc/machine-id", "/var/log/dpkg.log",
     "/var/lib/dpkg/status", "/boot/config", "/etc/fstab", "/etc/hostname")
"""),
    Attack("FS-01k", "R-FS1", "mount namespace", "the root has a closed list of names", """
names = set(os.listdir("/"))
judge(names <= {"app", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr"}, "root", sorted(names))
for path in ("/etc", "/dev", "/usr"):
    if path[1:] in names:
        judge(len(os.listdir(path)) <= 8, path, sorted(os.listdir(path))[:12])
"""),
    Attack("FS-02a", "R-FS1", "mount namespace, pivot_root", "climbing by .. to a file of the host", """
canary = "var/tmp/pysbd-canary"
for base in ("", "/", "/app/", "/tmp/", "/usr/lib/", "/proc/self/cwd/"):
    gone(base + "../" * 40 + canary)
os.chdir("/")
for _ in range(40):
    os.chdir("..")
gone(canary)
"""),
    Attack("FS-02k", "R-FS1", "mount namespace, pivot_root", "climbing by what /proc leads to, and by descriptors", """
canary = "var/tmp/pysbd-canary"
for process in ("self", "thread-self", "1", str(os.getppid())):
    for link in ("root", "cwd", "exe", "fd/0", "fd/3", "task/1/root", "map_files"):
        gone(f"/proc/{process}/{link}/" + canary, f"/proc/{process}/{link}/" + "../" * 20 + canary)
for path in ("/", "/app", "/tmp", "/proc", "/dev", "/usr/lib"):
    try:
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    except OSError as e:
        OK(path, e.strerror)
        continue
    for up in ("", "../" * 40):
        try:
            found = os.open(up + canary, os.O_RDONLY, dir_fd=fd)
            BAD("opened by a descriptor of", path, found)
        except OSError as e:
            OK(path, up[:3], e.strerror)
"""),
    Attack("FS-02l", "R-FS1", "mount namespace", "the old root is mounted nowhere, and below no mount", """
with open("/proc/self/mountinfo") as file:
    rows = [line.split() for line in file]
for row in rows:
    kind, device = row[row.index("-") + 1], row[row.index("-") + 2]
    judge(row[4] != "/" or kind == "tmpfs", "root", kind, device)
    judge(row[4].split("/")[1] in ("", "app", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr"), row[4])
"""),
    Attack("FS-03a", "R-D3", "collection by the box's init", "files to hand back are links to files of the host", """
os.symlink("/etc/shadow", "/app/result.txt")
os.symlink("/proc/1/environ", "/app/env.txt")
OK("links made")
""", RAW, {"collect": ["result.txt", "env.txt"]}, judge=collected_nothing, bare="never"),
    Attack("FS-03k", "R-D3", "collection by the box's init", "directories that are links, hard links, devices, FIFOs", """
os.symlink("/", "/app/root")
os.symlink("/dev/zero", "/app/zero.txt")
os.mkfifo("/app/fifo.txt")
os.mkdir("/app/directory.txt")
try:
    os.link("/etc/passwd", "/app/link.txt")
    BAD("a hard link over mounts")
except OSError as e:
    OK(e.strerror)
""", RAW, {"collect": ["root/**", "root/etc/passwd", "*.txt"]}, judge=collected_nothing, bare="never"),
    Attack("FS-04a", "R-FS2", "read-only mounts", "create, rename and remove in the system's tree", """
for path in ("/x", "/usr/x", "/usr/lib/x", "/etc/x", "/usr/bin/x", os.path.dirname(os.__file__) + "/x.py", "/dev/x", "/proc/x"):
    raises(lambda: open(path, "w").close(), OSError)
raises(lambda: os.rename(os.__file__, os.__file__ + ".bak"), OSError)
raises(lambda: os.unlink("/usr/bin/env"), OSError)
raises(lambda: os.mkdir("/newdir"), OSError)
""", bare="silent"),
    Attack("FS-04k", "R-FS2", "read-only mounts", "change what there is: mode, times, length, links, attributes", """
import glob
files = ["/etc/passwd", "/etc/group", os.__file__, "/", "/usr/lib", "/dev"] + glob.glob("/usr/lib/x86_64-linux-gnu/libc.so.6")
for path in files:
    for change in (lambda: os.chmod(path, 0o777), lambda: os.utime(path, (0, 0)), lambda: os.truncate(path, 0),
                   lambda: os.chown(path, os.getuid(), os.getgid()), lambda: os.open(path, os.O_RDWR | os.O_APPEND),
                   lambda: os.setxattr(path, "user.x", b"x"), lambda: os.symlink("/tmp", path + "/x"),
                   lambda: os.link(path, "/tmp/linked"), lambda: os.rename(path, "/tmp/moved")):
        raises(change, OSError)
""", bare="silent"),
    Attack("FS-05a", "R-FS3", "no capability, nodev, seccomp", "device nodes", """
import stat
DEVICES = (("mem", stat.S_IFCHR, (1, 1)), ("kmsg", stat.S_IFCHR, (1, 11)), ("vda", stat.S_IFBLK, (254, 0)),
           ("tun", stat.S_IFCHR, (10, 200)), ("fuse", stat.S_IFCHR, (10, 229)), ("null", stat.S_IFCHR, (1, 3)))
for name, kind, device in DEVICES:
    for place in ("/tmp/", "/app/", "/dev/"):
        raises(lambda: os.mknod(place + name, kind | 0o666, os.makedev(*device)), OSError)
""", bare="silent"),
    Attack("FS-05k", "R-FS3", "devices of our own, seccomp", "/dev has five devices, and no command reaches a driver", """
import stat
for name in sorted(os.listdir("/dev")):
    found = os.lstat("/dev/" + name)
    judge(name in ("null", "zero", "full", "random", "urandom"), name)
    judge(stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == 1, name, found.st_rdev)
fd = os.open("/dev/urandom", os.O_RDONLY)
for name, command in (("RNDGETENTCNT", 0x80045200), ("RNDADDTOENTCNT", 0x40045201), ("RNDCLEARPOOL", 0x5206),
                      ("RNDRESEEDCRNG", 0x5207), ("BLKGETSIZE64", 0x80081272)):
    value, error = call(16, fd, command, 0)
    judge(value == -1 and error in DENIALS, name, value, error)
""", CAGES),
    Attack("FS-05l", "R-FS3", "Landlock", "feeding the host's source of random numbers", """
for name in ("random", "urandom"):
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        raises(lambda: os.write(os.open("/dev/" + name, flags), b"x"), OSError)
for name in ("null", "zero"):
    judge(os.write(os.open("/dev/" + name, os.O_WRONLY), b"x") == 1, name)
"""),
    Attack("FS-05m", "R-FS3", "Landlock", "the same devices by other names, and opened again from a descriptor for reading", """
for name in ("random", "urandom"):
    fd, directory = os.open("/dev/" + name, os.O_RDONLY), os.open("/dev", os.O_PATH)
    raises(lambda: write(f"/proc/self/fd/{fd}", "x"), OSError)
    raises(lambda: os.write(os.open(name, os.O_WRONLY, dir_fd=directory), b"x"), OSError)
    os.symlink("/dev/" + name, "/tmp/pysb-link")
    raises(lambda: write("/tmp/pysb-link", "x"), OSError)
    os.unlink("/tmp/pysb-link")
"""),
    Attack("FS-06a", "R-FS4", "nosuid", "programs with set-id bits", """
seen = 0
nosuid = set()
if os.path.exists("/proc/self/mountinfo"):
    nosuid = {line.split()[4] for line in open("/proc/self/mountinfo") if "nosuid" in line.split()[5]}
for directory, _, files in os.walk("/"):
    if directory.startswith("/proc"):
        continue
    for name in files:
        path = os.path.join(directory, name)
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue
        if mode & 0o6000 and mode & 0o170000 == 0o100000:
            mount = max((m for m in nosuid if path.startswith(m if m == "/" else m + "/")), key=len, default=None)
            judge(mount, "set-id", path, mount)
        seen += 1
    if seen > 200000:
        break
OK("files seen", seen)
"""),
    Attack("FS-06k", "R-FS4", "noexec, seccomp", "what was written can neither be executed nor mapped to be", """
import mmap, subprocess
with open(os.path.join(os.path.dirname(os.__file__), "os.py"), "rb") as file:
    data = file.read(4096)
for path in ("/app/prog", "/tmp/prog", "/dev/shm/prog"):
    try:
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o6755)
    except OSError as e:
        OK(path, e.strerror)
        continue
    with open(path, "rb") as file:
        raises(lambda: mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC), OSError)
    raises(lambda: os.execv(path, [path]), OSError)
    raises(lambda: subprocess.run([path]), OSError)
    for loader in ("/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"):
        raises(lambda: os.execv(loader, [loader, path]), OSError)
""", bare="never"),
    Attack("FS-07a", "R-FS5", "no capability, seccomp", "mount, umount, pivot_root, chroot", """
denied(mount_tmpfs=(165, text(b"none"), text(b"/tmp"), text(b"tmpfs"), 0, 0),
       mount_proc=(165, text(b"proc"), text(b"/tmp"), text(b"proc"), 0, 0),
       remount=(165, 0, text(b"/tmp"), 0, 0x1020, 0), umount=(166, text(b"/tmp"), 2),
       pivot_root=(155, text(b"/"), text(b"/tmp")), chroot=(161, text(b"/tmp")))
""", CAGES),
    Attack("FS-07k", "R-FS5", "no capability, seccomp", "the calls of the newer kernels that mount", """
denied(open_tree=(428, -100, text(b"/"), 1), open_tree_attr=(467, -100, text(b"/"), 1, 0, 0), move_mount=(429, -1, 0, -1, 0, 0),
       fsopen=(430, 0, 0), fsconfig=(431, -1, 0, 0, 0, 0), fsmount=(432, -1, 0, 0), fspick=(433, -100, text(b"/"), 0),
       mount_setattr=(442, -1, 0, 0, 0, 0), statmount=(457, 0, 0, 0, 0), listmount=(458, 0, 0, 0, 0),
       swapon=(167, 0, 0), quotactl=(179, 0, 0, 0, 0), quotactl_fd=(443, -1, 0, 0, 0))
""", CAGES),
    Attack("FS-08a", "R-FS2", "mount flags", "all mounts are nosuid and nodev, few are writable and those noexec", """
WRITABLE = {"/app", "/tmp", "/dev/shm", "/dev/mqueue"}
try:
    with open("/proc/self/mountinfo") as file:
        rows = file.read().splitlines()
except OSError:
    rows = []
    OK("mountinfo hidden")
for row in rows:
    fields = row.split()
    place, flags = fields[4], fields[5].split(",")
    is_device = place.startswith("/dev/") and place not in WRITABLE
    judge("nosuid" in flags and ("nodev" in flags or is_device), "flags", place, flags)
    if "rw" in flags and not is_device and not place.startswith("/proc"):
        judge(place in WRITABLE and "noexec" in flags, "writable", place, flags)
OK("mounts", len(rows))
"""),
    Attack("FS-08k", "R-FS2", "mount flags", "mountinfo names no id and no device of the host, no propagation, and sizes are bounded", """
import re
with open("/proc/self/mountinfo") as file:
    rows = [line.split() for line in file]
for row in rows:
    dash = row.index("-")
    place, kind, device, options = row[4], *row[dash + 1:dash + 4]
    judge(not row[6:dash], "propagation", place, row[6:dash])
    if place.startswith("/usr"):
        OK("the Python tree", place)  # the one exception
        continue
    judge(not re.search(r"/dev/(?!null|zero|full|random|urandom)", device), "device", place, device)
    judge(not re.search(r"upperdir|lowerdir|errors=|vda|sda|nvme", options), "options", place, options)
    if place in ("/app", "/tmp"):
        judge("size=" in options and "nr_inodes=" in options, place, options)
    if place.startswith("/dev/"):
        judge(not IS_SERVICE or "size=" not in options or int(re.search(r"size=(\\d+)", options)[1]) < 1 << 20, place, options)
"""),
    Attack("FS-09a", "R-SC1", "seccomp", "file handles", """
denied(open_by_handle_at=(304, -1, 1, 0), name_to_handle_at=(303, -100, text(b"/"), 1, 1, 0))
""", CAGES),
    Attack("FS-10a", "R-T2", "a private tmpfs for each job", "a mark that the next job of the same tenant looks for", """
name = "pysbd-mark"
for directory in ("/app", "/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue", "/app/..", "/proc"):
    path = os.path.join(directory, name)
    if os.path.exists(path):
        BAD("mark of an earlier job", path)
    try:
        with open(path, "w") as file:
            file.write("x")
    except OSError as e:
        OK(directory, e.strerror)
OK("done")
""", runs=2),
)

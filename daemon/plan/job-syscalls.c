/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a job may ask of the kernel. A mistake here is an escape: every group says why it is there,
 * every rule why it is not simply allowed, and the last comment of the file what is left out. */

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "config.h"
#include "plan/plan.h"
#include "plan/syscalls.h"

/* An int or unsigned int: the kernel never looks at the upper half. */
#define EQUALS(argument_, value_) \
        { .argument = (argument_), .mask = UINT32_MAX, .value = (uint32_t) (value_) }
#define MASKED(argument_, mask_, value_) \
        { .argument = (argument_), .mask = (uint32_t) (mask_), .value = (uint32_t) (value_) }

#define RULE(name_, ...)                                  \
        {                                                 \
                .name = name_, .compare = { __VA_ARGS__ } \
        }

/* Reading and writing what is open, memory, time, signals, the end: no interpreter runs on less. */
static const char *const core_names[] = {
        "read",
        "write",
        "readv",
        "writev",
        "pread64",
        "pwrite64",
        "lseek",
        "close",
        "close_range",
        "dup",
        "dup2",
        "dup3",
        "fstat",
        "newfstatat",
        "poll",
        "ppoll",
        /* the channel and stdio that are sockets */
        "sendto",
        "recvfrom",
        "sendmsg",
        "recvmsg",
        "shutdown",
        "brk",
        "munmap",
        "mremap",
        "clock_gettime",
        "clock_getres",
        "clock_nanosleep",
        "nanosleep",
        "gettimeofday",
        "time",
        "getrandom",
        "getrusage",
        "times",
        "sched_yield",
        "sched_getaffinity",
        "getcpu",
        /* numbers of a namespace in which nothing else is */
        "getpid",
        "getppid",
        "gettid",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getresuid",
        "getresgid",
        "getgroups",
        "getpgrp",
        "getpgid",
        "getsid",
        "uname",
        "getcwd",
        "umask",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "rt_sigpending",
        "rt_sigtimedwait",
        "sigaltstack",
        "restart_syscall",
        "pause",
        "alarm",
        "getitimer",
        "setitimer",
        "exit",
        "exit_group",
        "rseq",
        "set_robust_list",
        "set_tid_address",
        NULL,
};

static const SyscallRule core_rules[] = {
        /* No page becomes executable; the group "native-code" adds to this. mprotect() never does:
         * the dynamic linker maps text as such, and nobody else has a reason. */
        RULE("mmap", MASKED(2, PROT_EXEC, 0)),
        RULE("mprotect", MASKED(2, PROT_EXEC, 0)),
        /* Not: MADV_MERGEABLE and MADV_PAGEOUT, by which one box can watch the pages of another. */
        RULE("madvise", EQUALS(2, MADV_NORMAL)),
        RULE("madvise", EQUALS(2, MADV_RANDOM)),
        RULE("madvise", EQUALS(2, MADV_SEQUENTIAL)),
        RULE("madvise", EQUALS(2, MADV_WILLNEED)),
        RULE("madvise", EQUALS(2, MADV_DONTNEED)),
        RULE("madvise", EQUALS(2, MADV_FREE)),
        RULE("madvise", EQUALS(2, MADV_HUGEPAGE)),
        RULE("madvise", EQUALS(2, MADV_NOHUGEPAGE)),
        /* Not the priority-inheriting ones: the kernel's worst futex bugs, and glibc needs none. */
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_WAIT)),
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_WAKE)),
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_REQUEUE)),
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_CMP_REQUEUE)),
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_WAKE_OP)),
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_WAIT_BITSET)),
        RULE("futex", MASKED(1, FUTEX_CMD_MASK, FUTEX_WAKE_BITSET)),
        /* isatty(), the size of a terminal, blocking or not: nothing that reaches a device. */
        RULE("ioctl", EQUALS(1, TCGETS)),
        RULE("ioctl", EQUALS(1, TIOCGWINSZ)),
        RULE("ioctl", EQUALS(1, FIONREAD)),
        RULE("ioctl", EQUALS(1, FIONBIO)),
        RULE("ioctl", EQUALS(1, FIOCLEX)),
        RULE("ioctl", EQUALS(1, FIONCLEX)),
        /* Not: leases, F_NOTIFY, F_SETOWN (signals by descriptor), sizes of pipes that are ours. */
        RULE("fcntl", EQUALS(1, F_DUPFD)),
        RULE("fcntl", EQUALS(1, F_DUPFD_CLOEXEC)),
        RULE("fcntl", EQUALS(1, F_GETFD)),
        RULE("fcntl", EQUALS(1, F_SETFD)),
        RULE("fcntl", EQUALS(1, F_GETFL)),
        RULE("fcntl", EQUALS(1, F_SETFL)),
        /* Not PR_SET_DUMPABLE (core dumps, ptrace), PR_SET_MM, PR_SET_SECCOMP, PR_SET_PTRACER. */
        RULE("prctl", EQUALS(0, PR_SET_NAME)),
        RULE("prctl", EQUALS(0, PR_GET_NAME)),
        RULE("prctl", EQUALS(0, PR_GET_DUMPABLE)),
        RULE("prctl", EQUALS(0, PR_GET_NO_NEW_PRIVS)),
        RULE("prctl", EQUALS(0, PR_GET_SECCOMP)),
        RULE("prctl", EQUALS(0, PR_CAPBSET_READ)),
        /* Its own limits; those of others are not its business. */
        RULE("prlimit64", EQUALS(0, 0)),
        {},
};

/* Only the processes of the box have a pid there; PID 1 ignores what they send. */
static const char *const signal_names[] = { "kill", "tkill", "tgkill", NULL };

/* Files in a root that has nothing but read-only Python and the job's own /app and /tmp. */
static const char *const file_names[] = {
        "open",
        "openat",
        "creat",
        "access",
        "faccessat",
        "faccessat2",
        "stat",
        "lstat",
        "statx",
        "readlink",
        "readlinkat",
        "getdents64",
        "chdir",
        "fchdir",
        "mkdir",
        "mkdirat",
        "rmdir",
        "unlink",
        "unlinkat",
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "truncate",
        "ftruncate",
        "fallocate",
        "fsync",
        "fdatasync",
        "msync",
        "preadv",
        "pwritev",
        "preadv2",
        "pwritev2",
        "sendfile",
        "copy_file_range",
        /* shutil.copy2() lists attributes; nothing can be set */
        "getxattr",
        "lgetxattr",
        "fgetxattr",
        "listxattr",
        "llistxattr",
        "flistxattr",
        "pipe",
        "pipe2",
        "select",
        "pselect6",
        "eventfd2",
        "epoll_create1",
        "epoll_ctl",
        "epoll_wait",
        "epoll_pwait",
        "getpriority",
        "sched_getparam",
        "sched_getscheduler",
        "sched_get_priority_max",
        "sched_get_priority_min",
        /* the ends of a socketpair */
        "getsockname",
        "getpeername",
        NULL,
};

/* Not SO_PEERCRED, SO_PEERGROUPS, SO_PEERSEC, SO_PEERPIDFD: the channel's other end is the broker. */
#define SOCKET_OPTION(call, option) RULE(call, EQUALS(1, SOL_SOCKET), EQUALS(2, option))

static const SyscallRule file_rules[] = {
        RULE("fcntl", EQUALS(1, F_GETPIPE_SZ)),
        /* mkfifo(), but no device. The kernel takes 16 bits of the mode. */
        RULE("mknodat", MASKED(2, S_IFMT, S_IFIFO)),
        SOCKET_OPTION("getsockopt", SO_TYPE),
        SOCKET_OPTION("getsockopt", SO_ERROR),
        SOCKET_OPTION("getsockopt", SO_DOMAIN),
        SOCKET_OPTION("getsockopt", SO_PROTOCOL),
        SOCKET_OPTION("getsockopt", SO_ACCEPTCONN),
        SOCKET_OPTION("getsockopt", SO_SNDBUF),
        SOCKET_OPTION("getsockopt", SO_RCVBUF),
        {},
};

/* The mode and the times of a file are its owner's, and here nothing else is owned. Landlock does not know them. */
static const char *const inode_names[] = { "chmod", "fchmod", "fchmodat", "utimensat", NULL };

/* asyncio wakes itself up with one. No other family: AF_UNIX stays inside. */
static const SyscallRule pair_rules[] = { RULE("socketpair", EQUALS(0, AF_UNIX)), {} };

/* Where the host's sockets are around no datagrams: sendto() would take one of a pair to any of them. */
static const SyscallRule stream_pair_rules[] = {
        RULE("socketpair", EQUALS(0, AF_UNIX), MASKED(1, 0xf, SOCK_STREAM)),
        {},
};

/* POSIX record locks hang on inodes, and all boxes share those of /dev and of Python's files. A job
 * that takes them on /dev/null writes to every other box that looks (a channel between tenants), and
 * a few thousand make each close() of /dev/null on the host walk them all. So no job takes one.
 *
 * A process that cannot fork is alone with its files, never conflicts with its own locks and cannot
 * tell that there are none: "done" is the truth, and SQLite in /app works. Where there are several
 * processes it would be a lie that costs them their data: they hear that there are no locks. F_GETLK,
 * which shows the locks of others, and F_OFD_*, which conflict within one process, are denied. */
static const SyscallRule record_lock_rules[] = {
        RULE("fcntl", EQUALS(1, F_SETLK)),
        RULE("fcntl", EQUALS(1, F_SETLKW)),
        {},
};

/* dlopen() maps text from files, all of which are read-only. libffi makes callbacks in anonymous
 * memory (Debian's has no static trampolines; the other way would be memfd_create(), whose pages no
 * RLIMIT_AS counts). So native code is possible, and nothing of the cage depends on its absence. */
static const SyscallRule native_code_rules[] = {
        RULE("mmap", MASKED(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), MASKED(3, MAP_ANONYMOUS, 0)),
        RULE("mmap",
             MASKED(2, PROT_EXEC, PROT_EXEC),
             MASKED(3, MAP_TYPE | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS)),
        {},
};

/* Every flag by which clone() makes namespaces, or a process that is not its caller's child.
 * CLONE_NEWTIME is not among them: clone() takes that bit for part of the signal number. */
#define CLONE_DENIED                                                                              \
        ((uint32_t) CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
         CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_UNTRACED | CLONE_PARENT)

static const SyscallRule thread_rules[] = {
        RULE("clone", MASKED(0, CLONE_DENIED | CLONE_THREAD, CLONE_THREAD)),
        {},
};

static const char *const process_names[] = { "fork", "vfork", "wait4", "waitid", NULL };

static const SyscallRule process_rules[] = {
        RULE("clone", MASKED(0, CLONE_DENIED | CLONE_THREAD, 0)),
        {},
};

/* Sockets in a network namespace with nothing but lo. */
static const char *const socket_names[] = {
        "bind", "listen", "accept", "accept4", "connect", NULL,
};

/* The kernel takes the low four bits for the type and refuses all but two of the others. No raw
 * sockets, and of each type only the protocol that everybody means: no SCTP, MPTCP, ping sockets. */
#define SOCKET(family, type, protocol) \
        RULE("socket", EQUALS(0, family), MASKED(1, 0xf, type), EQUALS(2, protocol))

static const SyscallRule socket_rules[] = {
        SOCKET(AF_UNIX, SOCK_STREAM, 0),
        SOCKET(AF_UNIX, SOCK_DGRAM, 0),
        SOCKET(AF_INET, SOCK_STREAM, 0),
        SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
        SOCKET(AF_INET, SOCK_DGRAM, 0),
        SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
        SOCKET(AF_INET6, SOCK_STREAM, 0),
        SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
        SOCKET(AF_INET6, SOCK_DGRAM, 0),
        SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
        SOCKET_OPTION("getsockopt", SO_REUSEADDR),
        SOCKET_OPTION("getsockopt", SO_REUSEPORT),
        SOCKET_OPTION("getsockopt", SO_KEEPALIVE),
        SOCKET_OPTION("getsockopt", SO_BROADCAST),
        SOCKET_OPTION("getsockopt", SO_LINGER),
        SOCKET_OPTION("getsockopt", SO_RCVTIMEO),
        SOCKET_OPTION("getsockopt", SO_SNDTIMEO),
        RULE("getsockopt", EQUALS(1, IPPROTO_TCP)),
        RULE("getsockopt", EQUALS(1, IPPROTO_IPV6)),
        /* Not SO_ATTACH_FILTER and its kin, which feed programs to the kernel. */
        SOCKET_OPTION("setsockopt", SO_REUSEADDR),
        SOCKET_OPTION("setsockopt", SO_REUSEPORT),
        SOCKET_OPTION("setsockopt", SO_KEEPALIVE),
        SOCKET_OPTION("setsockopt", SO_BROADCAST),
        SOCKET_OPTION("setsockopt", SO_LINGER),
        SOCKET_OPTION("setsockopt", SO_SNDBUF),
        SOCKET_OPTION("setsockopt", SO_RCVBUF),
        SOCKET_OPTION("setsockopt", SO_RCVTIMEO),
        SOCKET_OPTION("setsockopt", SO_SNDTIMEO),
        RULE("setsockopt", EQUALS(1, IPPROTO_TCP), EQUALS(2, TCP_NODELAY)),
        RULE("setsockopt", EQUALS(1, IPPROTO_TCP), EQUALS(2, TCP_KEEPIDLE)),
        RULE("setsockopt", EQUALS(1, IPPROTO_TCP), EQUALS(2, TCP_KEEPINTVL)),
        RULE("setsockopt", EQUALS(1, IPPROTO_TCP), EQUALS(2, TCP_KEEPCNT)),
        RULE("setsockopt", EQUALS(1, IPPROTO_IPV6), EQUALS(2, IPV6_V6ONLY)),
        {},
};

/* clone3() has its flags in memory, where no filter can read them. glibc takes ENOSYS, and only
 * that, for "use clone()". fchmodat2() is younger than some of our <asm/unistd.h>: where the number
 * has a name it must look as where it has none, or glibc would not use fchmodat(). */
static const char *const enosys_names[] = { "clone3", "fchmodat2", NULL };

#if SANITIZER_CALLS
/* TEST ONLY: the run-times of ASan and UBSan, which read /proc/self/maps and report. */
static const char *const sanitizer_names[] = {
        "open", "openat", "readlink", "readlinkat",        "getdents64", "madvise", "mprotect",
        "mmap", "prctl",  "sysinfo",  "sched_getaffinity", "ioctl",      NULL,
};
#endif

const SyscallGroup job_groups[] = {
        { .name = "core", .names = core_names, .rules = core_rules },
        { .name = "files",
          .without = PLAN_FLAG_NO_FILES,
          .names = file_names,
          .rules = file_rules },
        { .name = "signals", .without = PLAN_FLAG_NOT_ALONE, .names = signal_names },
        { .name = "inodes",
          .without = PLAN_FLAG_NO_FILES | PLAN_FLAG_NOT_ALONE,
          .names = inode_names },
        { .name = "pairs",
          .without = PLAN_FLAG_NO_FILES | PLAN_FLAG_NOT_ALONE,
          .rules = pair_rules },
        { .name = "stream-pairs",
          .with = PLAN_FLAG_NOT_ALONE,
          .without = PLAN_FLAG_NO_FILES,
          .rules = stream_pair_rules },
        { .name = "record-locks-alone",
          .without = PLAN_FLAG_NO_FILES | PLAN_FLAG_CAN_FORK,
          .error = SYSCALL_SKIP,
          .rules = record_lock_rules },
        { .name = "record-locks-shared",
          .with = PLAN_FLAG_CAN_FORK,
          .without = PLAN_FLAG_NO_FILES,
          .error = ENOLCK,
          .rules = record_lock_rules },
        { .name = "native-code", .without = PLAN_FLAG_NO_FILES, .rules = native_code_rules },
        { .name = "threads", .with = PLAN_FLAG_THREADS, .rules = thread_rules },
        { .name = "processes",
          .with = PLAN_FLAG_CAN_FORK,
          .names = process_names,
          .rules = process_rules },
        { .name = "sockets",
          .with = PLAN_FLAG_LOOPBACK,
          .names = socket_names,
          .rules = socket_rules },
        { .name = "no-such-call", .error = ENOSYS, .names = enosys_names },
#if SANITIZER_CALLS
        { .name = "sanitizers", .names = sanitizer_names },
#endif
};

const size_t n_job_groups = ELEMENTSOF(job_groups);

/* Left out on purpose, beside the obvious (namespaces, mounts, ptrace and process_vm_*, keys, bpf,
 * perf, io_uring, userfaultfd, modules, other users' ids):
 *
 * execve, execveat: nothing is ever executed again, whatever a job brings along.
 * memfd_create, memfd_secret, shmget, msgget, mq_open: memory that no limit of the process counts.
 * flock, F_GETLK, F_OFD_*, leases, fanotify, inotify: channels between boxes through shared read-only files.
 * mincore, fadvise64, readahead: the page cache, which all boxes share, can be watched with them.
 * statfs, fstatfs, sysinfo: sizes and load of the host.
 * splice, tee, vmsplice: pipes that share pages with files, and a history of bugs.
 * personality, arch_prctl, modify_ldt: other ABIs, executable memory by default.
 * setsockopt without loopback, sendmmsg, recvmmsg: not needed, and much kernel behind them. */

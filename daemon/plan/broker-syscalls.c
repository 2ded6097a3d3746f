/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the broker may ask of the kernel, from its start to its end: it talks on sockets that it
 * inherited, and on the ones that accept4() gives it. It parses hostile bytes all day; whoever takes
 * it over can open no file, start no process, connect to nothing. */

#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "basic/macro.h"
#include "config.h"
#include "plan/syscalls.h"

#define EQUALS(argument_, value_) \
        { .argument = (argument_), .mask = UINT32_MAX, .value = (uint32_t) (value_) }
#define RULE(name_, ...)                                  \
        {                                                 \
                .name = name_, .compare = { __VA_ARGS__ } \
        }

static const char *const loop_names[] = {
        "read",
        "write",
        "readv",
        "writev",
        "pread64",
        "lseek",
        "close",
        "close_range",
        "dup",
        "dup3",
        "fstat",
        "fstatfs", /* a pipe or a named FIFO? */
        "newfstatat",
        "poll",
        "ppoll",
        "pipe2",
        "splice", /* from a client's pipe into a job's */
        "eventfd2",
        "epoll_create1",
        "epoll_ctl",
        "epoll_wait",
        "epoll_pwait",
        "epoll_pwait2",
        "timerfd_create",
        "timerfd_settime",
        "timerfd_gettime",
        "signalfd4",
        "accept4",
        "sendto",
        "recvfrom",
        "sendmsg",
        "recvmsg",
        "shutdown",
        "getsockopt",
        "getsockname",
        "getpeername",
        "brk",
        "munmap",
        "mremap",
        "madvise",
        "futex",
        "clock_gettime",
        "clock_getres",
        "clock_nanosleep",
        "gettimeofday",
        "time",
        "getrandom",
        "getpid",
        "getppid",
        "gettid",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "uname",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "sigaltstack",
        "restart_syscall",
        "exit",
        "exit_group",
        "rseq",
        "set_robust_list",
        "sched_yield",
        "sched_getaffinity",
        "getrusage",
        NULL,
};

static const SyscallRule loop_rules[] = {
        RULE("mmap", { .argument = 2, .mask = PROT_EXEC, .value = 0 }),
        RULE("mprotect", { .argument = 2, .mask = PROT_EXEC, .value = 0 }),
        RULE("fcntl", EQUALS(1, F_DUPFD_CLOEXEC)),
        RULE("fcntl", EQUALS(1, F_GETFD)),
        RULE("fcntl", EQUALS(1, F_SETFD)),
        RULE("fcntl", EQUALS(1, F_GETFL)),
        RULE("fcntl", EQUALS(1, F_SETFL)),
        RULE("fcntl", EQUALS(1, F_GETPIPE_SZ)),
        RULE("fcntl", EQUALS(1, F_SETPIPE_SZ)),
        RULE("fcntl", EQUALS(1, F_ADD_SEALS)),
        RULE("fcntl", EQUALS(1, F_GET_SEALS)),
        RULE("ioctl", EQUALS(1, TCGETS)),
        RULE("ioctl", EQUALS(1, FIONREAD)),
        RULE("ioctl", EQUALS(1, FIONBIO)),
        /* The channel of a box, and the datagram sockets of journal and notify: sent, not connected. */
        RULE("socketpair", EQUALS(0, AF_UNIX)),
        RULE("socket",
             EQUALS(0, AF_UNIX),
             { .argument = 1, .mask = 0xf, .value = SOCK_DGRAM },
             EQUALS(2, 0)),
        RULE("setsockopt", EQUALS(1, SOL_SOCKET), EQUALS(2, SO_SNDBUF)),
        RULE("setsockopt", EQUALS(1, SOL_SOCKET), EQUALS(2, SO_RCVBUF)),
        RULE("setsockopt", EQUALS(1, SOL_SOCKET), EQUALS(2, SO_PASSCRED)),
        /* abort() */
        RULE("tgkill", EQUALS(2, 6)),
        RULE("prctl", EQUALS(0, PR_SET_NAME)),
        RULE("prlimit64", EQUALS(0, 0)),
        {},
};

#if SANITIZER_CALLS
/* TEST ONLY, as for jobs. */
static const char *const sanitizer_names[] = {
        "open",    "openat", "readlink", "readlinkat", "getdents64", "mprotect", "mmap", "prctl",
        "sysinfo", "ioctl",  "tgkill",   "kill",       "stat",       "access",   NULL,
};
#endif

const SyscallGroup broker_groups[] = {
        { .name = "loop", .names = loop_names, .rules = loop_rules },
#if SANITIZER_CALLS
        { .name = "sanitizers", .names = sanitizer_names },
#endif
};

const size_t n_broker_groups = ELEMENTSOF(broker_groups);

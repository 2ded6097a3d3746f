/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The filters of the shipped profiles against tables of calls: what must pass, what must not, and
 * what an attacker would try to get past a rule. No call is made; see bpf-eval.h. */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "bpf-eval.h"
#include "config.h"
#include "plans.h"
#include "proto/syscall-names.h"

#define ALLOW SECCOMP_RET_ALLOW
#define NOTIFY SECCOMP_RET_USER_NOTIF
#define ENOSYS_ (SECCOMP_RET_ERRNO | ENOSYS)
#define EPERM_ (SECCOMP_RET_ERRNO | EPERM)
#define SKIP SECCOMP_RET_ERRNO /* nothing is done, and the call returns 0 */
#define ENOLCK_ (SECCOMP_RET_ERRNO | ENOLCK)
#define KILL SECCOMP_RET_KILL_PROCESS

#define RUBBISH 0xdeadbeef00000000
#define X32 0x40000000u
/* Profiles of a row. */
#define T (1u << AGENT | 1u << TEXT_PROCESSING) /* no threads, else as default */
#define D (1u << DEFAULT | 1u << DATA | 1u << DATA_ANALYSIS | 1u << FILE_OPERATIONS | T)
#define E (1u << EVAL)
#define L (1u << LOOPBACK)
#define R (1u << RAW)
#define FILES (D | L | R)
#define ALL (FILES | E)

typedef struct Row {
        unsigned profiles;
        const char *name;
        uint32_t verdict;
        uint64_t args[6];
} Row;

static PlanImage *plans[_SHIPPED_MAX];

static int load_plans(void **state) {
        for (size_t i = 0; i < _SHIPPED_MAX; i++)
                plans[i] = plan_load(shipped_names[i]);
        return 0;
}

static int free_plans(void **state) {
        FOREACH_ARRAY(plan, plans, _SHIPPED_MAX)
                free(*plan);
        return 0;
}

static uint32_t
evaluate(const PlanImage *plan, uint32_t arch, uint32_t number, const uint64_t *args) {
        struct seccomp_data data = { .nr = (int) number, .arch = arch };

        if (args)
                memcpy(data.args, args, sizeof(data.args));
        return bpf_eval(plan->filter, plan->n_filter, &data);
}

static void check_rows(const Row *rows, size_t n) {
        unsigned wrong = 0;

        FOREACH_ARRAY(row, rows, n) {
                int number = syscall_number(row->name);

                if (number < 0)
                        fail_msg("the table names %s, which the headers do not know", row->name);
                for (size_t i = 0; i < _SHIPPED_MAX; i++) {
                        uint32_t verdict;

                        if (!(row->profiles & (1u << i)))
                                continue;
                        verdict =
                                evaluate(plans[i], AUDIT_ARCH_X86_64, (uint32_t) number, row->args);
                        if (verdict == row->verdict)
                                continue;
                        print_message("%s: %s(%#lx, %#lx, %#lx, %#lx): %#x instead of %#x\n",
                                      shipped_names[i], row->name, row->args[0], row->args[1],
                                      row->args[2], row->args[3], verdict, row->verdict);
                        wrong++;
                }
        }
        assert_int_equal(wrong, 0);
}

/* What ordinary programs need. */
static const Row allowed_rows[] = {
        { ALL, "read", ALLOW },
        { ALL, "write", ALLOW },
        { ALL, "close", ALLOW },
        { ALL, "exit_group", ALLOW },
        { ALL, "futex", ALLOW, { 0, 128 | 9 } },       /* WAIT_BITSET, private */
        { ALL, "futex", ALLOW, { 0, 256 | 128 | 9 } }, /* ... with CLOCK_REALTIME */
        { ALL, "mmap", ALLOW, { 0, 4096, 3, 0x22 } },
        { ALL, "mprotect", ALLOW, { 0, 4096, 1 } },
        { ALL, "ioctl", ALLOW, { 1, 0x5401 } },           /* TCGETS: isatty() */
        { ALL, "ioctl", ALLOW, { 1, RUBBISH | 0x5401 } }, /* the kernel takes 32 bits */
        { ALL, "fcntl", ALLOW, { 1, 3 } },
        { ALL, "prctl", ALLOW, { 15 } },       /* PR_SET_NAME */
        { ALL, "prlimit64", ALLOW, { 0, 7 } }, /* its own RLIMIT_NOFILE */
        { ALL, "prlimit64", ALLOW, { RUBBISH, 7 } },
        { ALL, "madvise", ALLOW, { 0, 4096, 4 } },
        { ALL, "kill", ALLOW, { 0, 9 } },
        { ALL, "tgkill", ALLOW },
        { ALL, "close_range", ALLOW, { 4, UINT32_MAX, 2 } }, /* the cage's last act */
        { FILES, "openat", ALLOW },
        { FILES, "getdents64", ALLOW },
        { FILES, "epoll_ctl", ALLOW },
        /* record locks: SQLite, which is alone with its files; but no lie where it is not */
        { D | L, "fcntl", SKIP, { 3, 6 } },
        { D | L, "fcntl", SKIP, { 3, RUBBISH | 6 } },
        { D | L, "fcntl", SKIP, { 3, 7 } },
        { R, "fcntl", ENOLCK_, { 3, 6 } },
        { R, "fcntl", ENOLCK_, { 3, RUBBISH | 7 } },
        { FILES, "mknodat", ALLOW, { 0, 0, 0010600 } },
        { FILES, "socketpair", ALLOW, { 1, 1 } },
        { FILES, "mmap", ALLOW, { 0, 4096, 5, 0x802, 3 } }, /* text of a library */
        { FILES, "mmap", ALLOW, { 0, 4096, 7, 0x22, 0 } },  /* a callback of libffi */
        { FILES & ~T, "clone", ALLOW, { 0x3d0f00 } },       /* pthread_create() */
        { FILES & ~T, "clone", ALLOW, { RUBBISH | 0x3d0f00 } },
        { R, "clone", ALLOW, { 0x01200011 } }, /* fork() of glibc */
        { R, "fork", ALLOW },
        { R, "vfork", ALLOW },
        { R, "wait4", ALLOW },
        { R, "waitid", ALLOW },
        { L, "socket", ALLOW, { 2, 1, 0 } },
        { L, "socket", ALLOW, { 2, 1 | 02000000 | 04000, 6 } }, /* CLOEXEC, NONBLOCK */
        { L, "socket", ALLOW, { 10, 2, 17 } },
        { L, "socket", ALLOW, { 1, 1, 0 } },
        { L, "bind", ALLOW },
        { L, "setsockopt", ALLOW, { 3, 1, 2 } }, /* SO_REUSEADDR */
};

static void test_allowed(void **state) {
        check_rows(allowed_rows, ELEMENTSOF(allowed_rows));
}

/* Kernel surface that no job has a reason to touch. */
static const char *const denied_names[] = {
        "execve",
        "execveat",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "kcmp",
        "pidfd_getfd",
        "pidfd_open",
        "pidfd_send_signal",
        "process_madvise",
        "process_mrelease",
        "keyctl",
        "add_key",
        "request_key",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "io_setup",
        "io_submit",
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "open_tree",
        "move_mount",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "mount_setattr",
        "unshare",
        "setns",
        "name_to_handle_at",
        "open_by_handle_at",
        "openat2",
        "quotactl",
        "quotactl_fd",
        "fanotify_init",
        "fanotify_mark",
        "inotify_init1",
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "reboot",
        "swapon",
        "swapoff",
        "acct",
        "syslog",
        "sethostname",
        "setdomainname",
        "clock_settime",
        "settimeofday",
        "adjtimex",
        "clock_adjtime",
        "iopl",
        "ioperm",
        "modify_ldt",
        "arch_prctl",
        "personality",
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "setgroups",
        "setfsuid",
        "setfsgid",
        "capset",
        "seccomp",
        "landlock_create_ruleset",
        "memfd_create",
        "memfd_secret",
        "shmget",
        "shmat",
        "semget",
        "msgget",
        "mq_open",
        "vmsplice",
        "splice",
        "tee",
        "flock",
        "mincore",
        "fadvise64",
        "readahead",
        "remap_file_pages",
        "pkey_mprotect",
        "move_pages",
        "migrate_pages",
        "mbind",
        "set_mempolicy",
        "lookup_dcookie",
        "vhangup",
        "mlock",
        "mlockall",
        "mlock2",
        "sysinfo",
        "statfs",
        "fstatfs",
        "sync",
        "syncfs",
        "chown",
        "fchown",
        "lchown",
        "fchownat",
        "mknod",
        "setxattr",
        "lsetxattr",
        "fsetxattr",
        "setpriority",
        "sched_setaffinity",
        "sched_setscheduler",
        "sched_setattr",
        "ioprio_set",
        "setrlimit",
        "sendmmsg",
        "recvmmsg",
        "timer_create",
        "rt_sigqueueinfo",
        "rt_tgsigqueueinfo",
        "signalfd4",
        "get_robust_list",
        "nfsservctl",
        "uselib",
};

static void test_denied_surface(void **state) {
        FOREACH_ARRAY(name, denied_names, ELEMENTSOF(denied_names)) {
                Row row = { ALL, *name, NOTIFY };

                check_rows(&row, 1);
        }
}

/* Calls that are allowed, but not with these arguments; with rubbish in the half of an argument that
 * the kernel does not look at (CVE-2019-10063) nothing may change. */
static const Row denied_rows[] = {
        { ALL, "ioctl", NOTIFY, { 0, 0x5412 } }, /* TIOCSTI */
        { ALL, "ioctl", NOTIFY, { 0, RUBBISH | 0x5412 } },
        { ALL, "ioctl", NOTIFY, { 0, 0x541c } }, /* TIOCLINUX */
        { ALL, "ioctl", NOTIFY, { 0, 0xb701 } }, /* NS_GET_USERNS */
        { ALL, "prctl", NOTIFY, { 4, 1 } },      /* PR_SET_DUMPABLE */
        { ALL, "prctl", NOTIFY, { RUBBISH | 4, 1 } },
        { ALL, "prctl", NOTIFY, { 22, 2 } },         /* PR_SET_SECCOMP */
        { ALL, "prctl", NOTIFY, { 35 } },            /* PR_SET_MM */
        { ALL, "prctl", NOTIFY, { 36, 1 } },         /* PR_SET_CHILD_SUBREAPER */
        { ALL, "prctl", NOTIFY, { 0x59616d61, 1 } }, /* PR_SET_PTRACER */
        { ALL, "fcntl", NOTIFY, { 3, 1024, 1 } },    /* F_SETLEASE */
        { ALL, "fcntl", NOTIFY, { 3, RUBBISH | 1024, 1 } },
        { ALL, "fcntl", NOTIFY, { 3, 8, 1 } },  /* F_SETOWN */
        { ALL, "fcntl", NOTIFY, { 3, 5 } },     /* F_GETLK */
        { ALL, "fcntl", NOTIFY, { 3, 36 } },    /* F_OFD_GETLK */
        { ALL, "fcntl", NOTIFY, { 3, 37 } },    /* F_OFD_SETLK */
        { ALL, "fcntl", NOTIFY, { 3, 38 } },    /* F_OFD_SETLKW */
        { ALL, "fcntl", NOTIFY, { 3, 1026 } },  /* F_NOTIFY */
        { ALL, "fcntl", NOTIFY, { 3, 1031 } },  /* F_SETPIPE_SZ */
        { ALL, "prlimit64", NOTIFY, { 1, 7 } }, /* of init */
        { ALL, "prlimit64", NOTIFY, { RUBBISH | 1, 7 } },
        { ALL, "mprotect", NOTIFY, { 0, 4096, 4 } },
        { ALL, "mprotect", NOTIFY, { 0, 4096, RUBBISH | 7 } },
        { ALL, "mmap", NOTIFY, { 0, 4096, 7, 0x21, UINT64_MAX } }, /* shared, writable text */
        { ALL, "mmap", NOTIFY, { 0, 4096, 7, 0x02, 3 } },          /* ... of a file */
        { ALL, "mmap", NOTIFY, { 0, 4096, RUBBISH | 7, 0x01, 3 } },
        { ALL, "madvise", NOTIFY, { 0, 4096, 12 } },  /* MADV_MERGEABLE */
        { ALL, "madvise", NOTIFY, { 0, 4096, 21 } },  /* MADV_PAGEOUT */
        { ALL, "madvise", NOTIFY, { 0, 4096, 100 } }, /* MADV_HWPOISON */
        { ALL, "futex", NOTIFY, { 0, 6 } },           /* FUTEX_LOCK_PI */
        { ALL, "futex", NOTIFY, { 0, 128 | 11 } },    /* FUTEX_WAIT_REQUEUE_PI */
        { ALL, "futex", NOTIFY, { 0, RUBBISH | 12 } },
        { ALL, "socketpair", NOTIFY, { 16, 3 } }, /* AF_NETLINK */
        { ALL, "socketpair", NOTIFY, { RUBBISH | 40, 1 } },
        { ALL, "mknodat", NOTIFY, { 0, 0, 0020600, 259 } }, /* a character device */
        { ALL, "mknodat", NOTIFY, { 0, 0, 0060600, 259 } },
        { FILES, "mknodat", ALLOW, { 0, 0, 0x10000 | 0010600 } },
        /* threads may not be more than threads */
        { ALL, "clone", NOTIFY, { 0x3d0f00 | 0x10000000 } },
        { ALL, "clone", NOTIFY, { RUBBISH | 0x3d0f00 | 0x8000 } }, /* CLONE_PARENT */
        { ALL, "clone", NOTIFY, { 0x3d0f00 | 0x2000 } },           /* CLONE_PTRACE */
};

static void test_denied_arguments(void **state) {
        check_rows(denied_rows, ELEMENTSOF(denied_rows));
}

/* Every CLONE_NEW* alone and with the flags of fork and of a thread. */
static void test_no_namespaces(void **state) {
        static const uint64_t bits[] = { 0x20000,    0x02000000, 0x04000000, 0x08000000,
                                         0x10000000, 0x20000000, 0x40000000 };
        static const uint64_t with[] = { 0, 17, 0x01200011, 0x3d0f00, RUBBISH };

        FOREACH_ARRAY(bit, bits, ELEMENTSOF(bits))
                FOREACH_ARRAY(flags, with, ELEMENTSOF(with)) {
                        Row row = { ALL, "clone", NOTIFY, { *bit | *flags } };

                        check_rows(&row, 1);
                }
}

static void test_only_some_profiles(void **state) {
        static const Row rows[] = {
                { D | E | L, "fork", NOTIFY },
                { D | E | L, "vfork", NOTIFY },
                { D | E | L, "wait4", NOTIFY },
                { D | E | L, "waitid", NOTIFY },
                { D | E | L, "clone", NOTIFY, { 17 } },
                { D | E | L, "clone", NOTIFY, { 0x01200011 } },
                { D | E | L, "clone", NOTIFY, { 0x4111 } }, /* CLONE_VFORK | CLONE_VM */
                { E | T, "clone", NOTIFY, { 0x3d0f00 } },   /* no threads either */
                { E, "open", NOTIFY },
                { E, "openat", NOTIFY },
                { E, "creat", NOTIFY },
                { E, "getdents64", NOTIFY },
                { E, "unlink", NOTIFY },
                { E, "mkdir", NOTIFY },
                { E, "chdir", NOTIFY },
                { E, "pipe2", NOTIFY },
                { E, "fcntl", NOTIFY, { 3, 6 } },
                { E, "socketpair", NOTIFY, { 1, 1 } },
                { E, "mmap", NOTIFY, { 0, 4096, 5, 0x802, 3 } },
                { E, "mmap", NOTIFY, { 0, 4096, 7, 0x22, 0 } },
                { E, "mmap", NOTIFY, { 0, 4096, RUBBISH | 4, 0x22, 0 } },
                { D | E | R, "socket", NOTIFY, { 1, 1 } },
                { D | E | R, "socket", NOTIFY, { 2, 1 } },
                { D | E | R, "bind", NOTIFY },
                { D | E | R, "connect", NOTIFY },
                { D | E | R, "listen", NOTIFY },
                { D | E | R, "accept4", NOTIFY },
                { D | E | R, "setsockopt", NOTIFY, { 3, 1, 2 } },
        };

        check_rows(rows, ELEMENTSOF(rows));
}

static void test_loopback_sockets(void **state) {
        static const Row rows[] = {
                { L, "socket", NOTIFY, { 2, 3, 0 } }, /* SOCK_RAW */
                { L, "socket", NOTIFY, { 2, RUBBISH | 3, 1 } },
                { L, "socket", NOTIFY, { 2, 2, 1 } },   /* a ping socket */
                { L, "socket", NOTIFY, { 2, 1, 262 } }, /* MPTCP */
                { L, "socket", NOTIFY, { 2, 1, 132 } }, /* SCTP */
                { L, "socket", NOTIFY, { 2, 5, 132 } },
                { L, "socket", NOTIFY, { 1, 5, 0 } },
                { L, "socket", NOTIFY, { 16, 3, 0 } }, /* AF_NETLINK */
                { L, "socket", NOTIFY, { 17, 3, 0 } }, /* AF_PACKET */
                { L, "socket", NOTIFY, { 38, 5, 0 } }, /* AF_ALG */
                { L, "socket", NOTIFY, { 40, 1, 0 } }, /* AF_VSOCK */
                { L, "socket", NOTIFY, { 44, 2, 0 } }, /* AF_XDP */
                { L, "socket", NOTIFY, { RUBBISH | 40, 1, 0 } },
                { L, "setsockopt", NOTIFY, { 3, 1, 26 } }, /* SO_ATTACH_FILTER */
                { L, "setsockopt", NOTIFY, { 3, 1, 50 } }, /* SO_ATTACH_BPF */
                { L, "setsockopt", NOTIFY, { 3, 0, 64 } }, /* IPT_SO_SET_REPLACE */
                { L, "setsockopt", NOTIFY, { 3, 6, 31 } }, /* TCP_ULP */
                { L, "setsockopt", NOTIFY, { 3, RUBBISH | 1, RUBBISH | 26 } },
                { L, "getsockopt", NOTIFY, { 3, 0, 64 } },
                { D | R | L, "getsockopt", NOTIFY, { 3, 1, 77 } }, /* SO_PEERPIDFD */
        };

        check_rows(rows, ELEMENTSOF(rows));
}

/* Foreign ABIs end the process, whatever they ask for; unknown numbers look like an old kernel. */
static void test_abi(void **state) {
        static const uint32_t foreign[] = { AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0 };
        static const uint32_t numbers[] = { 0, 1, 3, 60, 231, 335, 1023 };
        static const uint32_t unknown[] = { 387, 423 /* never given */, 1023, 0x3fffffff };

        FOREACH_ARRAY(plan, plans, _SHIPPED_MAX) {
                FOREACH_ARRAY(number, numbers, ELEMENTSOF(numbers)) {
                        FOREACH_ARRAY(arch, foreign, ELEMENTSOF(foreign))
                                assert_int_equal(evaluate(*plan, *arch, *number, NULL), KILL);
                        assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, X32 | *number, NULL),
                                         KILL);
                }
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, X32 | 520, NULL), KILL);
                FOREACH_ARRAY(number, unknown, ELEMENTSOF(unknown))
                        assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, *number, NULL),
                                         ENOSYS_);
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, syscall_last_known() + 1, NULL),
                                 ENOSYS_);
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, 435, NULL),
                                 ENOSYS_); /* clone3 */
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, 452, NULL),
                                 ENOSYS_); /* fchmodat2 */
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, 334, NULL), ALLOW); /* rseq */
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, 424, NULL), NOTIFY);
                assert_int_equal(evaluate(*plan, AUDIT_ARCH_X86_64, 450, NULL), NOTIFY);
        }
}

/* Every number without a verdict of its own is denied; no instruction is one that we cannot read. */
static void test_every_number(void **state) {
        FOREACH_ARRAY(plan, plans, _SHIPPED_MAX) {
                uint32_t allowed = 0;

                for (uint32_t number = 0; number < 2048; number++) {
                        uint32_t verdict = evaluate(*plan, AUDIT_ARCH_X86_64, number, NULL);

                        if (verdict == ALLOW)
                                allowed++;
                        else if (!syscall_is_known(number) || number == 435 || number == 452)
                                assert_int_equal(verdict, ENOSYS_);
                        else
                                assert_int_equal(verdict, NOTIFY);
                }
                /* Some calls are allowed with other arguments than zeroes only. */
                assert_true(allowed <= (*plan)->n_allowed);
                assert_true(allowed + 8 >= (*plan)->n_allowed);
        }
}

static void test_counts(void **state) {
        assert_true(plans[EVAL]->n_allowed <= 120);
        assert_true(plans[DEFAULT]->n_allowed <= 170);
        assert_true(plans[RAW]->n_allowed <= 170);
        assert_true(plans[LOOPBACK]->n_allowed <= 170);
}

/* raw is what the tests of the cage run in: it must be the cage that default has, but for fork and
 * the answer to record locks. */
static void test_raw_is_default(void **state) {
        static const char *const differ[] = {
                "fork", "vfork", "wait4", "waitid", "clone", "fcntl"
        };
        static const uint64_t values[] = { 0, 1,  2,    3,      4,        5,
                                           7, 17, 0x22, 0x5401, 0x3d0f00, UINT64_MAX };

        for (uint32_t number = 0; number < 1024; number++) {
                bool may_differ = false;

                FOREACH_ARRAY(name, differ, ELEMENTSOF(differ))
                        may_differ |= syscall_number(*name) == (int) number;
                if (may_differ)
                        continue;
                for (size_t argument = 0; argument < 6; argument++)
                        FOREACH_ARRAY(value, values, ELEMENTSOF(values)) {
                                uint64_t args[6] = { 0 };

                                args[argument] = *value;
                                assert_int_equal(
                                        evaluate(plans[DEFAULT], AUDIT_ARCH_X86_64, number, args),
                                        evaluate(plans[RAW], AUDIT_ARCH_X86_64, number, args));
                        }
        }
        for (uint64_t command = 0; command < 2048; command++) {
                const uint64_t args[6] = { 3, command };
                uint32_t number = (uint32_t) syscall_number("fcntl");

                if (command != F_SETLK && command != F_SETLKW)
                        assert_int_equal(evaluate(plans[DEFAULT], AUDIT_ARCH_X86_64, number, args),
                                         evaluate(plans[RAW], AUDIT_ARCH_X86_64, number, args));
        }
        assert_int_equal(plans[RAW]->flags | PLAN_FLAG_POLICY,
                         plans[DEFAULT]->flags | PLAN_FLAG_CAN_FORK);
}

static void test_broker(void **state) {
        static const struct {
                const char *name;
                uint32_t verdict;
                uint64_t args[6];
        } rows[] = {
                { "read", ALLOW },
                { "epoll_wait", ALLOW },
                { "accept4", ALLOW },
                { "recvmsg", ALLOW },
                { "pipe2", ALLOW },
                { "splice", ALLOW },
                { "socketpair", ALLOW, { 1, 1 } },
                { "socket", ALLOW, { 1, 2 | 02000000 } },
                { "fcntl", ALLOW, { 3, 1033 } }, /* F_ADD_SEALS */
                { "socket", EPERM_, { 1, 1 } },
                { "socket", EPERM_, { 2, 1 } },
                { "socket", EPERM_, { 16, 2 } },
                { "mmap", EPERM_, { 0, 4096, 7, 0x22 } },
                { "mprotect", EPERM_, { 0, 4096, 5 } },
                { "connect", EPERM_ },
                { "bind", EPERM_ },
                { "listen", EPERM_ },
                { "open", EPERM_ },
                { "openat", EPERM_ },
                { "unlink", EPERM_ },
                { "execve", EPERM_ },
                { "clone", EPERM_, { 17 } },
                { "clone3", EPERM_ },
                { "fork", EPERM_ },
                { "kill", EPERM_ },
                { "ptrace", EPERM_ },
                { "prctl", EPERM_, { 4, 1 } },
                { "ioctl", EPERM_, { 0, 0x5412 } },
                { "mount", EPERM_ },
                { "setuid", EPERM_ },
        };
        struct sock_filter filter[PLAN_FILTER_MAX];
        size_t n;

        assert_int_equal(plan_broker_filter(filter, ELEMENTSOF(filter), &n), 0);
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                struct seccomp_data data = { .nr = syscall_number(row->name),
                                             .arch = AUDIT_ARCH_X86_64 };

                memcpy(data.args, row->args, sizeof(data.args));
                if (bpf_eval(filter, n, &data) != row->verdict)
                        fail_msg("broker: %s: not %#x", row->name, row->verdict);
        }
        for (uint32_t number = 0; number < 2048; number++) {
                struct seccomp_data data = { .nr = (int) number, .arch = AUDIT_ARCH_X86_64 };
                uint32_t verdict = bpf_eval(filter, n, &data);

                assert_true(verdict == ALLOW ||
                            verdict == (syscall_is_known(number) ? EPERM_ : ENOSYS_));
                data.arch = AUDIT_ARCH_I386;
                assert_int_equal(bpf_eval(filter, n, &data), KILL);
        }
        assert_int_equal(plan_broker_filter(filter, n - 1, &n), -E2BIG);
}

/* The evaluator itself: a filter that is wrong must not look right. */
static void test_evaluator(void **state) {
        static const struct sock_filter no_end[] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 } };
        static const struct sock_filter unknown[] = { { BPF_LDX | BPF_W | BPF_IMM, 0, 0, 0 } };
        static const struct sock_filter outside[] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 64 } };
        const struct seccomp_data data = { .nr = 1 };

        assert_int_equal(bpf_eval(no_end, 1, &data), BPF_EVAL_BROKEN);
        assert_int_equal(bpf_eval(unknown, 1, &data), BPF_EVAL_BROKEN);
        assert_int_equal(bpf_eval(outside, 1, &data), BPF_EVAL_BROKEN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_evaluator),        cmocka_unit_test(test_allowed),
                cmocka_unit_test(test_denied_surface),   cmocka_unit_test(test_denied_arguments),
                cmocka_unit_test(test_no_namespaces),    cmocka_unit_test(test_only_some_profiles),
                cmocka_unit_test(test_loopback_sockets), cmocka_unit_test(test_abi),
                cmocka_unit_test(test_every_number),     cmocka_unit_test(test_counts),
                cmocka_unit_test(test_raw_is_default),   cmocka_unit_test(test_broker),
        };

        if (SANITIZER_CALLS) {
                puts("1..0 # SKIP the filters have the test-only group of the sanitizers in them");
                return 0;
        }
        return cmocka_run_group_tests(tests, load_plans, free_plans);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/denied.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "proto/syscall-names.h"

#define CALLS_NAMED_MAX 3

typedef struct CallClass {
        const char *reason;
        bool is_wanted; /* DENIED_WANTED */
        const char *const *names;
} CallClass;

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The first one that has the name. What is in none of them is denied for no reason that a program would need. */
static const CallClass classes[] = {
        { "the profile has no network", true,
          NAMES("socket",
                "connect",
                "bind",
                "listen",
                "accept",
                "accept4",
                "setsockopt",
                "getsockopt",
                "sendmmsg",
                "recvmmsg",
                "socketpair") },
        { "the profile has no processes", true, NAMES("fork", "vfork", "wait4", "waitid") },
        { "no program can be started in a sandbox", true, NAMES("execve", "execveat", "uselib") },
        { "the mounts of a sandbox stay as they are", true,
          NAMES("mount",
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
                "swapon",
                "swapoff",
                "quotactl",
                "quotactl_fd") },
        { "a sandbox makes and enters no namespaces", true, NAMES("unshare", "setns") },
        { "no process looks into another one", true,
          NAMES("ptrace",
                "process_vm_readv",
                "process_vm_writev",
                "pidfd_getfd",
                "kcmp",
                "process_madvise") },
        { "the kernel's keys are not for jobs", true, NAMES("keyctl", "add_key", "request_key") },
        { "this part of the kernel is not for jobs", true,
          NAMES("bpf",
                "perf_event_open",
                "userfaultfd",
                "io_uring_setup",
                "io_uring_enter",
                "io_uring_register",
                "init_module",
                "finit_module",
                "delete_module",
                "kexec_load",
                "kexec_file_load",
                "reboot",
                "syslog",
                "acct",
                "seccomp",
                "landlock_create_ruleset",
                "landlock_add_rule",
                "landlock_restrict_self",
                "open_by_handle_at",
                "name_to_handle_at",
                "fanotify_init",
                "fanotify_mark",
                "lookup_dcookie",
                "iopl",
                "ioperm",
                "modify_ldt",
                "arch_prctl",
                "personality") },
        { "a job stays the user that it is", true,
          NAMES("setuid",
                "setgid",
                "setreuid",
                "setregid",
                "setresuid",
                "setresgid",
                "setfsuid",
                "setfsgid",
                "setgroups",
                "capset",
                "chown",
                "fchown",
                "lchown",
                "fchownat") },
        { "the clock and the name of the host stay as they are", true,
          NAMES("clock_settime",
                "settimeofday",
                "adjtimex",
                "clock_adjtime",
                "sethostname",
                "setdomainname") },
        { "devices are not for jobs", false, NAMES("ioctl", "mknod", "mknodat") },
        { "no memory becomes executable that was written", false,
          NAMES("mmap", "mprotect", "pkey_mprotect") },
        { "a sandbox has no memory that no limit counts", false,
          NAMES("memfd_create",
                "memfd_secret",
                "shmget",
                "shmat",
                "msgget",
                "semget",
                "mq_open",
                "mlock",
                "mlockall") },
        { "locks would be seen in other sandboxes", false, NAMES("flock", "fcntl") },
        { "jobs set no priorities", false,
          NAMES("setpriority",
                "sched_setscheduler",
                "sched_setparam",
                "sched_setattr",
                "sched_setaffinity",
                "ioprio_set",
                "setrlimit",
                "prlimit64") },
        { "what the host is like is not shown", false,
          NAMES("statfs", "fstatfs", "sysinfo", "ustat") },
};

static const char no_files[] = "the profile has no files";
static const char no_threads[] = "the profile has no threads";
static const char only_loopback[] = "the profile has nothing but 127.0.0.1 and ::1";
static const char other[] = "the filter of the sandbox denies it";

/* Where nothing can be opened, these are denied, which a profile with files has. */
static const char *const file_names[] = {
        "open",   "openat",     "openat2",    "creat",    "stat",       "lstat",    "statx",
        "access", "faccessat",  "faccessat2", "readlink", "mkdir",      "mkdirat",  "unlink",
        "rename", "readlinkat", "unlinkat",   "chdir",    "getdents64", "truncate", NULL,
};

static bool names_have(const char *const *names, const char *name) {
        for (; *names; names++)
                if (strcmp(*names, name) == 0)
                        return true;
        return false;
}

static CallClass class_of(const char *name, const Profile *profile) {
        bool can_fork = profile->maximum.value[LIMIT_PROCESSES] > 1;

        if (profile->files == PROFILE_FILES_NONE && names_have(file_names, name))
                return (CallClass){ .reason = no_files };
        /* Init calls a fork by its name: this is a thread, or a namespace where there may be threads. */
        if (strcmp(name, "clone") == 0 && !can_fork && profile->maximum.value[LIMIT_THREADS] == 0)
                return (CallClass){ .reason = no_threads, .is_wanted = true };
        if (strcmp(name, "clone") == 0)
                name = can_fork ? "unshare" : "fork";
        FOREACH_ARRAY(class, classes, ELEMENTSOF(classes)) {
                if (!names_have(class->names, name))
                        continue;
                if (class == classes && profile->network == PROFILE_NETWORK_LOOPBACK)
                        return (CallClass){ .reason = only_loopback, .is_wanted = true };
                return *class;
        }
        return (CallClass){ .reason = other };
}

/* Sentences, one behind the other. */
typedef struct Sentences {
        char *buf; /* DENIED_TEXT_MAX */
        size_t n_named, size;
} Sentences;

static void add_sentence(Sentences *s, const char *name, const CallClass *class) {
        if (s->n_named == CALLS_NAMED_MAX)
                return;
        (void) snprintf(s->buf + s->size, DENIED_TEXT_MAX - s->size, "%s%s() is not available: %s",
                        s->n_named++ > 0 ? "; " : "", name, class->reason);
        s->size = strlen(s->buf);
}

const char *denied_describe_calls(const BoxFacts *facts,
                                  const Profile *profile,
                                  DeniedChoice choice,
                                  char buf[static DENIED_TEXT_MAX]) {
        Sentences s = { .buf = buf };

        FOREACH_ARRAY(call, facts->denied, MIN(facts->n_denied, (uint32_t) DENIED_CALLS_MAX)) {
                const char *name = syscall_name(call->number);
                CallClass class;

                if (!name)
                        continue;
                class = class_of(name, profile);
                if (choice == DENIED_ALL || class.is_wanted)
                        add_sentence(&s, name, &class);
        }
        return s.n_named > 0 ? buf : NULL;
}

/* Many functions of os and socket are called as the system call is that they make. */
const char *denied_describe_imports(const RunnerSaid *said,
                                    const Profile *profile,
                                    char buf[static DENIED_TEXT_MAX]) {
        Sentences s = { .buf = buf };

        FOREACH_ARRAY(v, said->violations, said->n_violations) {
                const char *name = strrchr(v->subject, '.');
                CallClass class;

                if (!name || syscall_number(name + 1) < 0)
                        continue;
                class = class_of(name + 1, profile);
                if (class.is_wanted)
                        add_sentence(&s, name + 1, &class);
        }
        return s.n_named > 0 ? buf : NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* inject FD KIND PROGRAM ARGUMENTS…: runs a daemon with all that comes of it under ptrace(2), and lets one system call of
 * one process fail: it is not carried out, and the process sees the error. FD is a memory file with the order, struct
 * Fault. Ends when no process is left.
 *
 * strace(1) can inject, too, but counts in each process for itself: the third close() of an init cannot be had without
 * that of its template, which comes before. Here a process has a kind, so only one of them fails, and jobs one after the
 * other in one daemon are a run each. */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "inject.h"
#include "proto/syscall-names.h"

#define PROCESSES_MAX 64
#define KIND_EVERY _KIND_COUNTED_MAX

typedef struct Tracee {
        pid_t pid;
        Kind kind;
        bool has_children;
        bool is_failing; /* the call that it makes */
        uint32_t generation;
        uint32_t counts[CALLS_MAX];
        struct user_regs_struct registers; /* as they were at its call */
} Tracee;

static Tracee tracees[PROCESSES_MAX];
static volatile Fault *fault;
static Kind traced; /* whose calls are looked at */
static volatile pid_t builder;

static _noreturn_ void die(const char *what) {
        dprintf(STDERR_FILENO, "inject: %s: %s\n", what, strerror(errno));
        _exit(70); /* and by PTRACE_O_EXITKILL all tracees end */
}

static Tracee *tracee_find(pid_t pid) {
        FOREACH_ARRAY(t, tracees, PROCESSES_MAX)
                if (t->pid == pid)
                        return t;
        return NULL;
}

static Tracee *tracee_add(pid_t pid, Kind kind) {
        Tracee *t = tracee_find(0);

        if (!t)
                die("too many processes");
        *t = (Tracee){ .pid = pid, .kind = kind, .generation = fault->generation };
        return t;
}

static bool kind_is_boxed(Kind kind) {
        return kind == KIND_INIT || kind == KIND_JOB;
}

/* Whose child this is says what it is. */
static Kind kind_of_child(Tracee *parent) {
        bool is_first = !parent->has_children;

        parent->has_children = true;
        switch (parent->kind) {
        case KIND_BUILDER:
                return is_first ? KIND_BROKER : KIND_TEMPLATE;
        case KIND_TEMPLATE:
                return KIND_INIT;
        case KIND_INIT:
                return is_first ? KIND_JOB : KIND_OTHER;
        case KIND_BROKER:
        case KIND_JOB:
        case KIND_OTHER:
        case KIND_UNKNOWN:
                return KIND_OTHER;
        }
        return KIND_OTHER;
}

static void tracee_resume(const Tracee *t, int signal_number) {
        bool is_watched = t->is_failing ||
                          (fault->filtered == 0 &&
                           (t->kind == traced || (traced == KIND_EVERY && t->kind < KIND_OTHER)));

        /* ESRCH: it was killed meanwhile, which waitpid() says next. */
        if (ptrace(is_watched ? PTRACE_SYSCALL : PTRACE_CONT, t->pid, 0, signal_number) < 0 &&
            errno != ESRCH)
                die("resuming");
}

static void tracee_on_clone(Tracee *parent) {
        unsigned long pid;
        Tracee *child;
        Kind kind;

        if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) < 0)
                return; /* both are gone */
        kind = kind_of_child(parent);
        fault->n_boxes += kind_is_boxed(kind);
        child = tracee_find((pid_t) pid);
        if (!child) {
                (void) tracee_add((pid_t) pid, kind);
                return;
        }
        child->kind = kind; /* it was first, and waits */
        tracee_resume(child, 0);
}

/* Until init has forked the job's process, and until that one has its filter and a descriptor table of its own. */
static bool tracee_is_uncaged(const Tracee *t) {
        if (t->kind == KIND_INIT)
                return t->counts[SYS_clone3] == 0;
        return t->kind != KIND_JOB || t->counts[SYS_seccomp] == 0 ||
               t->counts[SYS_close_range] == 0;
}

/* What gives something back does so whatever it says: no kernel keeps a descriptor open or in an epoll set then, and
 * sd-event frees what the kernel would go on to point at. */
static bool call_is_release(const struct user_regs_struct *registers) {
        return fault->call == SYS_close ||
               (fault->call == SYS_epoll_ctl && registers->rsi == EPOLL_CTL_DEL);
}

/* In place of the call a close() of nothing, which every filter allows. */
static void tracee_fail_call(Tracee *t) {
        struct user_regs_struct registers;

        if (ptrace(PTRACE_GETREGS, t->pid, 0, &t->registers) < 0)
                return;
        registers = t->registers;
        if (!call_is_release(&registers)) {
                registers.orig_rax = SYS_close;
                registers.rdi = (unsigned long long) -1;
        }
        if (fault->call == SYS_brk) { /* it has no errors: it says where the end is */
                registers.orig_rax = SYS_brk;
                registers.rdi = 0;
        }
        if (ptrace(PTRACE_SETREGS, t->pid, 0, &registers) < 0)
                return;
        t->is_failing = true;
        fault->injected++;
        fault->uncaged = tracee_is_uncaged(t);
}

static void tracee_answer(Tracee *t) {
        struct user_regs_struct registers;

        if (ptrace(PTRACE_GETREGS, t->pid, 0, &registers) < 0)
                return;
        t->registers.rip = registers.rip;
        t->registers.rax = fault->call == SYS_brk ? registers.rax
                                                  : (unsigned long long) -(long long) fault->error;
        (void) ptrace(PTRACE_SETREGS, t->pid, 0, &t->registers);
        t->is_failing = false;
}

static void tracee_on_call(Tracee *t) {
        struct __ptrace_syscall_info info;
        uint64_t number;

        if (t->kind >= KIND_OTHER ||
            ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0 ||
            info.op == PTRACE_SYSCALL_INFO_NONE)
                return;
        if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->is_failing)
                tracee_answer(t);
        if (info.op == PTRACE_SYSCALL_INFO_EXIT || info.entry.nr >= CALLS_MAX)
                return;
        if (t->generation != fault->generation) {
                t->generation = fault->generation;
                memset(t->counts, 0, sizeof(t->counts));
        }
        number = info.entry.nr;
        if (fault->injected == 0 && number == fault->call && t->kind == traced &&
            t->counts[number] + 1 == fault->occurrence)
                tracee_fail_call(t);
        t->counts[number]++;
        fault->counts[t->kind][number]++;
}

static void tracee_on_end(Tracee *t, int status) {
        int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

        if (t->pid == builder) {
                builder = 0;
                fault->builder_status = (uint32_t) status;
                fault->ended = 1;
        }
        /* How a job ends is its result. */
        if (number != 0 && number != SIGKILL && number != SIGTERM && t->kind < KIND_JOB) {
                fault->crash = (uint32_t) number;
                fault->crash_kind = t->kind;
        }
        fault->n_boxes -= kind_is_boxed(t->kind);
        t->pid = 0;
        if (t->kind >= KIND_OTHER)
                return;
        /* One that it forked, and was killed before it could be heard of that. */
        FOREACH_ARRAY(child, tracees, PROCESSES_MAX)
                if (child->pid != 0 && child->kind == KIND_UNKNOWN) {
                        child->kind = KIND_OTHER;
                        tracee_resume(child, 0);
                }
}

static void tracee_on_stop(Tracee *t, int status) {
        int number = WSTOPSIG(status), event = status >> 16;

        switch (event) {
        case PTRACE_EVENT_CLONE:
        case PTRACE_EVENT_FORK:
        case PTRACE_EVENT_VFORK:
                tracee_on_clone(t);
                break;
        case PTRACE_EVENT_EXEC:
                if (t->pid == builder)
                        t->kind = KIND_BUILDER; /* until now it was a copy of us */
                break;
        case PTRACE_EVENT_SECCOMP:
                tracee_on_call(t);
                break;
        case 0:
                if (number != (SIGTRAP | 0x80)) {
                        tracee_resume(t, number);
                        return;
                }
                tracee_on_call(t);
                break;
        }
        if (t->kind != KIND_UNKNOWN)
                tracee_resume(t, 0);
}

/* Somebody who has not said yet whom he forked. */
static bool parent_is_left(void) {
        FOREACH_ARRAY(t, tracees, PROCESSES_MAX)
                if (t->pid != 0 &&
                    (t->kind == KIND_BUILDER || t->kind == KIND_TEMPLATE || t->kind == KIND_INIT))
                        return true;
        return false;
}

static void watch(void) {
        for (;;) {
                Tracee *t;
                int status;
                pid_t pid = waitpid(-1, &status, __WALL);

                if (pid < 0 && errno == EINTR)
                        continue;
                if (pid < 0)
                        return;
                t = tracee_find(pid);
                if (!t && !WIFSTOPPED(status))
                        continue; /* an orphan, for the second time: now as its parent */
                if (!t)
                        t = tracee_add(pid, parent_is_left() ? KIND_UNKNOWN : KIND_OTHER);
                if (WIFSTOPPED(status))
                        tracee_on_stop(t, status);
                else
                        tracee_on_end(t, status);
        }
}

/* Only the call that is to fail stops anybody, which makes a start five times as fast. Wants root, not no_new_privs:
 * who is started must see that as it always is. */
static void filter(uint32_t call) {
        struct sock_filter instructions[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { ELEMENTSOF(instructions), instructions };

        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                die("seccomp");
}

/* To be passed on: only who reaps the builder knows that its number is still its own. */
static void on_terminate(int number) {
        if (builder > 0)
                (void) kill(builder, number);
}

static void start(char *const argv[]) {
        int begin[2];
        pid_t pid;
        char byte;

        if (pipe(begin) < 0)
                die("pipe");
        pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                (void) close(begin[1]);
                (void) fcntl(begin[0], F_SETFD, FD_CLOEXEC);
                if (read(begin[0], &byte, 1) != 0) /* its end: we are watched */
                        die("read");
                if (fault->filtered != 0)
                        filter(fault->call);
                (void) execv(argv[0], argv);
                die(argv[0]);
        }
        (void) tracee_add(pid, KIND_OTHER);
        if (ptrace(PTRACE_SEIZE, pid, 0,
                   PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                           PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                           PTRACE_O_TRACESECCOMP) < 0 ||
            ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
                die("ptrace");
        builder = pid;
        (void) close(begin[0]);
        (void) close(begin[1]);
}

int main(int argc, char **argv) {
        uint64_t fd, kind;
        void *map;

        if (argc == 1)
                for (uint32_t i = 0; i < CALLS_MAX; i++)
                        if (syscall_name(i))
                                (void) printf("%u %s\n", i, syscall_name(i));
        if (argc < 4)
                return 0;
        if (parse_u64(argv[1], &fd) < 0 || parse_u64(argv[2], &kind) < 0 || kind > KIND_EVERY)
                die("usage");
        map = mmap(NULL, sizeof(Fault), PROT_READ | PROT_WRITE, MAP_SHARED, (int) fd, 0);
        if (map == MAP_FAILED)
                die("mmap");
        fault = map;
        traced = (Kind) kind;
        (void) close((int) fd);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                die("prctl");
        start(argv + 3);
        (void) sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_terminate }, NULL);
        fault->started = 1;
        watch();
        return 0;
}

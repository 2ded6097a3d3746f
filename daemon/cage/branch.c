/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Branching a session: its interpreter forks, and the new process is an interpreter of its own.
 *
 * The filter denies every fork whose parent is not the caller (CLONE_PARENT), in every profile, and most
 * profiles deny any fork; so the call comes to init. Init lets it go on once for each BOX_BRANCH of the
 * builder, for the process that this is about. What CLONE_PARENT makes is init's child, so init reaps it and its
 * process id is the kernel's word. Then it asks, by a call that is always denied, for its descriptors: init
 * puts them in the places of those that it shares with its base. A job that makes these calls itself gets the
 * branch that it was to be, or nothing. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "cage/init.h"
#include "cage/sys.h"
#include "proto/link.h"
#include "proto/runner-wire.h"

#define BRANCH_FLAGS (CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)

/* A call that every filter of a job denies, and that of the service does not: its word would be the last, and init
 * would hear nothing. */
#define BRANCH_ASKS SYS_sethostname

/* Beyond all that init and the listener have. */
#define BRANCH_FD_MIN 64

static long clone_branch(void) {
        int *tid = cage_tid_address();
        long pid;

#if defined(__x86_64__)
        pid = syscall(SYS_clone, BRANCH_FLAGS, NULL, NULL, tid, NULL);
#else
        pid = syscall(SYS_clone, BRANCH_FLAGS, NULL, NULL, NULL, tid);
#endif
        return pid < 0 ? -errno : pid;
}

/* Without signals: the nudges behind an interrupt would end a call that waits for init's answer, and this one is
 * let through only once. */
int cage_fork_branch(void) {
        sigset_t all, before;
        long pid;

        (void) sigfillset(&all);
        if (sigprocmask(SIG_BLOCK, &all, &before) < 0)
                return -errno;
        pid = clone_branch();
        if (pid == 0 && syscall(BRANCH_ASKS, NULL, 0) < 0)
                _exit(1);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return (int) pid;
}

/* A process that init has not met yet, and not somebody's child. */
static bool branch_is_new(const Branch *branch, pid_t pid) {
        siginfo_t info = {};

        return pid != branch->base &&
               waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

static int branch_give_fds(const Branch *branch, int listener_fd, uint64_t id) {
        for (unsigned i = 0; i < BOX_RESTART_FDS; i++) {
                struct seccomp_notif_addfd add = {
                        .id = id,
                        .flags = SECCOMP_ADDFD_FLAG_SETFD,
                        .srcfd = (unsigned) branch->fds[1 + i],
                        .newfd = i,
                };

                if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
                        return -errno;
        }
        return 0;
}

/* Whether there is room for one process more, by trying. The kernel would tell the base and not us: then we had let a
 * fork through of which nobody knows whether it has been, and the box would have to end. */
static bool branch_has_place(pid_t base) {
        struct rlimit own, of_base, tried;
        pid_t pid;

        if (getrlimit(RLIMIT_NPROC, &own) < 0 || prlimit(base, RLIMIT_NPROC, NULL, &of_base) < 0)
                return false;
        tried = own;
        tried.rlim_cur = MIN(own.rlim_cur, of_base.rlim_cur);
        if (setrlimit(RLIMIT_NPROC, &tried) < 0)
                return false;
        pid = vfork();
        if (pid == 0)
                _exit(0);
        (void) setrlimit(RLIMIT_NPROC, &own);
        return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

BranchAnswer branch_answer(Branch *branch, int listener_fd, const struct seccomp_notif *request) {
        pid_t pid = (pid_t) request->pid;

        if (branch->state == BRANCH_GRANTED && request->data.nr == SYS_clone &&
            pid == branch->base && request->data.args[0] == BRANCH_FLAGS) {
                if (!branch_has_place(pid))
                        return BRANCH_FULL;
                branch->state = BRANCH_FORKED;
                return BRANCH_CONTINUES;
        }
        if (branch->state == BRANCH_FORKED && request->data.nr == BRANCH_ASKS &&
            branch_is_new(branch, pid) && branch_give_fds(branch, listener_fd, request->id) == 0) {
                branch->pid = pid;
                branch->state = BRANCH_ADOPTED;
                return BRANCH_SUCCEEDS;
        }
        return BRANCH_DENIES;
}

void init_report_with_pidfd(int control_fd, BoxReportKind kind, pid_t pid) {
        BoxReport report = { .kind = kind, .at_usec = clock_monotonic_usec() };
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);

        (void) link_send(control_fd, &report, sizeof(report), &pidfd, pidfd < 0 ? 0 : 1);
}

void init_drop_branch(Init *init, int error) {
        Branch *branch = &init->branch;
        BoxReport report = { .kind = BOX_STEP_FAILED, .error = error, .step = UINT32_MAX };

        if (branch->state == BRANCH_NONE)
                return;
        (void) link_send(branch->fds[0], &report, sizeof(report), NULL, 0);
        FOREACH_ARRAY(fd, branch->fds, BOX_BRANCH_FDS)
                fd_close(*fd);
        branch->state = BRANCH_NONE;
}

void init_grant_branch(Init *init, const Interpreter *base, const int fds[static BOX_BRANCH_FDS]) {
        Branch *branch = &init->branch;
        bool is_complete = true;

        init_drop_branch(init, EBUSY);
        for (size_t i = 0; i < BOX_BRANCH_FDS; i++) {
                branch->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, BRANCH_FD_MIN);
                is_complete = is_complete && branch->fds[i] >= 0;
                fd_close(fds[i]);
        }
        branch->state = BRANCH_GRANTED;
        branch->base = base->pid;
        if (!is_complete || init->n_interpreters == BOX_INTERPRETERS_MAX)
                init_drop_branch(init, EMFILE);
        init_report_with_pidfd(base->control_fd, BOX_BRANCHING, base->pid);
}

void init_adopt_branch(Init *init) {
        Branch *branch = &init->branch;
        Interpreter *i = &init->interpreters[init->n_interpreters++];

        *i = (Interpreter){
                .pid = branch->pid,
                .control_fd = branch->fds[0],
                .nudge_at_usec = UINT64_MAX,
        };
        for (size_t fd = 1; fd < BOX_BRANCH_FDS; fd++)
                fd_close(branch->fds[fd]);
        branch->state = BRANCH_NONE;
        init_report_with_pidfd(i->control_fd, BOX_READY, i->pid);
}

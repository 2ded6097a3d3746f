/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What init knows of its box: between init.c, which serves it, and branch.c. */

#include <sys/resource.h>

#include "cage/internal.h"
#include "proto/runner-wire.h"

/* The job has 0, 1, 2 and RUNNER_FD_CHANNEL; what init keeps follows. */
enum {
        INIT_FD_SYNC_WRITE = RUNNER_FD_CHANNEL + 1, /* the job's end until it is caged */
        INIT_FD_SYNC_READ,
        INIT_FD_CONTROL,
        INIT_FD_CHILDREN, /* signalfd of SIGCHLD */
        INIT_FD_FILES,    /* the last one: only if the broker wants files */
        INIT_FD_END,
};

/* A job's main process. A session that was branched has several. */
typedef struct Interpreter {
        pid_t pid;
        int control_fd; /* to the builder, about this one */
        bool has_ended;
        int status;                              /* as of wait(2), once it has ended */
        struct rusage usage;                     /* the same */
        uint64_t nudge_at_usec, nudge_wait_usec; /* UINT64_MAX is never */
} Interpreter;

typedef struct Init {
        CageBox *box;
        const CageJob *job;
        Interpreter interpreters[BOX_INTERPRETERS_MAX];
        size_t n_interpreters; /* at least one; of those that have ended only the last one stays */
        Branch branch;         /* the one that is being made */
        int listener_fd, counter_fd;
        uint64_t job_rss_bytes;
        uint64_t job_start_usec, job_end_usec;
        int files_fd; /* negative: nobody asks for files */
        DeniedCalls denied;
} Init;

static inline Interpreter *init_find(Init *init, pid_t pid) {
        FOREACH_ARRAY(i, init->interpreters, init->n_interpreters)
                if (i->pid == pid)
                        return i;
        return NULL;
}

/* BOX_BRANCH has come by the link of this interpreter. Takes the descriptors. */
void init_grant_branch(Init *init, const Interpreter *base, const int fds[static BOX_BRANCH_FDS]);

/* The process that was forked has its descriptors: one interpreter more. */
void init_adopt_branch(Init *init);

/* There will be no branch: says so, and lets go of its descriptors. */
void init_drop_branch(Init *init, int error);

/* A report with a pidfd. */
void init_report_with_pidfd(int control_fd, BoxReportKind kind, pid_t pid);

/* Puts init's own descriptors at their numbers and closes the template's, but for 0, 1 and 2, in whose places the
 * job's will be. */
int init_place_fds(const CageBox *box);

/* In the job's process, which has init's table until it is caged: waits for the BoxStart, and puts what comes with it
 * in its place. */
int init_take_start(CageBox *box);

/* The same for the job after the first one; all that was the old one's closes. */
int init_place_next_job(const CageBox *box, const int job_fds[static BOX_RESTART_FDS]);

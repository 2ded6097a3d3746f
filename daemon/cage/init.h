/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What init knows of its box: between init.c, which serves it, and branch.c. */

#include <sys/resource.h>

#include "cage/internal.h"

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
        const CageBox *box;
        CageJobMain job_main;
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

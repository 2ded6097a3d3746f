/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What happens inside the new namespaces, before any byte of the job: the template links it. */

#include "plan/plan.h"
#include "proto/template-wire.h"

/* Stack of every thread that a job starts: CPython's default recursion limit fits, and 8 MiB each
 * would eat the address space that is the memory limit. */
#define CAGE_THREAD_STACK (1 * MIB)

/* Everything that a box needs to know; the template fills it in from TemplateMake. */
typedef struct CageBox {
        const PlanImage *plan;
        TemplateMake make;
        int fds[_MAKE_FD_MAX]; /* -EBADF where none came */
        BoxStart start;        /* once it has come */
} CageBox;

/* What a job's process does of its own. */
typedef struct CageJob {
        /* First, while nobody may have asked for a job yet: all that is the same for every one. May be NULL. */
        void (*prepare)(void);
        /* After the last step of the plan: runs the program that comes by RUNNER_FD_CHANNEL (descriptors 0, 1, 2 and
         * 3 are in place, nothing else is open) and never returns. */
        void (*run)(const CageBox *box);
} CageJob;

/* Tries what a job must not be able to do, and sends a ProbeRecord by RUNNER_FD_CHANNEL. */
extern const CageJob cage_probe_job;

/* The child of clone3: becomes the box's init (PID 1). Waits for the id maps, walks the plan, forks
 * the job process, which waits for its BoxStart, and serves it until it ends. Never returns, never runs a byte of the
 * job. */
_noreturn_ void cage_init_main(const CageBox *box, const CageJob *job);

/* In a job whose session is being branched: 0 in the branch, which then has the descriptors of its own at their
 * numbers, its process id in the base, or a negative errno: nobody has allowed it. */
int cage_fork_branch(void);

/* clone3() with the namespaces of the plan: returns the pid in the template, 0 in the box, or a
 * negative errno. *ret_pidfd is set in the template only. */
int cage_clone(const CageBox *box, int *ret_pidfd);

/* Of a plan whose boxes keep their files in a directory of the host: before the box, its name, and after it, its end. */
int cage_choose_directory(const PlanImage *plan);
void cage_remove_directory(void);

/* Where the job's files are, as init sees it: /app, or that. */
const char *cage_app(void);

/* To be called once by the template before it serves: everything that clone and init need and that
 * start-up can find out (address of the thread id, sizes of the seccomp notification). */
int cage_prepare(void);

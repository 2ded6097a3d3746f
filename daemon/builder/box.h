/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A box from the request to the last kernel fact about it. */

#include "builder/builder.h"
#include "builder/wall-clock.h"
#include "proto/template-wire.h"

typedef enum BoxState {
        BOX_WAITING, /* for a template, or for its clone */
        BOX_SETUP, /* cloned; its init walks the plan. A spare one stays here until it has a job */
        BOX_RUNNING, /* the job runs */
        BOX_OVER,    /* ENDED is reported; its init hands out files, or is on its way out */
} BoxState;

typedef struct Box {
        Builder *builder;
        PlanSet *set; /* that it was asked for from */
        BoxState state;
        uint64_t id;
        uint32_t plan;
        uint32_t slot;
        Limits limits;
        List bucket; /* Builder.boxes, or .spares */
        List queue;  /* Template.waiting or .making */

        int fds[BUILDER_FDS_MAX]; /* as in BUILDER_START and BoxStart, until they are sent */
        bool has_files;           /* the last of them was there */
        /* A session that was branched: the box that has the slot, the leaf and init, and what shares them. */
        struct Box *trunk;     /* of a branch; else NULL */
        List branches;         /* of a trunk; of a branch, its place there */
        uint64_t next_branch;  /* the one that is asked for from this interpreter */
        int interpreter_pidfd; /* once there are several; else negative, and that of init says all */
        pid_t interpreter_pid;

        int control_fd, pidfd, leaf_fd;
        uid_t uid; /* of its init, where the builder may not kill it otherwise; else (uid_t) -1 */
        Template *template; /* one of its own, or NULL */
        int room_fd; /* the template's end of the control link, whose place the clone's pidfd takes */
        pid_t pid;   /* behind the pidfd, as long as that is not reaped */
        sd_event_source *control_source, *exit_source, *wall_source, *cpu_source;

        EndReason end_reason;
        uint64_t requested_usec, ready_usec;
        WallClock clock; /* once it is ready */
        bool is_spare;   /* nobody knows of it, it has no id, and its limits are the default ones */
        bool is_session, in_cell;
        bool cell_restarts;     /* a cell runs in what ends by RESTART */
        bool wants_idle;        /* CELL_ENDED is due when no interrupt is on its way any more */
        unsigned n_interrupts;  /* sent, and not answered by init */
        EndReason overdue;      /* why the cell was interrupted: it is killed if it does not end */
        uint64_t cell_cpu_usec; /* what the box had used when the cell began */
        uint64_t late_cpu_usec; /* without a cgroup: as of the moment when it had to be killed */
        int setup_error;        /* positive errno */
        uint32_t setup_step;    /* UINT32_MAX: init has not told one */
        PlanOp setup_op;        /* what we were at; init's own steps it tells by their numbers */
} Box;

/* Makes a box from a request that was checked; takes the descriptors over. Failures are reported
 * to the broker as ENDED, not returned. */
void box_start(PlanSet *set, const BuilderRequest *request, int fds[BUILDER_FDS_MAX]);

/* Makes one that has no job yet. It is reported nowhere until box_start() finds it of use. */
int box_start_spare(PlanSet *set, uint32_t plan);

Box *box_find(Builder *builder, uint64_t id);

/* Ends it; the first reason wins. The box goes away when the kernel says so. */
void box_kill(Box *box, EndReason reason);

/* The job waits for tools, or does no more; it has waited for so long in all. */
void box_tool_wait(Box *box, uint64_t waited_usec, bool is_waiting);

/* SIGINT for the job's main process, if it runs and is not being ended; in a session, if a cell runs. With a
 * reason the cell, and the box with it, is killed if that is no use. */
void box_interrupt(Box *box, EndReason reason);

/* What it has used so far, if it runs: reports USED. box-usage.c */
void box_report_usage(Builder *builder, uint64_t id);

/* A cell of a session begins, under these limits, and has ended. */
void box_begin_cell(Box *box, const Limits *limits);
void box_end_cell(Box *box);

/* Another interpreter in a session's box. Takes the descriptors. */
void box_restart(Box *box, int fds[BUILDER_START_FDS]);

/* Another interpreter in a session's box, forked from this one's (NULL: that has just ended). Takes the descriptors;
 * failures are reported as ENDED of the branch. */
void box_branch(Builder *builder, Box *base, uint64_t id, int fds[BUILDER_START_FDS]);

/* By the template: sends the request to clone it. */
int box_send_make(Box *box, int link_fd, uint64_t template_vm_bytes);

/* By the template: it is cloned; pidfd is taken over. */
void box_cloned(Box *box, int pidfd);

/* It could not be set up: reports ENDED with this negative errno, and frees it. */
void box_fail(Box *box, int error);

/* Kills and forgets all boxes without reports: the builder goes away. */
void box_free_all(Builder *builder);

/* Between the files of a box. */

/* A box that is not ready after this long hangs in the kernel; nothing of the job ran. */
#define SETUP_TIMEOUT_USEC (10 * USEC_PER_SEC)

static inline uint64_t box_lifetime_end(const Box *box) {
        return box->ready_usec + SESSION_LIFETIME_USEC_MAX;
}

/* When its time is over, by the wall clock. */
int box_set_deadline(Box *box, uint64_t at_usec);

/* What it has used so far, and the limit on what it uses from then on. */
int box_cpu_usec(const Box *box, uint64_t *ret_usec);
int box_limit_cpu(Box *box, uint64_t used_usec);

/* One that is in no list but those of the builder. NULL: no memory. */
Box *box_add(PlanSet *set, uint64_t id);
void box_refuse(Builder *builder, uint64_t id, int error);
int box_watch_control(Box *box);
int box_watch_exit(Box *box); /* of its init */

/* Where it is found by its id; and its end, which nobody is told. */
List *box_bucket(Builder *builder, uint64_t id);
void box_free(Box *box);

/* Init's answers. */
void box_branching(Box *base, int pidfd);
void box_set_interpreter(Box *box, int pidfd);
void box_interrupted(Box *box);
void box_restarted(Box *box);

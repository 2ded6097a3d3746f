/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Broker <-> builder: fixed structs on a SOCK_SEQPACKET pair. The broker is assumed to be
 * compromised: it can name a plan, not write one, and the builder clamps every number again.
 *
 * The broker inherits descriptors at fixed numbers and learns the rest from its arguments:
 *
 *      pysbd-broker [--embedded] [--idle-exit USEC] [--admin-group GID] --listen N [--manager M]
 *
 * The last M of the N sockets are for administrators.
 */

#include <stdint.h>

#include "proto/box-facts.h"
#include "proto/limits.h"

#define BROKER_FD_BUILDER 3  /* this link */
#define BROKER_FD_PROFILES 4 /* sealed memfd: the flat lines of all profiles, in plan order */
#define BROKER_FD_FILTER 5   /* sealed memfd: struct sock_filter[], the broker's own filter */
#define BROKER_FD_CONFIG 6   /* sealed memfd: flat lines of pysbd.toml as far as the broker needs */
#define BROKER_FD_LISTEN 7   /* the first of N sockets, listening or (embedded) connected */

typedef enum BuilderVerb {
        /* fds: stdin, stdout, stderr, channel, and the files channel if somebody wants the files of the
         * job. Answered by STARTED, later ENDED. With a files channel the box is still there then, with
         * its slot and its memory, until the broker closes it; the builder waits for that no longer than
         * FILES_USEC_MAX. */
        BUILDER_START,
        BUILDER_KILL, /* answered by the box's ENDED; unknown boxes are ignored: it raced the end */
        BUILDER_TOOL_WAIT, /* the wall clock stands still: see waited_usec; unknown boxes are ignored */
        BUILDER_INTERRUPT, /* SIGINT for the job; boxes that are unknown or do not run are ignored */
        BUILDER_RELOAD, /* read the operator's files again: answered by RELOADED, one at a time */
        BUILDER_FORGET, /* generations of profiles before this one start nothing any more */
        BUILDER_CELL, /* a cell of a session begins: its wall clock and CPU time, by plan, digest, limits */
        BUILDER_IDLE, /* the cell has ended: both clocks stop. Answered by CELL_ENDED */
        /* fds as of START: what runs in a session's box ends, and a fresh interpreter begins there, in the
         * same files. Answered by RESTARTED or, when that is no use, by ENDED */
        BUILDER_RESTART,
        BUILDER_USAGE, /* always answered by USED, at once: nothing but zeros of boxes that do not run */
        /* fds as of START: the interpreter of this box may fork once, and what it forks is the box 'branch', in all
         * else the same one. Answered by BRANCHING, then by STARTED and later ENDED of that */
        BUILDER_BRANCH,
        BUILDER_SELF_TEST, /* answered by SELF_TESTED; asked again before that, by the same one */
        _BUILDER_VERB_MAX,
} BuilderVerb;

#define BUILDER_START_FDS 4
#define BUILDER_FDS_MAX (BUILDER_START_FDS + 1)
#define CPU_WEIGHT_MAX 10000 /* the kernel's */
#define BUILDER_RELOADED_FDS 2
#define FILES_USEC_MAX (UINT64_C(10) * 1000000)

typedef struct BuilderRequest {
        uint32_t verb; /* BuilderVerb */
        uint32_t
                plan; /* START, CELL: index of the profile in its generation; FORGET: a generation */
        uint64_t box;    /* chosen by the broker, never 0, never used twice */
        uint64_t digest; /* START, CELL: of that plan, so that a reload cannot mix them up */
        /* KILL: END_OUTPUT, END_CANCEL or END_TOOL_CALLS. INTERRUPT of a cell: END_CANCEL kills the box
         * unless the cell ends within SESSION_GRACE_USEC, 0 (END_BY_ITSELF) does not. */
        uint32_t reason;
        uint32_t is_waiting; /* TOOL_WAIT: still, from now on until the next TOOL_WAIT */
        /* TOOL_WAIT: all time so far in which the job waited for tools. The builder adds it to the
         * deadline, up to LIMIT_TOOL_WAIT: a broker that lies gains a job no more than that. */
        uint64_t waited_usec;
        /* START: a session. Only between CELL and IDLE there is a limit on its time; before, between and
         * after them it may use the CPU time of one cell more, and lives no longer than
         * SESSION_LIFETIME_USEC_MAX whatever the broker says. */
        uint32_t is_session;
        uint32_t
                cpu_weight; /* START: cpu.weight of its cgroup, 1 to CPU_WEIGHT_MAX; 0 is the kernel's own, 100 */
        uint64_t branch; /* BRANCH: chosen as box is */
        Limits limits;   /* START, CELL */
} BuilderRequest;

/* Of the kernel's pressure stall information. One that is no multiple of 2 s needs privilege. */
#define PRESSURE_WINDOW_USEC (UINT64_C(2) * 1000000)

#define SESSION_LIFETIME_USEC_MAX (UINT64_C(24) * 3600 * 1000000)

/* From SIGINT to the kill: how long a cell may take to end whose time is over. */
#define SESSION_GRACE_USEC (UINT64_C(2) * 1000000)

typedef enum BuilderReportKind {
        BUILDER_NODE,     /* once, before anything else */
        BUILDER_STARTED,  /* the program starts now */
        BUILDER_STOPPING, /* the daemon stops: refuse new work; its boxes end with END_SHUTDOWN */
        BUILDER_ENDED,    /* every process of the job is gone; also when it never started */
        /* fds: the new profiles and the new configuration, as BROKER_FD_PROFILES and BROKER_FD_CONFIG;
         * or a single one: the text of what is wrong, and nothing has changed */
        BUILDER_RELOADED,
        /* The facts of a cell. Every SIGINT that was meant for it has been sent: the next one gets none. */
        BUILDER_CELL_ENDED,
        BUILDER_BRANCHING, /* of the branch: its base may fork now */
        BUILDER_RESTARTED, /* with the facts of the cell that was ended with its interpreter, if one was */
        BUILDER_PRESSURE, /* memory is short; again every PRESSURE_WINDOW_USEC at most, as long as it is */
        BUILDER_SELF_TESTED, /* probes_tried and _failed; both 0: the facts say why there was no box */
        BUILDER_USED,        /* facts so far: CPU time, memory and tasks */
        _BUILDER_REPORT_MAX,
} BuilderReportKind;

typedef struct BuilderReport {
        uint32_t kind;           /* BuilderReportKind */
        uint32_t slots;          /* NODE: boxes that can run at once */
        uint64_t box;            /* STARTED, ENDED, CELL_ENDED, RESTARTED, USED */
        uint64_t layers;         /* NODE: LAYER_BIT()s that boxes of this daemon have */
        uint64_t python_version; /* NODE: PY_VERSION_HEX of pysb-runner, 0 until known */
        uint64_t setup_usec;     /* STARTED */
        uint32_t counter_error;  /* NODE: 0, or the positive errno of counter_probe(COUNTER_JOB) */
        uint32_t _reserved;
        /* USED: now; of the largest process where no cgroup counts; 0 is unknown. NODE: what all boxes may
         * use together, 0 is unknown */
        uint64_t memory_bytes;
        uint64_t cell_cpu_usec; /* USED: what of the CPU time was before the cell that runs */
        uint64_t probes_tried, probes_failed; /* SELF_TESTED: PROBE_BIT()s */
        BoxFacts facts;                       /* ENDED, CELL_ENDED, RESTARTED, USED */
} BuilderReport;

_Static_assert(sizeof(Limits) == 8 * _LIMIT_MAX, "wire layout");
_Static_assert(sizeof(BuilderRequest) == 56 + sizeof(Limits), "wire layout");
_Static_assert(sizeof(BoxFacts) == 136 + 8 * DENIED_CALLS_MAX, "wire layout");
_Static_assert(sizeof(BuilderReport) == 80 + sizeof(BoxFacts), "wire layout");

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Builder <-> template, and builder <-> the init of a box: fixed structs on SOCK_SEQPACKET pairs.
 *
 *      pysb-runner --template
 *
 * inherits the two descriptors below, and 0, 1, 2 on /dev/null, /dev/null and the daemon's log. */

#include <stdint.h>

#include "proto/box-facts.h"
#include "proto/limits.h"

#define TEMPLATE_FD_BUILDER 3 /* this link; its end of file ends the template */
#define TEMPLATE_FD_PLAN 4    /* sealed memfd: PlanImage */

/* Template -> builder, once: warm, single-threaded and ready to be cloned. */
typedef struct TemplateHello {
        uint32_t python_version; /* PY_VERSION_HEX */
        uint32_t _reserved;
        uint64_t plan_digest;
        uint64_t vm_bytes; /* address space of the template: RLIMIT_AS of a job counts from here */
        uint64_t rss_bytes;
} TemplateHello;

/* Builder -> template: clone one box. Nothing in it is of a job: which one it is for need not be known yet.
 * Descriptors, in this order. */
enum {
        MAKE_FD_CONTROL, /* the box's end of its control link */
        MAKE_FD_CGROUP,  /* only with has_cgroup */
        _MAKE_FD_MAX,
};

typedef struct TemplateMake {
        uint64_t box;
        uint64_t disk_bytes, disk_files; /* LIMIT_DISK and LIMIT_DISK_FILES of the job */
        uint64_t vm_bytes;               /* TemplateHello.vm_bytes, for RLIMIT_AS */
        uint32_t has_cgroup;             /* MAKE_FD_CGROUP comes with it */
        uint32_t has_counter;            /* the job can be counted: COUNTER_JOB */
        uint32_t is_probe;               /* instead of a job: the program of the self-test */
        uint32_t n_others; /* tasks that have the box's uid beside the job's own: its init, … */
        uint32_t _reserved;
        uint32_t landlock_abi; /* what it is to use; 0: the kernel has none, and results say so */
} TemplateMake;

#define MAKE_OTHERS_UNKNOWN UINT32_MAX /* it is somebody's who has other processes */

/* Template -> builder, with the pidfd of the box's init unless error is set. */
typedef struct TemplateMade {
        uint64_t box;
        int32_t error; /* positive errno of clone3 */
        uint32_t _reserved;
} TemplateMade;

/* Control link. Builder -> init: one byte, the id maps are written. End of file: the builder died. */
#define BOX_GO 'g'

/* Builder -> the job's process of a box, by the control link that it shares with init until it is caged: the
 * program that the box is for. It comes once, behind BOX_GO; a box that waits for it has all of its cage but
 * what the limits are needed for. Descriptors, in this order. */
enum {
        START_FD_STDIN,
        START_FD_STDOUT,
        START_FD_STDERR,
        START_FD_CHANNEL,
        START_FD_FILES, /* only with has_files: the files channel, which init keeps for itself */
        _START_FD_MAX,
};

typedef struct BoxStart {
        uint32_t has_files; /* START_FD_FILES comes with it */
        uint32_t _reserved;
        Limits limits;
} BoxStart;

/* Builder -> init of a running box: end the job now, and report it with its figures. An init that
 * does not get around to it (its cgroup is throttled, or out of processes) is killed with the box. */
#define BOX_STOP 's'

/* Builder -> init of a running box: SIGINT for the job's main process. Not for what it started: Python
 * raises KeyboardInterrupt there, and who catches it decides about its own children, as it cannot when
 * they have the same signal already. */
#define BOX_INTERRUPT 'i'

/* Builder -> init of a session's box, with a job's four descriptors: every process of the job ends, and a new
 * one begins. */
#define BOX_RESTART 'r'
#define BOX_RESTART_FDS (START_FD_CHANNEL + 1)

/* Builder -> init, by the control link of an interpreter, with the control link of another one and its four
 * descriptors: it may fork once, and what it forks is that other one. Answered by BRANCHING on the first link,
 * later by READY or STEP_FAILED on the second. */
#define BOX_BRANCH 'b'
#define BOX_BRANCH_FDS (1 + BOX_RESTART_FDS)

/* Interpreters of one box. */
#define BOX_INTERPRETERS_MAX 16

typedef enum BoxReportKind {
        BOX_STEP_FAILED, /* and the box is gone; no job code ran */
        BOX_READY, /* everything is in place, the job process reads its channel. Of a branch: with its pidfd */
        BOX_END,         /* the job's main process ended; everything else in the box was killed */
        BOX_INTERRUPTED, /* answers BOX_INTERRUPT: the signal is sent */
        BOX_RESTARTED,   /* answers BOX_RESTART: as READY */
        BOX_BRANCHING,   /* answers BOX_BRANCH, with a pidfd of the interpreter that may fork now */
        _BOX_REPORT_MAX,
} BoxReportKind;

/* Init -> builder. Init never runs a byte of the job's code and is out of its reach. */
typedef struct BoxReport {
        uint32_t kind;          /* BoxReportKind */
        int32_t error;          /* STEP_FAILED: positive errno */
        uint32_t step;          /* STEP_FAILED: index in the plan */
        int32_t job_status;     /* END: as of wait(2) */
        uint64_t cpu_user_usec; /* END: of all processes that init reaped */
        uint64_t cpu_system_usec;
        uint64_t maxrss_bytes; /* END: of the largest process, the template's pages not counted */
        uint64_t at_usec;      /* READY, RESTARTED, END: the instant, on the monotonic clock */
        uint64_t disk_bytes;   /* END: of what the job left in the tmpfs that has most */
        uint64_t disk_files;
        uint64_t tasks_peak;   /* END: of the job at once; 0 is unknown */
        uint64_t instructions; /* END: of all processes, in user mode; 0 is unknown */
        uint32_t n_denied;     /* END */
        uint32_t _reserved;
        DeniedCall denied[DENIED_CALLS_MAX];
} BoxReport;

_Static_assert(sizeof(TemplateHello) == 32, "wire layout");
_Static_assert(sizeof(TemplateMake) == 56, "wire layout");
_Static_assert(sizeof(BoxStart) == 8 + sizeof(Limits), "wire layout");
_Static_assert(sizeof(TemplateMade) == 16, "wire layout");
_Static_assert(sizeof(BoxReport) == 88 + 8 * DENIED_CALLS_MAX, "wire layout");

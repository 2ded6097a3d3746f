/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is known of a job that is gone: kernel facts and the daemon's own clock, nothing that the
 * job could have written. The broker's outcome_decide() reads it first. */

#include <stdint.h>

/* Why the builder ended the box, if it did. The first reason wins. */
typedef enum EndReason {
        END_BY_ITSELF,
        END_WALL_TIME,  /* the builder's timer */
        END_CPU_TIME,   /* the builder's reading of cpu.stat */
        END_OUTPUT,     /* the broker asked: more output than the limit */
        END_CANCEL,     /* the broker asked: Cancel, or the client went away */
        END_TOOL_CALLS, /* the broker asked: more tool calls than the limit */
        END_SHUTDOWN,   /* the daemon stops */
        END_UNTIMED,    /* a timer of its limits could not be set */
        _END_MAX,
} EndReason;

/* A denied system call as init counted it. */
typedef struct DeniedCall {
        uint32_t number; /* of the native ABI */
        uint32_t count;
} DeniedCall;

#define DENIED_CALLS_MAX 16

typedef struct BoxFacts {
        uint32_t end_reason;    /* EndReason */
        int32_t setup_error;    /* 0, or the positive errno of a failed step: nothing ran */
        uint32_t setup_op;      /* PlanOp of that step, _OP_MAX: of none */
        uint32_t setup_step;    /* its index in the plan, UINT32_MAX: it is one of the builder's */
        uint32_t has_record;    /* whether init reported job_status before the box ended */
        int32_t job_status;     /* as of wait(2), of the job's main process */
        int32_t init_status;    /* without a record: as of wait(2), of the box's init */
        uint32_t has_cgroup;    /* whether the counters below come from a cgroup v2 leaf */
        uint64_t wall_usec;     /* from "ready" to the end, 0 if it never became ready */
        uint64_t setup_usec;    /* from the request to "ready" */
        uint64_t cpu_user_usec; /* of all processes; both 0 is unknown */
        uint64_t cpu_system_usec;
        uint64_t cpu_throttled_usec;
        uint64_t memory_peak_bytes; /* 0 is unknown */
        uint64_t oom_kills;         /* memory.events: oom_kill + oom_group_kill */
        uint64_t pids_peak;         /* tasks of the job at once (init not counted); 0 is unknown */
        uint64_t pids_denied;       /* pids.events: max */
        uint64_t disk_bytes; /* with a record: in /app or in /tmp at the end, where there is more */
        uint64_t disk_files; /* the same for files and directories */
        uint64_t instructions; /* of all processes, in user mode; 0 is unknown */
        uint32_t n_denied;
        uint32_t _reserved;
        DeniedCall denied[DENIED_CALLS_MAX];
} BoxFacts;

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The enums of io.pysb.sandbox as C: one table each, in the order of the interface text (a test
 * compares them). The arrays end with NULL, as json_dispatch_enum() wants them. */

typedef enum JobState {
        JOB_QUEUED,
        JOB_STARTING,
        JOB_RUNNING,
        JOB_WAITING_TOOL, /* as clients see it: job_visible_state() */
        JOB_CANCELLING,
        JOB_FINISHED,
        _JOB_STATE_MAX,
} JobState;

typedef enum Outcome {
        OUTCOME_SUCCESS,
        OUTCOME_EXCEPTION,
        OUTCOME_EXIT_NONZERO,
        OUTCOME_SIGNALED,
        OUTCOME_WALL_TIME_LIMIT,
        OUTCOME_CPU_TIME_LIMIT,
        OUTCOME_MEMORY_LIMIT,
        OUTCOME_OUTPUT_LIMIT,
        OUTCOME_TOOL_CALL_LIMIT,
        OUTCOME_TICK_LIMIT,
        OUTCOME_REJECTED,
        OUTCOME_CANCELLED,
        OUTCOME_EXPIRED,
        OUTCOME_LOST,
        OUTCOME_INTERNAL_ERROR,
        _OUTCOME_MAX,
} Outcome;

typedef enum EventKind {
        EVENT_ACCEPTED,
        EVENT_QUEUED,
        EVENT_STARTED,
        EVENT_OUTPUT,
        EVENT_DISPLAY,
        EVENT_TOOL_CALL,
        EVENT_VIOLATION,
        EVENT_FILE,
        EVENT_USAGE, /* like the next one in no log: of one connection only */
        EVENT_HEARTBEAT,
        _EVENT_KIND_MAX,
} EventKind;

extern const char *const job_state_names[_JOB_STATE_MAX + 1];
extern const char *const outcome_names[_OUTCOME_MAX + 1];
extern const char *const event_kind_names[_EVENT_KIND_MAX + 1];

/* Index of a name in such an array, or -EINVAL. */
int wire_name_find(const char *const *names, const char *name);

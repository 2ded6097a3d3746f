/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/names.h"

#include <errno.h>
#include <string.h>

const char *const job_state_names[_JOB_STATE_MAX + 1] = {
        [JOB_QUEUED] = "queued",         [JOB_STARTING] = "starting",
        [JOB_RUNNING] = "running",       [JOB_WAITING_TOOL] = "waiting_tool",
        [JOB_CANCELLING] = "cancelling", [JOB_FINISHED] = "finished",
};

const char *const outcome_names[_OUTCOME_MAX + 1] = {
        [OUTCOME_SUCCESS] = "success",
        [OUTCOME_EXCEPTION] = "exception",
        [OUTCOME_EXIT_NONZERO] = "exit_nonzero",
        [OUTCOME_SIGNALED] = "signaled",
        [OUTCOME_WALL_TIME_LIMIT] = "wall_time_limit",
        [OUTCOME_CPU_TIME_LIMIT] = "cpu_time_limit",
        [OUTCOME_MEMORY_LIMIT] = "memory_limit",
        [OUTCOME_OUTPUT_LIMIT] = "output_limit",
        [OUTCOME_TOOL_CALL_LIMIT] = "tool_call_limit",
        [OUTCOME_TICK_LIMIT] = "tick_limit",
        [OUTCOME_REJECTED] = "rejected",
        [OUTCOME_CANCELLED] = "cancelled",
        [OUTCOME_EXPIRED] = "expired",
        [OUTCOME_LOST] = "lost",
        [OUTCOME_INTERNAL_ERROR] = "internal_error",
};

const char *const event_kind_names[_EVENT_KIND_MAX + 1] = {
        [EVENT_ACCEPTED] = "accepted",   [EVENT_QUEUED] = "queued",
        [EVENT_STARTED] = "started",     [EVENT_OUTPUT] = "output",
        [EVENT_DISPLAY] = "display",     [EVENT_TOOL_CALL] = "tool_call",
        [EVENT_VIOLATION] = "violation", [EVENT_FILE] = "file",
        [EVENT_USAGE] = "usage",         [EVENT_HEARTBEAT] = "heartbeat",
};

int wire_name_find(const char *const *names, const char *name) {
        for (int i = 0; names[i]; i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        return -EINVAL;
}

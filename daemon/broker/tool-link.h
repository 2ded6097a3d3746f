/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way of a tool call: from the job's channel into its events, from CompleteToolCall (or a deadline)
 * back to the job, and to the builder, whose wall clock stands still meanwhile. */

#include "broker/broker.h"

/* From the runner link: the payload of a TOOL_CALL frame. A negative errno ends the reading. */
int tool_link_call(void *broker, Job *job, const char *payload, size_t size);

/* Either the value, which is JSON text, or the two texts of an error. */
typedef struct ToolAnswer {
        const char *value;
        const char *error_type, *error_message;
} ToolAnswer;

/* Sends the answer to the job and forgets the call. */
void tool_link_answer(Broker *b, Job *job, ToolCall *call, const ToolAnswer *answer);

/* From the runner link: nobody reads answers any more. */
void tool_link_closed(void *broker, Job *job);

/* Looks at deadlines, and tells the builder about long waits. Calls broker_wake_at() for the others. */
void tool_link_sweep(Broker *b, uint64_t now_usec);

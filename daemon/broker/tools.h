/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tool calls of one job: which are open, how many there were, how long the job waited. Pure: time
 * comes in. What a job sends is hostile. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/runner-wire.h"

/* A tool that the request names. */
typedef struct Tool {
        char name[TOOL_NAME_MAX + 1];
        uint64_t timeout_usec; /* UINT64_MAX is none */
} Tool;

typedef struct ToolList {
        Tool *tools;
        size_t n;
} ToolList;

void tool_list_done(ToolList *list);

/* A TOOL_CALL frame; the texts point into its payload. */
typedef struct ToolCallFrame {
        uint64_t id;
        const char *name, *arguments;
        size_t name_size, arguments_size;
} ToolCallFrame;

/* Each field once, sizes in their bounds, UTF-8: 0, else -EBADMSG. */
int tool_call_parse(const char *payload, size_t size, ToolCallFrame *ret_frame);

/* The largest payload that can be one. */
#define TOOL_CALL_PAYLOAD_MAX \
        (3 * sizeof(FieldHeader) + sizeof(uint64_t) + TOOL_NAME_MAX + TOOL_ARGUMENTS_MAX)

typedef struct ToolCall {
        uint64_t id;
        const Tool *tool;
        char *arguments; /* JSON text, UTF-8 without NUL; only as long as the call is open */
        size_t arguments_size;
        uint64_t deadline_usec; /* monotonic */
} ToolCall;

typedef struct ToolCalls {
        ToolCall open[TOOL_CALLS_IN_FLIGHT_MAX];
        size_t n_open;
        uint64_t last_id;
        uint64_t n_calls;       /* of all that the client was asked */
        bool is_exceeded;       /* it wanted more than its limit */
        uint64_t wait_max_usec; /* LIMIT_TOOL_WAIT */
        uint64_t waited_usec;   /* before since_usec */
        uint64_t since_usec;    /* at least one call is open since then; 0 is none */
        /* What the builder knows of that, see tool_calls_tell(). */
        uint64_t told_usec;
        bool told_waiting;
} ToolCalls;

void tool_calls_done(ToolCalls *calls);

typedef enum ToolRefusal {
        TOOL_UNKNOWN = 1, /* the job may call none at all, or none of that name */
        TOOL_LIMIT,       /* one more than it may: the job is to be killed */
} ToolRefusal;

/* Opens a call. Returns 0, a ToolRefusal, -ENOMEM, or -EBADMSG: the numbers do not rise, or more are
 * open than the runner lets through. max_calls is LIMIT_TOOL_CALLS. */
int tool_calls_open(ToolCalls *calls,
                    const ToolList *list,
                    uint64_t max_calls,
                    const ToolCallFrame *frame,
                    uint64_t now_usec,
                    ToolCall **ret_call);

/* The open call, or NULL. */
ToolCall *tool_calls_find(const ToolCalls *calls, uint64_t id);

/* It is over; the pointer is not valid any more, and others have moved. */
void tool_calls_close(ToolCalls *calls, ToolCall *call, uint64_t now_usec);

/* One whose deadline has passed, or NULL. */
ToolCall *tool_calls_expired(ToolCalls *calls, uint64_t now_usec);

/* All waiting so far. */
uint64_t tool_calls_waited(const ToolCalls *calls, uint64_t now_usec);

/* Waiting that is shorter than this is told to the builder only when so much has come together: most
 * answers are there in far less, and each would cost two more messages. */
#define TOOL_WAIT_TELL_USEC UINT64_C(10000)

/* Whether the builder is to be told, which is then taken as done: *ret_waited_usec and *ret_is_waiting
 * are what to say. at_once: the wall clock limit is near. */
bool tool_calls_tell(ToolCalls *calls,
                     uint64_t now_usec,
                     bool at_once,
                     uint64_t *ret_waited_usec,
                     bool *ret_is_waiting);

/* When to look again at deadlines and at what is to be told; UINT64_MAX is never. */
uint64_t tool_calls_next(const ToolCalls *calls);

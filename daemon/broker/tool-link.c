/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/tool-link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "basic/macro.h"
#include "broker/scheduler.h"

/* So near to the wall clock limit the builder is told of each wait at once. */
#define WALL_IS_NEAR_USEC (100 * USEC_PER_MSEC)

static bool wall_is_near(const Job *job, uint64_t now_usec) {
        uint64_t ran_usec =
                now_usec - job->started.monotonic_usec - tool_calls_waited(&job->tools, now_usec);

        return ran_usec + WALL_IS_NEAR_USEC >= job->spec->limits.value[LIMIT_WALL_TIME];
}

static void link_tell_builder(Broker *b, Job *job, uint64_t now_usec) {
        BuilderRequest request = { .verb = BUILDER_TOOL_WAIT, .box = job->box };
        bool is_waiting;

        if (!tool_calls_tell(&job->tools, now_usec, wall_is_near(job, now_usec),
                             &request.waited_usec, &is_waiting))
                return;
        request.is_waiting = is_waiting;
        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                log_error("cannot tell the builder that job %s waits", job->id);
}

static void link_wake(Broker *b, const Job *job) {
        broker_wake_at(b, tool_calls_next(&job->tools));
}

static int link_reply(Job *job, uint64_t id, const ToolAnswer *answer) {
        FrameBuilder frame;
        Buf bytes;
        int r;

        frame_begin(&frame, FRAME_TOOL_REPLY);
        frame_add(&frame, FIELD_CALL_ID, &id, sizeof(id));
        if (answer->value)
                frame_add_string(&frame, FIELD_TOOL_VALUE, answer->value);
        else {
                frame_add_string(&frame, FIELD_TOOL_ERROR_TYPE, answer->error_type);
                frame_add_string(&frame, FIELD_TOOL_ERROR_MESSAGE, answer->error_message);
        }
        r = frame_end(&frame, &bytes);
        if (r < 0)
                return r;
        r = runner_link_send(job->link, buf_data(&bytes), buf_size(&bytes));
        buf_done(&bytes);
        return r;
}

void tool_link_answer(Broker *b, Job *job, ToolCall *call, const ToolAnswer *answer) {
        uint64_t now_usec = b->clock().monotonic_usec;
        int r;

        /* First of all: the job waits for it. */
        r = link_reply(job, call->id, answer);
        tool_calls_close(&job->tools, call, now_usec);
        link_tell_builder(b, job, now_usec);
        link_wake(b, job);
        if (r < 0)
                runner_link_hang_up(job->link);
}

static int link_refuse_unknown(Job *job, const ToolCallFrame *frame) {
        char why[TOOL_NAME_MAX + 64];

        if (job->spec->limits.value[LIMIT_TOOL_CALLS] == 0)
                (void) snprintf(why, sizeof(why),
                                "this job may call no tools, raise limits.tool_calls");
        else
                (void) snprintf(why, sizeof(why), "the request names no tool %.*s",
                                (int) frame->name_size, frame->name);
        return link_reply(job, frame->id,
                          &(ToolAnswer){ .error_type = "unknown-tool", .error_message = why });
}

static void link_time_out(Broker *b, Job *job, ToolCall *call) {
        bool is_all = tool_calls_waited(&job->tools, call->deadline_usec) >=
                      job->spec->limits.value[LIMIT_TOOL_WAIT];

        tool_link_answer(b, job, call,
                         &(ToolAnswer){
                                 .error_type = "timeout",
                                 .error_message = is_all ? "all time for waiting is used up, raise "
                                                           "limits.tool_wait"
                                                         : "the client did not answer in time",
                         });
}

int tool_link_call(void *broker, Job *job, const char *payload, size_t size) {
        Broker *b = broker;
        Instant now = b->clock();
        ToolCallFrame frame;
        ToolCall *call = NULL;
        int r;

        r = tool_call_parse(payload, size, &frame);
        if (r < 0)
                return r;
        r = tool_calls_open(&job->tools, &job->spec->tools,
                            job->spec->limits.value[LIMIT_TOOL_CALLS], &frame, now.monotonic_usec,
                            &call);
        if (r == TOOL_UNKNOWN)
                return link_refuse_unknown(job, &frame);
        if (r == TOOL_LIMIT) {
                scheduler_tool_limit(b, job);
                return 0;
        }
        if (r < 0)
                return r;
        if (now.monotonic_usec >= call->deadline_usec) {
                link_time_out(b, job, call);
                return 0;
        }
        link_tell_builder(b, job, now.monotonic_usec);
        link_wake(b, job);
        return job_log_tool_call(job, call, now);
}

void tool_link_closed(void *broker, Job *job) {
        Broker *b = broker;
        uint64_t now_usec = b->clock().monotonic_usec;

        while (job->tools.n_open > 0)
                tool_calls_close(&job->tools, job->tools.open, now_usec);
        link_tell_builder(b, job, now_usec);
}

void tool_link_sweep(Broker *b, uint64_t now_usec) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);
                ToolCall *call;

                if (job->tools.n_open == 0)
                        continue;
                while ((call = tool_calls_expired(&job->tools, now_usec)))
                        link_time_out(b, job, call);
                link_tell_builder(b, job, now_usec);
                link_wake(b, job);
        }
}

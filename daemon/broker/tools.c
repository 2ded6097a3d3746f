/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "basic/utf8.h"

void tool_list_done(ToolList *list) {
        free(list->tools);
        *list = (ToolList){};
}

void tool_calls_done(ToolCalls *calls) {
        FOREACH_ARRAY(c, calls->open, calls->n_open)
                free(c->arguments);
        calls->n_open = 0;
}

static int
frame_text(const char **text, size_t *ret_size, size_t max, const char *data, size_t size) {
        if (*text || size == 0 || size > max || !utf8_is_valid(data, size))
                return -EBADMSG;
        *text = data;
        *ret_size = size;
        return 0;
}

static int frame_field(ToolCallFrame *f, uint32_t type, const char *data, size_t size) {
        switch (type) {
        case FIELD_CALL_ID:
                if (f->id != 0 || size != sizeof(f->id))
                        return -EBADMSG;
                memcpy(&f->id, data, size);
                return 0;
        case FIELD_TOOL_NAME:
                return frame_text(&f->name, &f->name_size, TOOL_NAME_MAX, data, size);
        case FIELD_TOOL_ARGUMENTS:
                return frame_text(&f->arguments, &f->arguments_size, TOOL_ARGUMENTS_MAX, data,
                                  size);
        default:
                return -EBADMSG;
        }
}

int tool_call_parse(const char *payload, size_t size, ToolCallFrame *ret_frame) {
        ToolCallFrame f = {};

        while (size > 0) {
                FieldHeader h;
                int r;

                if (size < sizeof(h))
                        return -EBADMSG;
                memcpy(&h, payload, sizeof(h));
                payload += sizeof(h);
                size -= sizeof(h);
                if (h.size > size)
                        return -EBADMSG;
                r = frame_field(&f, h.type, payload, h.size);
                if (r < 0)
                        return r;
                payload += h.size;
                size -= h.size;
        }
        if (f.id == 0 || !f.name || !f.arguments)
                return -EBADMSG;
        *ret_frame = f;
        return 0;
}

static const Tool *tool_list_find(const ToolList *list, const char *name, size_t size) {
        FOREACH_ARRAY(t, list->tools, list->n)
                if (strlen(t->name) == size && memcmp(t->name, name, size) == 0)
                        return t;
        return NULL;
}

uint64_t tool_calls_waited(const ToolCalls *c, uint64_t now_usec) {
        return c->waited_usec + (c->since_usec > 0 ? now_usec - c->since_usec : 0);
}

/* The end of all waiting, if it goes on from now. */
static uint64_t calls_wait_end(const ToolCalls *c, uint64_t now_usec) {
        uint64_t waited_usec = tool_calls_waited(c, now_usec);

        return now_usec + (c->wait_max_usec > waited_usec ? c->wait_max_usec - waited_usec : 0);
}

int tool_calls_open(ToolCalls *c,
                    const ToolList *list,
                    uint64_t max_calls,
                    const ToolCallFrame *frame,
                    uint64_t now_usec,
                    ToolCall **ret_call) {
        const Tool *tool = tool_list_find(list, frame->name, frame->name_size);
        uint64_t end_usec;
        char *arguments;

        if (frame->id <= c->last_id || c->n_open == TOOL_CALLS_IN_FLIGHT_MAX)
                return -EBADMSG;
        c->last_id = frame->id;
        if (max_calls == 0 || !tool)
                return TOOL_UNKNOWN;
        if (c->n_calls == max_calls) {
                c->is_exceeded = true;
                return TOOL_LIMIT;
        }
        arguments = strndup(frame->arguments, frame->arguments_size);
        if (!arguments)
                return -ENOMEM;
        c->n_calls++;
        end_usec = calls_wait_end(c, now_usec);
        if (c->n_open == 0)
                c->since_usec = now_usec;
        *ret_call = &c->open[c->n_open++];
        **ret_call = (ToolCall){
                .id = frame->id,
                .tool = tool,
                .arguments = arguments,
                .arguments_size = frame->arguments_size,
                .deadline_usec =
                        MIN(end_usec, now_usec + MIN(tool->timeout_usec, UINT64_MAX - now_usec)),
        };
        return 0;
}

ToolCall *tool_calls_find(const ToolCalls *c, uint64_t id) {
        FOREACH_ARRAY(call, c->open, c->n_open)
                if (call->id == id)
                        return (ToolCall *) call;
        return NULL;
}

void tool_calls_close(ToolCalls *c, ToolCall *call, uint64_t now_usec) {
        free(call->arguments);
        *call = c->open[--c->n_open];
        if (c->n_open > 0)
                return;
        c->waited_usec = tool_calls_waited(c, now_usec);
        c->since_usec = 0;
}

ToolCall *tool_calls_expired(ToolCalls *c, uint64_t now_usec) {
        FOREACH_ARRAY(call, c->open, c->n_open)
                if (now_usec >= call->deadline_usec)
                        return call;
        return NULL;
}

bool tool_calls_tell(ToolCalls *c,
                     uint64_t now_usec,
                     bool at_once,
                     uint64_t *ret_waited_usec,
                     bool *ret_is_waiting) {
        uint64_t waited_usec = tool_calls_waited(c, now_usec);
        bool is_waiting = c->since_usec > 0;

        if (c->told_waiting == is_waiting && (is_waiting || c->told_usec == waited_usec))
                return false; /* nothing new */
        if (!c->told_waiting && !at_once && waited_usec - c->told_usec < TOOL_WAIT_TELL_USEC)
                return false;
        c->told_usec = *ret_waited_usec = waited_usec;
        c->told_waiting = *ret_is_waiting = is_waiting;
        return true;
}

uint64_t tool_calls_next(const ToolCalls *c) {
        uint64_t next_usec = UINT64_MAX;

        FOREACH_ARRAY(call, c->open, c->n_open)
                next_usec = MIN(next_usec, call->deadline_usec);
        if (c->since_usec > 0 && !c->told_waiting)
                next_usec = MIN(next_usec, c->since_usec + TOOL_WAIT_TELL_USEC -
                                                   (c->waited_usec - c->told_usec));
        return next_usec;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/event-log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "basic/macro.h"

void event_log_done(EventLog *log) {
        free(log->events);
        *log = (EventLog){};
}

static bool event_log_merge(EventLog *log, const JobEvent *event) {
        JobEvent *last = log->n > 0 ? &log->events[log->n - 1] : NULL;

        if (!last || log->read >= log->n || last->kind != event->kind)
                return false;
        if (event->kind == EVENT_QUEUED) {
                last->position = event->position;
                return true;
        }
        if (event->kind != EVENT_OUTPUT || last->stream != event->stream ||
            last->size + event->size > OUTPUT_PIECE_MAX)
                return false;
        last->size += event->size;
        return true;
}

int event_log_add(EventLog *log, const JobEvent *event) {
        if (event_log_merge(log, event))
                return 0;
        if (log->n == log->allocated) {
                size_t more = MAX((size_t) 8, log->allocated * 2);
                JobEvent *events = reallocarray(log->events, more, sizeof(*events));

                if (!events)
                        return -ENOMEM;
                log->events = events;
                log->allocated = more;
        }
        log->events[log->n++] = *event;
        return 0;
}

size_t event_log_piece_min(const EventLog *log) {
        return log->n < EVENTS_LIVE_MAX ? 1 : OUTPUT_PIECE_MAX;
}

const JobEvent *event_log_next(EventLog *log, uint64_t *cursor) {
        if (*cursor >= log->n)
                return NULL;
        log->read = MAX(log->read, *cursor + 1);
        return &log->events[(*cursor)++];
}

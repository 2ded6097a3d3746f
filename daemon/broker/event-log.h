/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The events of one job, in order: the one source for Run with more, Attach and the captured output.
 * Readers have cursors into it; a cursor is the sequence number that was read last. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "broker/output.h"
#include "wire/names.h"

typedef struct JobEvent {
        EventKind kind;
        OutputStream stream;     /* output */
        uint64_t timestamp_usec; /* realtime */
        uint64_t position;       /* queued: jobs ahead; tool_call: its deadline, realtime */
        size_t offset, size;     /* output: a piece of the stream's kept bytes; display: its
                                index; file: its index; tool_call: its number, and the tool's in the request */
} JobEvent;

typedef struct EventLog {
        JobEvent *events;
        size_t n, allocated;
        uint64_t read; /* the highest sequence number that somebody has read */
} EventLog;

/* From here on output comes in full pieces only: a job that flushes every byte to a reader that keeps
 * up must not make the daemon remember every byte on its own. */
#define EVENTS_LIVE_MAX 8192

void event_log_done(EventLog *log);

/* Appends; an event that nobody has read yet is extended (output) or replaced (queued) instead. */
int event_log_add(EventLog *log, const JobEvent *event);

/* What output_cut() must not go below. */
size_t event_log_piece_min(const EventLog *log);

/* The event after the cursor, which moves on; NULL if there is none yet. */
const JobEvent *event_log_next(EventLog *log, uint64_t *cursor);

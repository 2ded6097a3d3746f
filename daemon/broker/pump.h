/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Moves what comes out of a client's pipe into a pipe of our own. A box gets the end of ours, never of
 * the client's: a file description is shared with whoever gave it, so that a job could make the
 * caller's pipe non-blocking, or open it again by /proc/self/fd, for writing where the uid is the same. */

#include <errno.h>
#include <systemd/sd-event.h>

typedef struct Pump {
        int from, to;
        sd_event_source *from_source, *to_source;
} Pump;

#define PUMP_INIT                            \
        (Pump) {                             \
                .from = -EBADF, .to = -EBADF \
        }

/* Takes both descriptors, whatever happens: the read end of a client's pipe, whose flags are left
 * alone, and the write end of ours. Both are closed at the end of the one or when nobody reads the
 * other. SIGPIPE must be ignored. p must not move afterwards. */
int pump_start(Pump *p, sd_event *event, int from, int to);
void pump_stop(Pump *p);

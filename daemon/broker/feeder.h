/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes bytes into a pipe or socket as the reader takes them, and closes it behind the last one. Who
 * does not read holds nobody up; what waits for him is bounded. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "basic/buf.h"

typedef struct Feeder {
        int fd;
        bool stays_open; /* there may be more: see feeder_append() */
        Buf bytes;
        sd_event_source *source; /* while bytes are left */
} Feeder;

#define FEEDER_INIT          \
        (Feeder) {           \
                .fd = -EBADF \
        }

/* Writes what goes at once. Takes fd and bytes, whatever happens. A reader that went away is no
 * error: its end is reported by other means. f must not move afterwards. */
int feeder_start(Feeder *f, sd_event *event, int fd, Buf bytes);

/* The same, but open for feeder_append() until feeder_finish(). At most max bytes ever wait. */
int feeder_open(Feeder *f, sd_event *event, int fd, Buf bytes, size_t max);

/* Adds all of them or none: -ENOBUFS beyond the bound, -EPIPE if nobody reads, -ENOMEM. */
int feeder_append(Feeder *f, const void *data, size_t size);

/* Closes it, behind what still waits. */
void feeder_finish(Feeder *f);

void feeder_stop(Feeder *f);

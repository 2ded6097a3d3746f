/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes a known number of bytes into a pipe or socket as the reader takes them, then closes it. */

#include <systemd/sd-event.h>

#include "basic/buf.h"

typedef struct Feeder {
        int fd;
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
void feeder_stop(Feeder *f);

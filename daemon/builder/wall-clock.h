/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The wall clock of one box: it stands still while the job waits for tools, for as long as the limit
 * LIMIT_TOOL_WAIT lets it. What the broker says about waiting is believed only within that, and within
 * the time that has really passed. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"

typedef struct WallClock {
        uint64_t started_usec; /* monotonic; when the job was let go */
        uint64_t wall_usec;    /* the limit */
        uint64_t wait_max_usec;
        uint64_t waited_usec; /* before since_usec */
        uint64_t since_usec;  /* it has been waiting since then; 0 is: it runs */
} WallClock;

WallClock wall_clock_start(const Limits *limits, uint64_t started_usec);

/* The broker says: the job has waited for so long in all, and still does or runs again. */
void wall_clock_tell(WallClock *clock, uint64_t waited_usec, bool is_waiting, uint64_t now_usec);

/* The instant at which the limit is reached unless the broker says something else before. */
uint64_t wall_clock_deadline(const WallClock *clock);

/* How long it ran until end_usec, without the waiting. */
uint64_t wall_clock_elapsed(const WallClock *clock, uint64_t end_usec);

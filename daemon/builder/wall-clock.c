/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/wall-clock.h"

#include "basic/macro.h"

WallClock wall_clock_start(const Limits *limits, uint64_t started_usec) {
        return (WallClock){
                .started_usec = started_usec,
                .wall_usec = limits->value[LIMIT_WALL_TIME],
                .wait_max_usec = limits->value[LIMIT_TOOL_WAIT],
        };
}

static uint64_t clock_age(const WallClock *c, uint64_t now_usec) {
        return MAX(now_usec, c->started_usec) - c->started_usec;
}

void wall_clock_tell(WallClock *c, uint64_t waited_usec, bool is_waiting, uint64_t now_usec) {
        uint64_t most = MIN(c->wait_max_usec, clock_age(c, now_usec));

        c->waited_usec = MIN(MAX(c->waited_usec, waited_usec), most);
        c->since_usec = is_waiting ? now_usec : 0;
}

uint64_t wall_clock_deadline(const WallClock *c) {
        /* While it waits nothing of the limit is used up, until no waiting is left. */
        uint64_t waiting_usec = c->since_usec > 0 ? c->wait_max_usec : c->waited_usec;

        return c->started_usec + c->wall_usec + waiting_usec;
}

uint64_t wall_clock_elapsed(const WallClock *c, uint64_t end_usec) {
        uint64_t waited_usec = c->waited_usec, age = clock_age(c, end_usec);

        if (c->since_usec > 0 && end_usec > c->since_usec)
                waited_usec += end_usec - c->since_usec;
        return age - MIN(MIN(waited_usec, c->wait_max_usec), age);
}

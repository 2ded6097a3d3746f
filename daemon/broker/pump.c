/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/pump.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "basic/fd.h"

#define SPLICE_SIZE (64U << 10)

void pump_stop(Pump *p) {
        /* The sources first: the client's description lives on, and epoll would still watch it. */
        p->from_source = sd_event_source_unref(p->from_source);
        p->to_source = sd_event_source_unref(p->to_source);
        p->from = fd_close(p->from);
        p->to = fd_close(p->to);
}

/* Waits for one of the two only, or a full pipe behind a readable one would keep the loop spinning.
 * That nobody reads any more (EPOLLERR) is told without being asked for. */
static int pump_wait(Pump *p, bool for_room) {
        int r;

        r = sd_event_source_set_io_events(p->to_source, for_room ? EPOLLOUT : 0);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(p->from_source, for_room ? SD_EVENT_OFF : SD_EVENT_ON);
}

static int pump_on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Pump *p = userdata;
        ssize_t n;

        /* Not read(): it blocks if another reader was faster, and O_NONBLOCK is the client's. */
        n = splice(p->from, NULL, p->to, NULL, SPLICE_SIZE, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (n > 0 || (n < 0 && errno == EINTR))
                return 0;
        /* Ours is full. Or the client's is empty again: then there is room at once, and back we go. */
        if (n < 0 && errno == EAGAIN && pump_wait(p, true) >= 0)
                return 0;
        pump_stop(p);
        return 0;
}

static int pump_on_room(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Pump *p = userdata;

        if ((revents & EPOLLERR) || pump_wait(p, false) < 0)
                pump_stop(p);
        return 0;
}

int pump_start(Pump *p, sd_event *event, int from, int to) {
        int r;

        *p = (Pump){ .from = from, .to = to };
        r = fd_set_nonblock(to, true);
        if (r >= 0)
                r = sd_event_add_io(event, &p->from_source, from, EPOLLIN, pump_on_input, p);
        if (r >= 0)
                r = sd_event_add_io(event, &p->to_source, to, 0, pump_on_room, p);
        if (r < 0)
                pump_stop(p);
        return r < 0 ? r : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/feeder.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"

void feeder_stop(Feeder *f) {
        f->source = sd_event_source_unref(f->source);
        f->fd = fd_close(f->fd);
        buf_done(&f->bytes);
}

/* Writes until the reader's buffer is full; stops when nobody reads, and when all is written unless
 * there may be more. */
static void feeder_write(Feeder *f) {
        while (buf_size(&f->bytes) > 0) {
                ssize_t n = write(f->fd, buf_data(&f->bytes), buf_size(&f->bytes));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        if (f->source)
                                (void) sd_event_source_set_enabled(f->source, SD_EVENT_ON);
                        return;
                }
                if (n < 0) {
                        (void) shutdown(f->fd,
                                        SHUT_WR); /* of a socket there are other descriptors */
                        feeder_stop(f);
                        return;
                }
                buf_consume(&f->bytes, (size_t) n);
        }
        if (!f->stays_open) {
                feeder_stop(f);
                return;
        }
        buf_shrink(&f->bytes);
        if (f->source)
                (void) sd_event_source_set_enabled(f->source, SD_EVENT_OFF);
}

static int feeder_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        feeder_write(userdata);
        return 0;
}

static int feeder_begin(Feeder *f, sd_event *event) {
        int r;

        r = fd_set_nonblock(f->fd, true);
        if (r < 0)
                goto fail;
        feeder_write(f);
        if (f->fd < 0)
                return 0;
        r = sd_event_add_io(event, &f->source, f->fd, EPOLLOUT, feeder_on_io, f);
        if (r >= 0 && buf_size(&f->bytes) == 0)
                r = sd_event_source_set_enabled(f->source, SD_EVENT_OFF);
        if (r < 0)
                goto fail;
        return 0;
fail:
        feeder_stop(f);
        return r;
}

int feeder_start(Feeder *f, sd_event *event, int fd, Buf bytes) {
        *f = (Feeder){ .fd = fd, .bytes = bytes };
        return feeder_begin(f, event);
}

int feeder_open(Feeder *f, sd_event *event, int fd, Buf bytes, size_t max) {
        *f = (Feeder){ .fd = fd, .bytes = bytes, .stays_open = true };
        f->bytes.max = max;
        return feeder_begin(f, event);
}

int feeder_append(Feeder *f, const void *data, size_t size) {
        int r;

        if (f->fd < 0)
                return -EPIPE;
        r = buf_append(&f->bytes, data, size);
        if (r < 0)
                return r;
        /* Behind others it waits for the loop. */
        if (buf_size(&f->bytes) == size)
                feeder_write(f);
        return 0;
}

void feeder_finish(Feeder *f) {
        f->stays_open = false;
        if (f->fd >= 0)
                feeder_write(f);
}

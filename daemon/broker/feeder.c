/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/feeder.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/fd.h"

void feeder_stop(Feeder *f) {
        f->source = sd_event_source_unref(f->source);
        f->fd = fd_close(f->fd);
        buf_done(&f->bytes);
}

/* Writes until the reader's buffer is full; stops when all is written or nobody reads. */
static void feeder_write(Feeder *f) {
        while (buf_size(&f->bytes) > 0) {
                ssize_t n = write(f->fd, buf_data(&f->bytes), buf_size(&f->bytes));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0)
                        break;
                buf_consume(&f->bytes, (size_t) n);
        }
        feeder_stop(f);
}

static int feeder_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        feeder_write(userdata);
        return 0;
}

int feeder_start(Feeder *f, sd_event *event, int fd, Buf bytes) {
        int r;

        *f = (Feeder){ .fd = fd, .bytes = bytes };
        r = fd_set_nonblock(fd, true);
        if (r < 0)
                goto fail;
        feeder_write(f);
        if (f->fd < 0)
                return 0;
        r = sd_event_add_io(event, &f->source, f->fd, EPOLLOUT, feeder_on_io, f);
        if (r < 0)
                goto fail;
        return 0;
fail:
        feeder_stop(f);
        return r;
}

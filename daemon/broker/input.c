/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"

void input_init(Input *in, bool is_open) {
        *in = (Input){ .is_open = is_open, .fd = -EBADF };
        list_init(&in->writers);
}

static void writer_end(InputWriter *writer, InputState state) {
        list_remove(&writer->link);
        buf_done(&writer->bytes);
        writer->state = state;
        writer->notify(writer);
}

void input_close(Input *in) {
        in->is_open = false;
        in->source = sd_event_source_unref(in->source);
        in->fd = fd_close(in->fd);
        LIST_FOREACH(l, &in->writers)
                writer_end(container_of(l, InputWriter, link), INPUT_REFUSED);
}

/* Returns whether all of it is written; else the pipe is full, or nobody reads it any more. */
static bool input_write_one(Input *in, InputWriter *writer) {
        while (buf_size(&writer->bytes) > 0) {
                ssize_t n = write(in->fd, buf_data(&writer->bytes), buf_size(&writer->bytes));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        if (errno != EAGAIN ||
                            sd_event_source_set_enabled(in->source, SD_EVENT_ON) < 0)
                                input_close(in);
                        return false;
                }
                buf_consume(&writer->bytes, (size_t) n);
        }
        return true;
}

static void input_write(Input *in) {
        while (!list_is_empty(&in->writers)) {
                InputWriter *writer = container_of(in->writers.next, InputWriter, link);
                bool is_last = writer->is_last;

                if (!input_write_one(in, writer))
                        return;
                writer_end(writer, INPUT_WRITTEN);
                if (is_last) {
                        input_close(in);
                        return;
                }
        }
        (void) sd_event_source_set_enabled(in->source, SD_EVENT_OFF);
}

static int input_on_room(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        input_write(userdata);
        return 0;
}

int input_start(Input *in, sd_event *event, int fd) {
        int r;

        in->fd = fd;
        r = fd_set_nonblock(fd, true);
        if (r >= 0)
                r = sd_event_add_io(event, &in->source, fd, EPOLLOUT, input_on_room, in);
        if (r < 0) {
                input_close(in);
                return r;
        }
        input_write(in);
        return 0;
}

void input_add(Input *in, InputWriter *writer) {
        bool is_first = list_is_empty(&in->writers);

        writer->state = INPUT_WAITING;
        list_insert_before(&in->writers, &writer->link);
        if (!in->is_open)
                writer_end(writer, INPUT_REFUSED);
        else if (is_first && in->fd >= 0)
                input_write(in);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"

bool feed_is_for(int fd) {
        struct stat st;

        return fstat(fd, &st) >= 0 && (S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode) ||
                                       (S_ISFIFO(st.st_mode) && fd_is_pipe(fd) == 0));
}

int feed_start(Feed *feed, int fd, PysbRequest *request) {
        _cleanup_close_ int from = fd, in = -EBADF;
        int fds[2], r;

        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        in = fds[0];
        feed->from = TAKE_FD(from);
        feed->to = fds[1];
        r = fd_set_nonblock(feed->to, true);
        return r < 0 ? r : pysb_request_set_stdin_fd(request, in);
}

struct pollfd feed_poll(const Feed *feed) {
        bool reads = feed->size == 0;

        return (struct pollfd){
                .fd = reads ? feed->from : feed->to,
                .events = reads ? POLLIN : POLLOUT,
        };
}

void feed_done(Feed *feed) {
        feed->from = fd_close(feed->from);
        feed->to = fd_close(feed->to);
        feed->size = 0;
}

/* A terminal that has gone is at its end, too. */
static void feed_read(Feed *feed) {
        ssize_t n = read(feed->from, feed->buffer, sizeof(feed->buffer));

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0) {
                feed_done(feed);
                return;
        }
        feed->size = (size_t) n;
        feed->written = 0;
}

static void feed_write(Feed *feed) {
        ssize_t n = write(feed->to, feed->buffer + feed->written, feed->size - feed->written);

        if (n < 0 && errno != EINTR && errno != EAGAIN) /* nobody reads it any more */
                feed_done(feed);
        if (n < 0)
                return;
        feed->written += (size_t) n;
        if (feed->written == feed->size)
                feed->size = 0;
}

void feed_process(Feed *feed, int revents) {
        if (feed->from < 0 || revents == 0)
                return;
        if (feed->size == 0)
                feed_read(feed);
        if (feed->size > 0)
                feed_write(feed);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "basic/macro.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

/* A signal handler has no other way to say something. */
static volatile sig_atomic_t signal_seen;
static sigset_t mask_while_waiting;

static void on_signal(int number) {
        signal_seen = number;
}

void interrupt_setup(void) {
        struct sigaction action = { .sa_handler = on_signal }, before;
        sigset_t blocked;

        sigemptyset(&blocked);
        FOREACH_ARRAY(number, signals, ELEMENTSOF(signals)) {
                if (sigaction(*number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
                        continue;
                sigaddset(&blocked, *number);
                sigaction(*number, &action, NULL);
        }
        sigprocmask(SIG_BLOCK, &blocked, &mask_while_waiting);
        signal(SIGPIPE, SIG_IGN);
}

int interrupt_poll(struct pollfd *fds, nfds_t n_fds) {
        int r = 0;

        while (signal_seen == 0) {
                r = ppoll(fds, n_fds, NULL, &mask_while_waiting);
                if (r >= 0)
                        return r;
                if (errno != EINTR)
                        return -errno;
        }
        return -EINTR;
}

int interrupt_write(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
                ssize_t n;
                int r;

                r = interrupt_poll(&poll_fd, 1);
                if (r < 0)
                        return r;
                /* A pipe that is ready takes this much without blocking */
                n = write(fd, p, MIN(size, (size_t) PIPE_BUF));
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                if (n > 0) {
                        p += n;
                        size -= (size_t) n;
                }
        }
        return 0;
}

void interrupt_clear(void) {
        signal_seen = 0;
}

int interrupt_get_signal(void) {
        return signal_seen;
}

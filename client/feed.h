/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard input that comes while the program runs, from a terminal, a named FIFO or a socket: the daemon
 * takes no such descriptor, since the program could open it again. What comes out of it goes into a pipe,
 * whose other end the daemon reads as the program does, so that who writes waits for the program. */

#include <limits.h>
#include <poll.h>
#include <stdbool.h>

#include "client/verb.h"

typedef struct Feed {
        int from, to;
        size_t size, written; /* what is between them */
        char buffer[PIPE_BUF];
} Feed;

#define FEED_INIT                            \
        (Feed) {                             \
                .from = -EBADF, .to = -EBADF \
        }

/* Whether this is such a descriptor, or a file or a pipe, which travels with the request. */
bool feed_is_for(int fd);

/* Takes fd, and gives the request its standard input. Returns 0 or a negative errno. */
int feed_start(Feed *feed, int fd, PysbRequest *request);

/* What to wait for; its descriptor is negative at the end. */
struct pollfd feed_poll(const Feed *feed);

/* Moves what can be moved without waiting. */
void feed_process(Feed *feed, int revents);

void feed_done(Feed *feed);

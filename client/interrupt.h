/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SIGINT, SIGTERM and SIGHUP are only noticed while we wait, so that none is lost between two looks
 * and everything is cleaned up before we exit. */

#include <poll.h>
#include <stddef.h>

/* Blocks the three signals, and ignores SIGPIPE. One that was ignored stays so, see nohup(1). */
void interrupt_setup(void);

/* poll(2) without a time-out that lets the signals in. Returns -EINTR once one has come. */
int interrupt_poll(struct pollfd *fds, nfds_t n_fds);

/* Writes all of it, even to a slow reader, unless a signal comes. Returns -EINTR then, or the error
 * of write(2), such as -EPIPE. */
int interrupt_write(int fd, const void *data, size_t size);

/* Waits for the next one. */
void interrupt_clear(void);

/* The signal that has come; 0 is none. */
int interrupt_get_signal(void);

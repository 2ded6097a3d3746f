/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors: every one is CLOEXEC at birth; -EBADF means "none". */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Closes fd unless it is negative, keeps errno, returns -EBADF for `fd = fd_close(fd)`. */
int fd_close(int fd);

/* Puts /dev/null where one of 0, 1 and 2 is closed, as the first thing that a program does: else its next
 * descriptor, such as a connection, is what it or a library prints to. It is for reading only: what is written
 * there is not lost silently, but fails with EBADF as it would have. */
int fd_open_standard(void);

/* The same file at a descriptor that is none of 0, 1 and 2: fd itself, or another one instead of it. Takes
 * fd; negative is forwarded. */
int fd_above_standard(int fd);

int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);

/* A pipe, both ends CLOEXEC; flags may add O_NONBLOCK. */
int fd_pipe(int ret_fds[static 2], int flags);

/* An AF_UNIX socket pair of the given type, both ends CLOEXEC. */
int fd_socketpair(int ret_fds[static 2], int type);

/* Returns 1 for a pipe that no file system has a name for, 0 for anything else. */
int fd_is_pipe(int fd);

/* A memfd with these bytes, sealed against every change. Returns the descriptor. */
int fd_new_sealed(const char *name, const void *data, size_t size);

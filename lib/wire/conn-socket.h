/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The system calls of a connection: bytes and the descriptors that ride on them. */

#include <stddef.h>
#include <sys/types.h>

#include "wire/message.h"

/* Reads at most size bytes. Returns their number, 0 at the end of file (a reset connection is one
 * too), -EAGAIN, -EPROTO if more than fds_max descriptors came or were cut off, or another error.
 * The descriptors are CLOEXEC; after an error there are none. */
ssize_t conn_socket_read(int fd, void *data, size_t size, size_t fds_max, VarlinkFds *ret_fds);

/* Writes at most size bytes, descriptors (NULL: none) on the first one. Returns their number,
 * -EAGAIN, -EPIPE if the peer is gone, or another error. */
ssize_t conn_socket_write(int fd, const void *data, size_t size, const VarlinkFds *fds);

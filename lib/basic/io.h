/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading and writing whole things, EINTR and short transfers included. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Writes all of it to a blocking descriptor. */
int io_write_full(int fd, const void *data, size_t size);

/* Reads exactly size bytes; -ENODATA at an early end of file. */
int io_read_full(int fd, void *data, size_t size);

/* Reads a whole file of at most max bytes; *ret_data is NUL-terminated behind ret_size and owned by
 * the caller. -EFBIG if it is larger. */
int io_read_file(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_size);
int io_read_fd(int fd, size_t max, char **ret_data, size_t *ret_size);

/* Opens, writes in one write(2) and closes: what procfs and cgroupfs attributes want. */
int io_write_string(int dir_fd, const char *path, const char *string);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"

int io_write_full(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

int io_read_full(int fd, void *data, size_t size) {
        char *p = data;

        while (size > 0) {
                ssize_t n = read(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        return -ENODATA;
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

int io_read_fd(int fd, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0, allocated = 0;

        for (;;) {
                ssize_t n;

                /* One byte more than max tells "too large" from "just fits"; one more for the NUL. */
                if (size + 2 > allocated) {
                        size_t want = MIN(MAX(allocated * 2, (size_t) 4096), max + 2);
                        char *bigger = realloc(data, want);

                        if (!bigger)
                                return -ENOMEM;
                        data = bigger;
                        allocated = want;
                }
                n = read(fd, data + size, allocated - size - 1);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
        }
        data[size] = '\0';
        *ret_data = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int io_read_file(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        return io_read_fd(fd, max, ret_data, ret_size);
}

int io_write_string(int dir_fd, const char *path, const char *string) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        size_t size = strlen(string);
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = write(fd, string, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EIO;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/utf8.h"
#include "pysb/handles.h"
#include "wire/base64.h"

/* The daemon hands no file of the host to a program: it could be opened again for writing, locked,
 * or be slow to read. A FIFO with a name is such a file. What is no pipe travels as bytes in the request, or as a sealed memfd. */

#define COPY_MAX_BYTES (256 * MIB)

/* The ways to give standard input exclude each other: the last one counts. */
static void request_clear_stdin(PysbRequest *request) {
        json_object_del(request->json, "stdinText");
        json_object_del(request->json, "stdinData");
        json_object_del(request->json, "stdinFileDescriptor");
        json_object_del(request->json, "stdinOpen");
        request->stdin_fd = fd_close(request->stdin_fd);
}

/* Takes the descriptor. */
static int request_take_stdin(PysbRequest *request, int fd, bool is_pipe) {
        request_clear_stdin(request);
        request->stdin_fd = fd;
        request->stdin_is_pipe = is_pipe;
        return request_number_stdin(request);
}

int request_number_stdin(PysbRequest *request) {
        if (request->stdin_fd < 0)
                return 0;
        return object_set(request->json, "stdinFileDescriptor",
                          json_integer((json_int_t) request->files.n));
}

_public_ int pysb_request_set_stdin(PysbRequest *request, const void *data, size_t size) {
        _cleanup_free_ char *encoded = NULL;

        if (size > INLINE_MAX_BYTES) {
                int fd;

                fd = fd_new_sealed("stdin", data, size);
                return fd < 0 ? fd : request_take_stdin(request, fd, false);
        }
        request_clear_stdin(request);
        if (utf8_is_valid(data, size))
                return object_set_string(request->json, "stdinText", data, size);
        encoded = base64_encode(data, size);
        if (!encoded)
                return -ENOMEM;
        return object_set(request->json, "stdinData", json_string_nocheck(encoded));
}

/* Everything that can be read from fd, in a memfd that nobody can change. Returns it. */
static int copy_to_memfd(int fd) {
        _cleanup_close_ int copy = -EBADF;
        char buffer[64 * 1024];
        uint64_t total = 0;
        ssize_t n;
        int r;

        copy = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (copy < 0)
                return -errno;
        while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                total += (uint64_t) n;
                if (total > COPY_MAX_BYTES)
                        return -EFBIG;
                r = io_write_full(copy, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
        if (fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        return TAKE_FD(copy);
}

_public_ int pysb_request_set_stdin_fd(PysbRequest *request, int fd) {
        int copy, is_pipe = fd_is_pipe(fd);

        if (is_pipe < 0)
                return is_pipe;
        if (is_pipe) {
                copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (copy < 0)
                        return -errno;
        } else {
                copy = copy_to_memfd(fd);
                if (copy < 0)
                        return copy;
        }
        return request_take_stdin(request, copy, is_pipe > 0);
}

_public_ int pysb_request_set_stdin_open(PysbRequest *request, bool open) {
        request_clear_stdin(request);
        return open ? object_set(request->json, "stdinOpen", json_true()) : 0;
}

static int request_open_stdin(const PysbRequest *request) {
        char path[64];
        int fd;

        if (request->stdin_is_pipe) {
                fd = fcntl(request->stdin_fd, F_DUPFD_CLOEXEC, 3);
        } else {
                /* Opened again, each run reads from the beginning */
                snprintf(path, sizeof(path), "/proc/self/fd/%d", request->stdin_fd);
                fd = open(path, O_RDONLY | O_CLOEXEC);
        }
        return fd < 0 ? -errno : fd;
}

int request_open_fds(const PysbRequest *request, bool with_stdin, VarlinkFds *ret_fds) {
        _cleanup_(varlink_fds_done) VarlinkFds fds = {};

        for (; fds.n < request->files.n; fds.n++) {
                fds.fds[fds.n] = fcntl(request->files.fds[fds.n], F_DUPFD_CLOEXEC, 3);
                if (fds.fds[fds.n] < 0)
                        return -errno;
        }
        if (with_stdin && request->stdin_fd >= 0) {
                int fd = request_open_stdin(request);

                if (fd < 0)
                        return fd;
                fds.fds[fds.n++] = fd;
        }
        *ret_fds = fds;
        fds.n = 0;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/conn-socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

typedef union Control {
        char space[CMSG_SPACE(sizeof(int) * VARLINK_FDS_MAX)];
        struct cmsghdr header; /* for its alignment */
} Control;

/* Takes what the kernel gave, even beyond max: whatever is not taken here leaks. */
static int control_take_fds(struct msghdr *message, size_t max, VarlinkFds *ret_fds) {
        bool is_too_much = message->msg_flags & MSG_CTRUNC;
        VarlinkFds fds = {};

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (fds.n < max)
                                fds.fds[fds.n++] = fd;
                        else {
                                fd_close(fd);
                                is_too_much = true;
                        }
                }
        }
        if (is_too_much) {
                varlink_fds_done(&fds);
                return -EPROTO;
        }
        *ret_fds = fds;
        return 0;
}

ssize_t conn_socket_read(int fd, void *data, size_t size, size_t fds_max, VarlinkFds *ret_fds) {
        struct iovec iov = { .iov_base = data, .iov_len = size };
        Control control;
        /* Without room for any, the kernel closes them and says so by MSG_CTRUNC. */
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = fds_max > 0 ? &control : NULL,
                .msg_controllen = fds_max > 0 ? sizeof(control) : 0,
        };
        ssize_t n;
        int r;

        do
                n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == ECONNRESET)
                return 0;
        if (n < 0)
                return -errno;
        r = control_take_fds(&message, MIN(fds_max, (size_t) VARLINK_FDS_MAX), ret_fds);
        return r < 0 ? r : n;
}

ssize_t conn_socket_write(int fd, const void *data, size_t size, const VarlinkFds *fds) {
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        Control control = {};
        ssize_t n;

        if (fds && fds->n > 0) {
                struct cmsghdr *c = &control.header; /* the first and only one */

                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * fds->n);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int) * fds->n);
                memcpy(CMSG_DATA(c), fds->fds, sizeof(int) * fds->n);
        }
        do
                n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == ECONNRESET ? -EPIPE : -errno;
        return n;
}

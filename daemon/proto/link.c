/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/link.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/fd.h"
#include "basic/macro.h"

typedef union LinkControl {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * LINK_FDS_MAX)];
} LinkControl;

int link_send(int fd, const void *message, size_t size, const int *fds, size_t n_fds) {
        LinkControl control = {};
        struct iovec iov = { .iov_base = (void *) message, .iov_len = size };
        struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        assert(n_fds <= LINK_FDS_MAX);
        if (n_fds > 0) {
                struct cmsghdr *c;

                mh.msg_control = &control;
                mh.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                c = CMSG_FIRSTHDR(&mh);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
        }
        do
                n = sendmsg(fd, &mh, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EPROTO;
}

/* Takes every descriptor out of the message, however many cmsgs it has, so that none can leak. */
static size_t link_take_fds(struct msghdr *mh, int fds[static LINK_FDS_MAX]) {
        size_t n = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
                size_t count;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (n < LINK_FDS_MAX)
                                fds[n++] = fd;
                        else
                                fd_close(fd);
                }
        }
        return n;
}

int link_receive(
        int fd, void *ret_message, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds) {
        LinkControl control;
        struct iovec iov = { .iov_base = ret_message, .iov_len = size };
        struct msghdr mh = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        int fds[LINK_FDS_MAX];
        size_t n_fds;
        ssize_t n;

        /* A reset says, once, that the peer closed before it had read all of ours; what it had said is
         * still there, and then the end. */
        do
                n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC | MSG_TRUNC);
        while (n < 0 && (errno == EINTR || errno == ECONNRESET));
        if (n < 0)
                return -errno;
        n_fds = link_take_fds(&mh, fds);
        if (n == 0 && n_fds == 0)
                return 0;
        if ((size_t) n != size || n_fds > max_fds || (mh.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(fds[i]);
                /* The kernel puts in as many as find a number; those of a peer that sends too many all do. */
                return (size_t) n == size && n_fds < max_fds ? -EMFILE : -EPROTO;
        }
        if (n_fds > 0)
                memcpy(ret_fds, fds, n_fds * sizeof(int));
        if (ret_n_fds)
                *ret_n_fds = n_fds;
        return 1;
}

int link_receive_from(int fd, void *ret_message, size_t size, struct ucred *ret_sender) {
        char control[CMSG_SPACE(sizeof(struct ucred))];
        struct iovec iov = { .iov_base = ret_message, .iov_len = size };
        struct msghdr mh = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *c;
        ssize_t n;

        do
                n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC | MSG_TRUNC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        c = CMSG_FIRSTHDR(&mh);
        if ((size_t) n != size || (mh.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) || !c ||
            c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
                return -EPROTO;
        memcpy(ret_sender, CMSG_DATA(c), sizeof(*ret_sender));
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that move bytes move fewer than they could, and every third call that may be interrupted is: linked to the
 * programs by --wrap, so that our own calls are meant, and not those of a library or of a job's program. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The calls, their types, and how their arguments are passed on. The _chk ones are those of FORTIFY. */
#define WRAP(type_, name_, parameters_)   \
        type_ __real_##name_ parameters_; \
        type_ __wrap_##name_ parameters_; \
        type_ __wrap_##name_ parameters_

static uint32_t chance(uint32_t n) {
        static uint32_t state = 1;

        state = state * 1664525 + 1013904223;
        return (state >> 16) % n;
}

/* Only what waits is interrupted. */
static int is_interrupted(int waits) {
        if (!waits || chance(3) != 0)
                return 0;
        errno = EINTR;
        return 1;
}

static int waits(int fd, int flags) {
        struct stat st;

        return !(flags & MSG_DONTWAIT) && !(fcntl(fd, F_GETFL) & O_NONBLOCK) &&
               fstat(fd, &st) >= 0 && !S_ISREG(st.st_mode);
}

/* A stream of bytes: what ends anywhere. Neither records of a socket or an eventfd nor the values of /sys. */
static int is_stream(int fd, int with_files) {
        struct stat st;
        int type = 0, saved = errno;
        socklen_t size = sizeof(type);

        if (fstat(fd, &st) < 0 ||
            (S_ISSOCK(st.st_mode) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0))
                type = 0;
        errno = saved;
        return S_ISFIFO(st.st_mode) || type == SOCK_STREAM || (with_files && S_ISREG(st.st_mode));
}

static size_t fewer(int fd, size_t n, int with_files) {
        if (n <= 1 || !is_stream(fd, with_files))
                return n;
        return 1 + chance((uint32_t) (n < 65536 ? n : 65536));
}

WRAP(ssize_t, read, (int fd, void *p, size_t n)) {
        return is_interrupted(waits(fd, 0)) ? -1 : __real_read(fd, p, fewer(fd, n, 1));
}

WRAP(ssize_t, __read_chk, (int fd, void *p, size_t n, size_t size)) {
        return is_interrupted(waits(fd, 0)) ? -1 : __real___read_chk(fd, p, fewer(fd, n, 1), size);
}

WRAP(ssize_t, pread64, (int fd, void *p, size_t n, off_t at)) {
        return is_interrupted(waits(fd, 0)) ? -1 : __real_pread64(fd, p, fewer(fd, n, 1), at);
}

WRAP(ssize_t, __pread64_chk, (int fd, void *p, size_t n, off_t at, size_t size)) {
        return is_interrupted(waits(fd, 0))
                       ? -1
                       : __real___pread64_chk(fd, p, fewer(fd, n, 1), at, size);
}

WRAP(ssize_t, write, (int fd, const void *p, size_t n)) {
        return is_interrupted(waits(fd, 0)) ? -1 : __real_write(fd, p, fewer(fd, n, 0));
}

WRAP(ssize_t, recv, (int fd, void *p, size_t n, int flags)) {
        return is_interrupted(waits(fd, flags)) ? -1 : __real_recv(fd, p, fewer(fd, n, 0), flags);
}

WRAP(ssize_t, __recv_chk, (int fd, void *p, size_t n, size_t size, int flags)) {
        return is_interrupted(waits(fd, flags))
                       ? -1
                       : __real___recv_chk(fd, p, fewer(fd, n, 0), size, flags);
}

WRAP(ssize_t, send, (int fd, const void *p, size_t n, int flags)) {
        return is_interrupted(waits(fd, flags)) ? -1 : __real_send(fd, p, fewer(fd, n, 0), flags);
}

/* Of its pieces the first one, or a part of that. */
static struct msghdr fewer_pieces(int fd, const struct msghdr *message, struct iovec *piece) {
        struct msghdr m = *message;

        if (m.msg_iovlen == 0 || m.msg_iov[0].iov_len == 0 || !is_stream(fd, 0))
                return m;
        *piece = m.msg_iov[0];
        piece->iov_len = fewer(fd, piece->iov_len, 0);
        m.msg_iov = piece;
        m.msg_iovlen = 1;
        return m;
}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags)) {
        struct iovec piece;
        struct msghdr m = fewer_pieces(fd, message, &piece);

        return is_interrupted(waits(fd, flags)) ? -1 : __real_sendmsg(fd, &m, flags);
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags)) {
        struct iovec *pieces = message->msg_iov, piece;
        size_t n_pieces = message->msg_iovlen;
        ssize_t n;

        if (is_interrupted(waits(fd, flags)))
                return -1;
        *message = fewer_pieces(fd, message, &piece);
        n = __real_recvmsg(fd, message, flags);
        message->msg_iov = pieces;
        message->msg_iovlen = n_pieces;
        return n;
}

WRAP(ssize_t, splice, (int in, off_t *at, int out, off_t *out_at, size_t n, unsigned flags)) {
        return is_interrupted(!(flags & SPLICE_F_NONBLOCK))
                       ? -1
                       : __real_splice(in, at, out, out_at, fewer(out, n, 0), flags);
}

WRAP(ssize_t, sendfile64, (int out, int in, off64_t *at, size_t n)) {
        return is_interrupted(waits(in, 0)) ? -1
                                            : __real_sendfile64(out, in, at, n > 4096 ? n / 2 : n);
}

WRAP(int, poll, (struct pollfd * p, nfds_t n, int timeout)) {
        return is_interrupted(timeout != 0) ? -1 : __real_poll(p, n, timeout);
}

WRAP(int, ppoll, (struct pollfd * p, nfds_t n, const struct timespec *t, const sigset_t *s)) {
        return is_interrupted(1) ? -1 : __real_ppoll(p, n, t, s);
}

WRAP(pid_t, waitpid, (pid_t pid, int *status, int options)) {
        return is_interrupted(!(options & WNOHANG)) ? -1 : __real_waitpid(pid, status, options);
}

WRAP(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options)) {
        return is_interrupted(!(options & WNOHANG)) ? -1 : __real_waitid(type, id, info, options);
}

WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags)) {
        return is_interrupted(waits(fd, 0)) ? -1 : __real_accept4(fd, address, size, flags);
}

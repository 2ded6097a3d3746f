/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/fd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"

int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

int fd_open_standard(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                int null_fd;

                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                /* The lowest that is free, and those below are taken. */
                null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (null_fd < 0 || fcntl(null_fd, F_SETFD, 0) < 0)
                        return -errno;
        }
        return 0;
}

int fd_above_standard(int fd) {
        int copy;

        if (fd < 0 || fd > STDERR_FILENO)
                return fd;
        copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (copy < 0)
                copy = -errno;
        fd_close(fd);
        return copy;
}

static int fd_change_flags(int fd, int get, int set, int flag, bool on) {
        int flags = fcntl(fd, get);

        if (flags < 0)
                return -errno;
        if (fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0)
                return -errno;
        return 0;
}

int fd_set_nonblock(int fd, bool nonblock) {
        return fd_change_flags(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblock);
}

int fd_set_cloexec(int fd, bool cloexec) {
        return fd_change_flags(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec);
}

int fd_pipe(int ret_fds[static 2], int flags) {
        return pipe2(ret_fds, O_CLOEXEC | flags) < 0 ? -errno : 0;
}

int fd_is_pipe(int fd) {
        struct statfs fs;
        struct stat st;

        if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        return S_ISFIFO(st.st_mode) && fs.f_type == PIPEFS_MAGIC;
}

int fd_socketpair(int ret_fds[static 2], int type) {
        return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

int fd_new_sealed(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = io_write_full(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        return TAKE_FD(fd);
}

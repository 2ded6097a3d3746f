/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/log.h"

/* Whether a socket lies there that nobody listens on. With a full queue connecting would block: that one is alive. */
static bool listen_is_stale(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct stat st;

        return fd >= 0 && lstat(address->sun_path, &st) >= 0 && S_ISSOCK(st.st_mode) &&
               connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0 &&
               errno == ECONNREFUSED;
}

static int listen_bind(int fd, const struct sockaddr_un *address) {
        int r = bind(fd, (const struct sockaddr *) address, sizeof(*address));

        if (r < 0 && errno == EADDRINUSE) {
                if (!listen_is_stale(address)) {
                        errno = EADDRINUSE;
                        return -1;
                }
                (void) unlink(address->sun_path);
                r = bind(fd, (const struct sockaddr *) address, sizeof(*address));
        }
        return r;
}

int listen_begin(Listen *l, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(address.sun_path)) {
                log_error("--listen %s: the path of a socket has at most %zu bytes.", path,
                          sizeof(address.sun_path) - 1);
                return -ENAMETOOLONG;
        }
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || listen_bind(fd, &address) < 0 || listen(fd, SOMAXCONN) < 0 ||
            lstat(path, &l->st) < 0) {
                int r = -errno;

                log_error("Listening on %s failed: %s", path, strerror(-r));
                return r;
        }
        l->path = path;
        l->owner = geteuid();
        return TAKE_FD(fd);
}

/* Root has given itself up meanwhile, but not CAP_SETUID; files are removed by who made them. */
void listen_end(const Listen *l) {
        struct stat st;

        if (!l->path)
                return;
        (void) setfsuid(l->owner);
        if (lstat(l->path, &st) >= 0 && st.st_dev == l->st.st_dev && st.st_ino == l->st.st_ino &&
            unlink(l->path) < 0)
                log_error("Removing %s failed: %m", l->path);
        (void) setfsuid(geteuid());
}

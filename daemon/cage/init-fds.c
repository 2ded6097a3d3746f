/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The descriptors of init, and of its job as long as the two have one table. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "basic/fd.h"
#include "cage/init.h"
#include "proto/link.h"

static int init_move_fd(int from, int to) {
        return dup3(from, to, to <= RUNNER_FD_CHANNEL ? 0 : O_CLOEXEC) < 0 ? -errno : 0;
}

/* Puts each descriptor that there is at its number. */
static int init_move_fds(int from[static INIT_FD_END]) {
        int r;

        /* First out of each other's way, then into place. */
        FOREACH_ARRAY(fd, from, INIT_FD_END) {
                if (*fd < 0)
                        continue;
                *fd = fcntl(*fd, F_DUPFD_CLOEXEC, INIT_FD_END);
                if (*fd < 0)
                        return -errno;
        }
        for (int i = 0; i < INIT_FD_END; i++) {
                r = from[i] < 0 ? 0 : init_move_fd(from[i], i);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Closes all beyond those that init has. */
static int init_close_rest(bool has_files) {
        unsigned end = has_files ? INIT_FD_END : INIT_FD_FILES;

        return close_range(end, ~0U, 0) < 0 ? -errno : 0;
}

static void init_no_fds(int from[static INIT_FD_END]) {
        FOREACH_ARRAY(fd, from, INIT_FD_END)
                *fd = -EBADF;
}

/* The pipe by which a job says that it is caged. */
static int init_open_sync(int from[static INIT_FD_END]) {
        int sync_fds[2], r;

        r = fd_pipe(sync_fds, 0);
        if (r < 0)
                return r;
        from[INIT_FD_SYNC_WRITE] = sync_fds[1];
        from[INIT_FD_SYNC_READ] = sync_fds[0];
        return 0;
}

int init_place_fds(const CageBox *box) {
        int from[INIT_FD_END], r;
        sigset_t children;

        init_no_fds(from);
        r = init_open_sync(from);
        if (r < 0)
                return r;
        (void) sigemptyset(&children);
        (void) sigaddset(&children, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &children, NULL) < 0)
                return -errno;
        from[INIT_FD_CONTROL] = box->fds[MAKE_FD_CONTROL];
        from[INIT_FD_CHILDREN] = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
        if (from[INIT_FD_CHILDREN] < 0)
                return -errno;
        r = init_move_fds(from);
        if (r < 0)
                return r;
        (void) close(RUNNER_FD_CHANNEL); /* there the template has its link */
        return init_close_rest(false);
}

int init_take_start(CageBox *box) {
        int from[INIT_FD_END], fds[_START_FD_MAX], r;
        size_t n_fds = 0;

        r = link_receive(INIT_FD_CONTROL, &box->start, sizeof(box->start), fds, _START_FD_MAX,
                         &n_fds);
        if (r <= 0)
                return r == 0 ? -ECANCELED : r;
        if (n_fds != (size_t) START_FD_FILES + (box->start.has_files > 0))
                return -EPROTO;
        init_no_fds(from);
        memcpy(from, fds, START_FD_FILES * sizeof(int));
        if (box->start.has_files)
                from[INIT_FD_FILES] = fds[START_FD_FILES];
        r = init_move_fds(from);
        return r < 0 ? r : init_close_rest(box->start.has_files);
}

int init_place_next_job(const CageBox *box, const int job_fds[static BOX_RESTART_FDS]) {
        int from[INIT_FD_END], r;

        init_no_fds(from);
        memcpy(from, job_fds, BOX_RESTART_FDS * sizeof(int));
        r = init_open_sync(from);
        if (r >= 0)
                r = init_move_fds(from);
        return r < 0 ? r : init_close_rest(box->start.has_files);
}

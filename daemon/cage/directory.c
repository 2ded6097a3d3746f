/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a box without mounts of its own keeps its files: a directory of the host with a name of its own. Its
 * template, which lives as long as the box, chooses the name and removes what is left; the box makes it. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "cage/internal.h"

#define ENTRIES_BYTES 4096
#define REMOVALS_MAX 1000
#define REMOVAL_WAIT_MSEC 10

static char own[64];

const char *cage_app(void) {
        return *own ? own : "/app";
}

int cage_choose_directory(const PlanImage *plan) {
        uint64_t number;

        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                if (step->op != OP_OWN_DIRECTORY)
                        continue;
                if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                        return -errno;
                (void) snprintf(own, sizeof(own), "%.32s/pysb-%016" PRIx64,
                                plan_string(plan, step->target), number);
        }
        return 0;
}

int cage_make_directory_of_its_own(void) {
        if (mkdir(own, 0700) < 0) /* what is there already is somebody else's */
                return -errno;
        return chdir(own) < 0 ? -errno : 0;
}

/* Removes names until one is a directory with something in it: 1, and that is the directory now. 0: nothing is left. */
static int remove_names(int *fd) {
        _Alignas(struct dirent64) char entries[ENTRIES_BYTES];
        ssize_t n;

        while ((n = getdents64(*fd, entries, sizeof(entries))) > 0)
                for (ssize_t at = 0; at < n;) {
                        const struct dirent64 *entry = (const struct dirent64 *) (entries + at);
                        int below;

                        at += entry->d_reclen;
                        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                                continue;
                        if (unlinkat(*fd, entry->d_name, 0) >= 0 ||
                            unlinkat(*fd, entry->d_name, AT_REMOVEDIR) >= 0)
                                continue;
                        if (errno != ENOTEMPTY)
                                return -errno;
                        /* Whatever umask it was made under; and it may be a symlink by now. */
                        if (fchmodat(*fd, entry->d_name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
                                return -errno;
                        below = openat(*fd, entry->d_name,
                                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                        if (below < 0)
                                return -errno;
                        fd_close(*fd);
                        *fd = below;
                        return 1;
                }
        return n < 0 ? -errno : 0;
}

static bool is_same(int fd, const struct stat *st) {
        struct stat other;

        return fstat(fd, &other) >= 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* The way up is "..", so that the depth is no matter. It ends where it began and not after as many steps: a directory
 * that is moved meanwhile is nearer to the top than it was, and above that is everybody's /tmp. */
static void remove_content(void) {
        int fd = open(own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;
        struct stat top;

        if (fd >= 0 && fstat(fd, &top) < 0)
                fd = fd_close(fd);
        while (fd >= 0) {
                int above;

                r = remove_names(&fd);
                if (r < 0 || (r == 0 && is_same(fd, &top)))
                        break;
                if (r > 0)
                        continue;
                above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                fd_close(fd);
                fd = above;
        }
        fd_close(fd);
}

/* Where the builder was killed, the end of its link is here before the job's, and what the job still makes goes at the
 * next attempt. There are so many of them because its end may take long on a busy machine. */
void cage_remove_directory(void) {
        for (int n = 0; *own && n < REMOVALS_MAX; n++) {
                remove_content();
                if (rmdir(own) >= 0 || (errno != ENOTEMPTY && errno != EEXIST))
                        return;
                (void) poll(NULL, 0, REMOVAL_WAIT_MSEC);
        }
}

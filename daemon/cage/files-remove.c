/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Removes what the broker names below /app, with what is in it. Directories are entered by descriptor and
 * O_NOFOLLOW: a job that exchanges one for a symlink meanwhile loses the symlink. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "cage/files-internal.h"
#include "proto/files-wire.h"

#define ENTRIES_BYTES 4096
#define NAME_MAX_BYTES 256

/* A directory on the way down, and its own name in the one above. */
typedef struct Level {
        int fd;
        char name[NAME_MAX_BYTES];
} Level;

static struct {
        Level levels[FILES_DEPTH_MAX];
        size_t n;
        uint64_t looks, removed;
        _Alignas(struct dirent64) char entries[ENTRIES_BYTES];
} walk;

static int walk_unlink(int parent_fd, const char *name, int flags) {
        if (unlinkat(parent_fd, name, flags) < 0)
                return errno == ENOENT ? 0 : -errno;
        walk.removed++;
        return 0;
}

static int walk_enter(int parent_fd, const char *name) {
        Level *level = &walk.levels[walk.n];

        if (walk.n == FILES_DEPTH_MAX || strlen(name) >= sizeof(level->name))
                return -ELOOP;
        level->fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (level->fd < 0)
                return -errno;
        memcpy(level->name, name, strlen(name) + 1);
        walk.n++;
        return 0;
}

/* The first name of a directory that is not . or .. goes, or is entered; an empty directory goes itself.
 * Each look begins anew: what has gone is not there any more, and the place in a directory that changes
 * means little. */
static int walk_next(int app_fd) {
        const Level *level = &walk.levels[walk.n - 1];
        ssize_t n;

        if (lseek(level->fd, 0, SEEK_SET) < 0)
                return -errno;
        while ((n = getdents64(level->fd, walk.entries, sizeof(walk.entries))) > 0)
                for (ssize_t at = 0; at < n;) {
                        const struct dirent64 *entry =
                                (const struct dirent64 *) (walk.entries + at);
                        int r;

                        at += entry->d_reclen;
                        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                                continue;
                        if (walk.looks-- == 0)
                                return -E2BIG;
                        if (entry->d_type == DT_DIR)
                                return walk_enter(level->fd, entry->d_name);
                        r = walk_unlink(level->fd, entry->d_name, 0);
                        if (r < 0)
                                return r;
                }
        if (n < 0)
                return -errno;
        walk.n--;
        (void) fd_close(level->fd);
        return walk_unlink(walk.n > 0 ? walk.levels[walk.n - 1].fd : app_fd, level->name,
                           AT_REMOVEDIR);
}

static int walk_all(int parent_fd, const char *name) {
        int r = walk_enter(parent_fd, name);

        while (r >= 0 && walk.n > 0)
                r = walk_next(parent_fd);
        while (walk.n > 0)
                fd_close(walk.levels[--walk.n].fd);
        return r;
}

int files_remove(const char *app, char *path, uint32_t flags, uint64_t *ret_removed) {
        _cleanup_close_ int parent_fd = -EBADF;
        char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        int r;

        if (slash)
                *slash = '\0';
        parent_fd = files_open_below(app, slash ? path : ".", O_RDONLY | O_DIRECTORY);
        if (parent_fd < 0)
                return parent_fd;
        walk.looks = FILES_LOOKS_MAX;
        walk.removed = 0;
        if (unlinkat(parent_fd, name, 0) >= 0) {
                *ret_removed = 1;
                return 0;
        }
        if (errno != EISDIR)
                return -errno;
        r = flags & FILES_RECURSIVE                       ? walk_all(parent_fd, name)
            : unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno
                                                          : 0;
        *ret_removed = walk.removed + (r == 0 && !(flags & FILES_RECURSIVE));
        return r;
}

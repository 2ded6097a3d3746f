/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that the broker puts into a box whose job lives: complete beside their places before the first one
 * takes its own, so that a full disk leaves everything as it was. The job sees the names on the way, and may
 * meddle with them: with files that are its own. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "cage/files-internal.h"
#include "proto/files-wire.h"

#define NAME_SIZE 32

static struct {
        char paths[FILES_STAGED_MAX][FILES_PATH_MAX + 1];
        size_t n;
        int fd; /* of the last one; only with n > 0 */
} staged;

static void staged_name(size_t index, char ret_name[static NAME_SIZE]) {
        (void) snprintf(ret_name, NAME_SIZE, ".pysb-put-%zu", index);
}

static const char *last_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The directory that the path is in. */
static int open_parent(const char *app, const char *path) {
        char directory[FILES_PATH_MAX + 1] = ".";
        size_t size = (size_t) (last_name(path) - path);

        if (size > 0) {
                memcpy(directory, path, size - 1);
                directory[size - 1] = '\0';
        }
        return files_open_below(app, directory, O_PATH | O_DIRECTORY);
}

/* The same, with those that are not there made on the way. */
static int make_parent(const char *app, const char *path) {
        _cleanup_close_ int fd = open(app, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        for (const char *p = path, *end; (end = strchr(p, '/')); p = end + 1) {
                char name[FILES_PATH_MAX + 1];
                int below_fd;

                memcpy(name, p, (size_t) (end - p));
                name[end - p] = '\0';
                if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
                        return -errno;
                below_fd = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (below_fd < 0)
                        return -errno;
                (void) close(fd);
                fd = below_fd;
        }
        return TAKE_FD(fd);
}

static int stage_begin(const char *app, const char *path, uint32_t flags) {
        _cleanup_close_ int parent_fd = -EBADF, fd = -EBADF;
        mode_t mode = flags & FILES_READ_ONLY ? 0444 : 0644;
        char name[NAME_SIZE];
        struct stat st;

        if (staged.n == FILES_STAGED_MAX || strlen(path) > FILES_PATH_MAX)
                return -E2BIG;
        if (flags & FILES_EXECUTABLE)
                mode |= 0111;
        parent_fd = make_parent(app, path);
        if (parent_fd < 0)
                return parent_fd;
        if (fstatat(parent_fd, last_name(path), &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
            S_ISDIR(st.st_mode))
                return -EISDIR;
        staged_name(staged.n, name);
        (void) unlinkat(parent_fd, name, 0); /* of a directory that the job moved meanwhile */
        fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (staged.n > 0)
                fd_close(staged.fd);
        staged.fd = TAKE_FD(fd);
        memcpy(staged.paths[staged.n++], path, strlen(path) + 1);
        return fchmod(staged.fd, mode) < 0 ? -errno : 0;
}

static int stage_write(uint64_t offset, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = pwrite(staged.fd, data, size, (off_t) offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                offset += (uint64_t) n;
                size -= (size_t) n;
        }
        return 0;
}

int files_stage(const char *app,
                const char *path,
                uint64_t offset,
                uint32_t flags,
                const void *data,
                size_t size) {
        int r = 0;

        if (offset == 0)
                r = stage_begin(app, path, flags);
        else if (staged.n == 0 || strcmp(staged.paths[staged.n - 1], path) != 0)
                r = -EINVAL;
        if (r >= 0)
                r = stage_write(offset, data, size);
        if (r < 0)
                files_drop(app);
        return r;
}

/* Puts each into its place, or takes it away; the first error. */
static int staged_end(const char *app, bool keep) {
        int result = 0;

        if (staged.n > 0)
                staged.fd = fd_close(staged.fd);
        for (size_t i = 0; i < staged.n; i++) {
                const char *path = staged.paths[i];
                _cleanup_close_ int parent_fd = open_parent(app, path);
                char name[NAME_SIZE];
                int r = parent_fd < 0 ? parent_fd : 0;

                staged_name(i, name);
                if (r == 0 && keep && renameat(parent_fd, name, parent_fd, last_name(path)) < 0)
                        r = -errno;
                if (parent_fd >= 0 && (!keep || r < 0))
                        (void) unlinkat(parent_fd, name, 0);
                if (result == 0)
                        result = r;
        }
        staged.n = 0;
        return result;
}

int files_commit(const char *app) {
        return staged_end(app, true);
}

void files_drop(const char *app) {
        (void) staged_end(app, false);
}

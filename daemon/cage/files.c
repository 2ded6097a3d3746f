/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Init's end of the files channel. It has no privilege, follows no symlink, opens nothing but
 * directories and regular files, and has its memory from the start: a job may have used up all that
 * its box has. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "cage/internal.h"
#include "cage/sys.h"
#include "proto/files-wire.h"
#include "proto/glob.h"

#define APP "/app"
#define ENTRIES_BYTES 4096

/* One directory on the way down. */
typedef struct Level {
        int fd;
        size_t path_size; /* of the directory's own path, with a slash behind it; 0 is /app */
        size_t start, end;
        GlobPlaces places[FILES_PATTERNS_MAX];
        _Alignas(struct dirent64) char entries[ENTRIES_BYTES];
} Level;

static struct {
        FilesAsk ask;
        char payload[FILES_PAYLOAD_MAX + 1];
} in;

static struct {
        FilesAnswer answer;
        char payload[FILES_PAYLOAD_MAX];
} out;

static struct {
        int fd;
        Glob globs[FILES_PATTERNS_MAX];
        size_t n_globs;
        uint64_t left; /* entries that may still be sent */
        Level levels[FILES_DEPTH_MAX];
        size_t n_levels;
        char path[FILES_PATH_MAX + 1];
} walk;

static int files_send(int fd, FilesKind kind, size_t size) {
        ssize_t n;

        out.answer.kind = kind;
        out.answer.size = (uint32_t) size;
        do
                n = send(fd, &out, sizeof(out.answer) + size, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

static int files_end(int fd, int error) {
        out.answer = (FilesAnswer){ .error = -error };
        return files_send(fd, FILES_END, 0);
}

static int walk_send(FilesType type, uint32_t rule, size_t path_size, const struct stat *st) {
        walk.left--;
        out.answer = (FilesAnswer){ .type = type, .rule = rule };
        if (st) {
                int64_t usec =
                        st->st_mtim.tv_sec * (int64_t) USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;

                out.answer.is_executable = !!(st->st_mode & S_IXUSR);
                out.answer.size_bytes = (uint64_t) st->st_size;
                out.answer.modified_usec = usec > 0 ? (uint64_t) usec : 0;
        }
        memcpy(out.payload, walk.path, path_size);
        return files_send(walk.fd, FILES_ENTRY, path_size);
}

/* The first rule that has places which `is` says yes to, or -1. */
static int walk_rule(const GlobPlaces *places, bool (*is)(const Glob *, GlobPlaces)) {
        for (size_t i = 0; i < walk.n_globs; i++)
                if (is(&walk.globs[i], places[i]))
                        return (int) i;
        return -1;
}

/* Goes into a directory, or says why not. */
static int walk_enter(int fd, size_t path_size, const GlobPlaces *places, uint32_t rule) {
        Level *level = &walk.levels[walk.n_levels];

        if (walk.n_levels == FILES_DEPTH_MAX || path_size + 1 > FILES_PATH_MAX) {
                fd_close(fd);
                return walk_send(FILES_TOO_DEEP, rule, path_size, NULL);
        }
        if (path_size > 0)
                walk.path[path_size++] = '/';
        level->fd = fd;
        level->path_size = path_size;
        level->start = level->end = 0;
        memcpy(level->places, places, walk.n_globs * sizeof(places[0]));
        walk.n_levels++;
        return 0;
}

static int
walk_directory(int parent_fd, const char *name, size_t path_size, const GlobPlaces *places) {
        int rule = walk_rule(places, glob_goes_on), fd;

        if (rule < 0)
                return 0;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return walk_send(FILES_UNREADABLE, (uint32_t) rule, path_size, NULL);
        return walk_enter(fd, path_size, places, (uint32_t) rule);
}

static int walk_file(int parent_fd, const char *name, size_t path_size, const GlobPlaces *places) {
        int rule = walk_rule(places, glob_accepts);
        struct stat st;

        if (rule < 0 || fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        return walk_send(S_ISREG(st.st_mode) ? FILES_REGULAR : FILES_NOT_REGULAR, (uint32_t) rule,
                         path_size, &st);
}

static int walk_name(Level *level, const struct dirent64 *entry) {
        size_t size = strlen(entry->d_name), path_size = level->path_size + size;
        GlobPlaces places[FILES_PATTERNS_MAX];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                return 0;
        for (size_t i = 0; i < walk.n_globs; i++)
                places[i] = glob_step(&walk.globs[i], level->places[i], entry->d_name, size);
        if (path_size > FILES_PATH_MAX) {
                int rule = walk_rule(level->places, glob_goes_on);

                return walk_send(FILES_TOO_DEEP, (uint32_t) rule, level->path_size - 1, NULL);
        }
        memcpy(walk.path + level->path_size, entry->d_name, size);
        return (entry->d_type == DT_DIR ? walk_directory : walk_file)(level->fd, entry->d_name,
                                                                      path_size, places);
}

/* One name of the deepest directory; back to the one above at its end. */
static int walk_next(void) {
        Level *level = &walk.levels[walk.n_levels - 1];
        const struct dirent64 *entry;

        if (level->start == level->end) {
                ssize_t n = getdents64(level->fd, level->entries, sizeof(level->entries));

                if (n <= 0) {
                        fd_close(level->fd);
                        walk.n_levels--;
                        return 0;
                }
                level->start = 0;
                level->end = (size_t) n;
        }
        entry = (const struct dirent64 *) (level->entries + level->start);
        level->start += entry->d_reclen;
        return walk_name(level, entry);
}

static int files_parse_patterns(void) {
        const char *p = in.payload, *end = in.payload + in.ask.size;

        for (walk.n_globs = 0; p < end; p += strlen(p) + 1)
                if (walk.n_globs == FILES_PATTERNS_MAX ||
                    glob_parse(p, &walk.globs[walk.n_globs++]))
                        return -EINVAL;
        return walk.n_globs > 0 ? 0 : -EINVAL;
}

static int files_list(int fd) {
        GlobPlaces places[FILES_PATTERNS_MAX];
        int app_fd, r;

        r = files_parse_patterns();
        if (r < 0)
                return files_end(fd, r);
        app_fd = open(APP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (app_fd < 0)
                return files_end(fd, -errno);
        for (size_t i = 0; i < walk.n_globs; i++)
                places[i] = glob_start(&walk.globs[i]);
        walk.fd = fd;
        walk.left = in.ask.max;
        walk.n_levels = 0;
        r = walk_enter(app_fd, 0, places, 0);
        while (r >= 0 && walk.n_levels > 0 && walk.left > 0)
                r = walk_next();
        while (walk.n_levels > 0)
                fd_close(walk.levels[--walk.n_levels].fd);
        return r < 0 ? r : files_end(fd, 0);
}

/* A regular file below /app, on no way over a symlink. Never blocks, as for a FIFO. */
static int files_open(const char *path) {
        struct open_how how = {
                .flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        _cleanup_close_ int app_fd = open(APP, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (app_fd < 0)
                return -errno;
        fd = sys_openat2(app_fd, path, &how);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

static int files_read(int fd) {
        _cleanup_close_ int file_fd = files_open(in.payload);
        uint64_t offset = in.ask.offset, left = in.ask.max;

        if (file_fd < 0)
                return files_end(fd, file_fd);
        while (left > 0) {
                ssize_t n =
                        pread(file_fd, out.payload, MIN(left, sizeof(out.payload)), (off_t) offset);
                int r;

                if (n < 0)
                        return files_end(fd, -errno);
                if (n == 0)
                        break;
                offset += (uint64_t) n;
                left -= (uint64_t) n;
                out.answer = (FilesAnswer){};
                r = files_send(fd, FILES_DATA, (size_t) n);
                if (r < 0)
                        return r;
        }
        return files_end(fd, 0);
}

void cage_serve_files(int fd) {
        for (;;) {
                ssize_t n = recv(fd, &in, sizeof(in.ask) + FILES_PAYLOAD_MAX, 0);
                int r = -EPROTO;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < (ssize_t) sizeof(in.ask) || (size_t) n != sizeof(in.ask) + in.ask.size)
                        return;
                in.payload[in.ask.size] = '\0';
                if (in.ask.verb == FILES_LIST)
                        r = files_list(fd);
                else if (in.ask.verb == FILES_READ)
                        r = files_read(fd);
                if (r < 0)
                        return;
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Init's end of the files channel. It has no privilege, follows no symlink, opens nothing but
 * directories and regular files, and has its memory from the start: a job may have used up all that
 * its box has. While the job lives it does not wait for init any longer than the bounds here allow. */

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
#include "cage/files-internal.h"
#include "cage/internal.h"
#include "cage/sys.h"
#include "proto/files-wire.h"
#include "proto/glob.h"

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
        uint64_t left;  /* entries that may still be sent */
        uint64_t steps; /* what all that took */
        bool has_directories;
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

/* What is known of a file, in the answer. */
static void files_set_facts(const struct stat *st) {
        int64_t usec = st->st_mtim.tv_sec * (int64_t) USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;

        out.answer.is_executable = !!(st->st_mode & S_IXUSR);
        out.answer.size_bytes = (uint64_t) st->st_size;
        out.answer.modified_usec = usec > 0 ? (uint64_t) usec : 0;
}

static int walk_send(FilesType type, uint32_t rule, size_t path_size, const struct stat *st) {
        walk.left--;
        out.answer = (FilesAnswer){ .type = type, .rule = rule };
        if (st)
                files_set_facts(st);
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
        int rule = walk_rule(places, glob_accepts), fd;
        struct stat st;

        if (walk.has_directories && rule >= 0 &&
            fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0) {
                int r = walk_send(FILES_DIRECTORY, (uint32_t) rule, path_size, &st);

                if (r < 0)
                        return r;
        }
        rule = walk_rule(places, glob_goes_on);
        if (rule < 0 || walk.left == 0)
                return 0;
        walk.steps += FILES_DIRECTORY_STEPS;
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
        return walk_send(S_ISREG(st.st_mode)   ? FILES_REGULAR
                         : S_ISLNK(st.st_mode) ? FILES_SYMLINK
                                               : FILES_OTHER,
                         (uint32_t) rule, path_size, &st);
}

static int walk_name(Level *level, const struct dirent64 *entry) {
        size_t size = strlen(entry->d_name), path_size = level->path_size + size;
        GlobPlaces places[FILES_PATTERNS_MAX];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                return 0;
        for (size_t i = 0; i < walk.n_globs; i++)
                places[i] = glob_step(&walk.globs[i], level->places[i], entry->d_name, size,
                                      &walk.steps);
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
        walk.steps += FILES_LOOK_STEPS;
        if (walk.steps > (uint64_t) FILES_LOOKS_MAX * FILES_LOOK_STEPS)
                return -E2BIG;
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

static int files_list(int fd, const char *app) {
        GlobPlaces places[FILES_PATTERNS_MAX];
        int app_fd, r;

        r = files_parse_patterns();
        if (r < 0)
                return files_end(fd, r);
        app_fd = open(app, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (app_fd < 0)
                return files_end(fd, -errno);
        for (size_t i = 0; i < walk.n_globs; i++)
                places[i] = glob_start(&walk.globs[i]);
        walk.fd = fd;
        walk.left = in.ask.max;
        walk.steps = 0;
        walk.has_directories = in.ask.flags & FILES_DIRECTORIES;
        walk.n_levels = 0;
        r = walk_enter(app_fd, 0, places, 0);
        while (r >= 0 && walk.n_levels > 0 && walk.left > 0)
                r = walk_next();
        while (walk.n_levels > 0)
                fd_close(walk.levels[--walk.n_levels].fd);
        return r < 0 && r != -E2BIG ? r : files_end(fd, r);
}

int files_open_below(const char *app, const char *path, int flags) {
        struct open_how how = {
                .flags = (unsigned) (flags | O_NOFOLLOW | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        _cleanup_close_ int app_fd = open(app, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return app_fd < 0 ? -errno : sys_openat2(app_fd, path, &how);
}

/* A regular file. Never blocks, as for a FIFO. */
static int files_open(const char *app, const char *path, struct stat *ret_st) {
        _cleanup_close_ int fd = files_open_below(app, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return fd;
        if (fstat(fd, ret_st) < 0)
                return -errno;
        return S_ISREG(ret_st->st_mode) ? TAKE_FD(fd) : -EINVAL;
}

static int files_read(int fd, const char *app) {
        struct stat st;
        _cleanup_close_ int file_fd = files_open(app, in.payload, &st);
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
        out.answer = (FilesAnswer){};
        files_set_facts(&st);
        return files_send(fd, FILES_END, 0);
}

/* Whether each part of the path is a name. The broker has looked at that, too; but it is the one who reads what everybody
 * writes, and init leads nobody out of /app. */
static bool files_path_is_below(const char *path) {
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");

                if (n == 0 || (n <= 2 && strspn(p, ".") >= n))
                        return false;
                p += n;
                if (*p == '\0')
                        return true;
        }
}

static int files_take_stage(const char *app) {
        size_t path_size = strlen(in.payload) + 1;

        if (path_size > in.ask.size || !files_path_is_below(in.payload)) {
                files_drop(app);
                return -EINVAL;
        }
        return files_stage(app, in.payload, in.ask.offset, in.ask.flags, in.payload + path_size,
                           in.ask.size - path_size);
}

static int files_take_remove(int fd, const char *app) {
        uint64_t removed = 0;
        int r = -EINVAL;

        if (files_path_is_below(in.payload))
                r = files_remove(app, in.payload, in.ask.flags, &removed);

        out.answer = (FilesAnswer){ .error = -r, .size_bytes = removed };
        return files_send(fd, FILES_END, 0);
}

static int files_answer(int fd, const char *app) {
        switch ((FilesVerb) in.ask.verb) {
        case FILES_LIST:
                return files_list(fd, app);
        case FILES_READ:
                return files_read(fd, app);
        case FILES_STAGE:
                return files_end(fd, files_take_stage(app));
        case FILES_COMMIT:
                return files_end(fd, files_commit(app));
        case FILES_DROP:
                files_drop(app);
                return files_end(fd, 0);
        case FILES_REMOVE:
                return files_take_remove(fd, app);
        case _FILES_VERB_MAX:
                break;
        }
        return -EPROTO;
}

bool cage_answer_files(int fd, const char *app) {
        ssize_t n;

        do
                n = recv(fd, &in, sizeof(in.ask) + FILES_PAYLOAD_MAX, 0);
        while (n < 0 && errno == EINTR);
        if (n < (ssize_t) sizeof(in.ask) || (size_t) n != sizeof(in.ask) + in.ask.size)
                return false;
        in.payload[in.ask.size] = '\0';
        return files_answer(fd, app) >= 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a hostile broker asks init of the files of a box, while a hostile job changes them: init answers each question within
 * bounds, ends with END or gives the channel up, keeps no descriptor, and touches nothing beside /app.
 *
 * An input: steps. Their first byte says what: a question, its verb, flags, offset, max, what is wrong with its size, then the size
 * of its payload and that; or what the job does to a name. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cage/files-internal.h"
#include "cage/internal.h"
#include "fuzz.h"
#include "proto/files-wire.h"

#define STEPS_MAX 32
#define NOBODY 65534

/* /app, in a directory that has a file beside it. */
static char base[] = "/dev/shm/pysb-fuzz-XXXXXX";
static char app[64], beside[64];

/* Of a call that may fail, as others have changed things. */
static void may_fail(int r) {
}

static void world_remove(void) {
        (void) unlink(beside);
        (void) rmdir(app);
        (void) rmdir(base);
}

/* Nobody's files: what leads init astray does not lead root astray. */
static void world_make(void) {
        int fd;

        if (app[0] != '\0')
                return;
        fuzz_check(mkdtemp(base));
        fuzz_check(chown(base, NOBODY, NOBODY) == 0 || geteuid() != 0);
        (void) setfsuid(NOBODY);
        (void) snprintf(app, sizeof(app), "%s/app", base);
        (void) snprintf(beside, sizeof(beside), "%s/beside", base);
        fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        fuzz_check(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
        fuzz_check(mkdir(app, 0700) == 0);
        (void) setfsuid(geteuid());
        (void) atexit(world_remove);
}

/* Everything below a directory goes. */
static void world_empty(int parent_fd, const char *name) {
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct dirent *entry;
        DIR *dir;

        fuzz_check(fd >= 0 && (dir = fdopendir(fd)));
        while ((entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (unlinkat(fd, entry->d_name, 0) == 0)
                        continue;
                may_fail(fchmodat(fd, entry->d_name, 0700,
                                  0)); /* a directory: else it would be gone */
                world_empty(fd, entry->d_name);
                fuzz_check(unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0);
        }
        fuzz_check(closedir(dir) == 0);
}

static void world_check(void) {
        struct dirent *entry;
        struct stat st;
        size_t n = 0;
        DIR *dir = opendir(base);

        fuzz_check(dir);
        while ((entry = readdir(dir)))
                n++;
        fuzz_check(closedir(dir) == 0 && n == 4); /* the two, . and .. */
        fuzz_check(lstat(app, &st) == 0 && S_ISDIR(st.st_mode));
        fuzz_check(lstat(beside, &st) == 0 && st.st_size == 1 && st.st_mode == (S_IFREG | 0600));
}

/* Takes what init has answered. Returns whether it ended with END. */
static bool read_answers(int fd) {
        static FilesAnswerPacket packet;
        bool has_ended = false;
        ssize_t n;

        while ((n = recv(fd, &packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
                const FilesAnswer *a = &packet.answer;

                fuzz_check(!has_ended && n >= (ssize_t) sizeof(*a));
                fuzz_check((size_t) n == sizeof(*a) + a->size && a->kind < _FILES_KIND_MAX);
                fuzz_check(a->error >= 0 && a->type < _FILES_TYPE_MAX);
                if (a->kind == FILES_ENTRY) {
                        fuzz_check(a->size > 0 && a->size <= FILES_PATH_MAX);
                        fuzz_check(a->rule < FILES_PATTERNS_MAX && packet.payload[0] != '/');
                }
                has_ended = a->kind == FILES_END;
        }
        return has_ended;
}

/* False: init has given the channel up. */
static bool ask(FuzzInput *in, const int fds[static 2]) {
        static FilesAskPacket packet;
        const void *payload;
        bool goes_on;
        uint8_t wrong;
        size_t size;

        packet.ask = (FilesAsk){ .verb = fuzz_byte(in) % (_FILES_VERB_MAX + 1) };
        packet.ask.flags = fuzz_byte(in);
        packet.ask.offset = fuzz_byte(in);
        packet.ask.max = fuzz_byte(in);
        wrong = fuzz_byte(in);
        if (wrong & 1)
                fuzz_fill(in, &packet.ask.offset, sizeof(packet.ask.offset));
        if (wrong & 2)
                fuzz_fill(in, &packet.ask.max, sizeof(packet.ask.max));
        payload = fuzz_take(in, fuzz_byte(in), &size);
        if (size > 0)
                memcpy(packet.payload, payload, size);
        packet.ask.size = (uint32_t) size + (wrong >> 7);
        fuzz_check(send(fds[0], &packet, sizeof(packet.ask) + size, MSG_NOSIGNAL) > 0);
        (void) setfsuid(NOBODY);
        goes_on = cage_answer_files(fds[1], app);
        (void) setfsuid(geteuid());
        fuzz_check(read_answers(fds[0]) || !goes_on);
        return goes_on;
}

static void change_name(int fd, const char *name, unsigned how) {
        int file_fd;

        switch (how) {
        case 0:
                may_fail(symlinkat("..", fd, name));
                break;
        case 1:
                may_fail(symlinkat(beside, fd, name));
                break;
        case 2:
                may_fail(mkdirat(fd, name, 0700));
                break;
        case 3:
                may_fail(mkfifoat(fd, name, 0600));
                break;
        case 4:
                may_fail(unlinkat(fd, name, 0));
                break;
        case 5:
                may_fail(fchmodat(fd, name, 0, AT_SYMLINK_NOFOLLOW));
                break;
        default: /* a file, which may be large */
                file_fd = openat(fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                                 0600);
                if (file_fd < 0)
                        break;
                may_fail(ftruncate(file_fd, how == 6 ? 1 << 20 : 1));
                fuzz_check(close(file_fd) == 0);
        }
}

/* The job's part, which no symlink leads out of /app either. */
static void change(FuzzInput *in) {
        uint8_t how = fuzz_byte(in);
        char path[33] = "./", *slash;
        const char *given;
        size_t size;
        int fd;

        given = fuzz_take(in, 1 + how / 8, &size);
        if (size > 0)
                memcpy(path + 2, given, MIN(size, sizeof(path) - 3));
        slash = strrchr(path, '/');
        if (slash[1] == '\0' || strcmp(slash + 1, ".") == 0 || strstr(path, ".."))
                return;
        *slash = '\0';
        (void) setfsuid(NOBODY);
        fd = files_open_below(app, path, O_PATH | O_DIRECTORY);
        if (fd >= 0) {
                change_name(fd, slash + 1, how % 8);
                fuzz_check(close(fd) == 0);
        }
        (void) setfsuid(geteuid());
}

/* As init does it: what is staged goes, then everything. */
static void end(const int fds[static 2]) {
        const FilesAsk drop = { .verb = FILES_DROP };

        fuzz_check(send(fds[0], &drop, sizeof(drop), MSG_NOSIGNAL) > 0);
        fuzz_check(cage_answer_files(fds[1], app) && read_answers(fds[0]));
        fuzz_check(close(fds[0]) == 0 && close(fds[1]) == 0);
        world_empty(AT_FDCWD, app);
        world_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput in = { data, size };
        unsigned n_fds;
        int fds[2];

        world_make();
        n_fds = fuzz_count_fds();
        fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        for (unsigned i = 0; i < STEPS_MAX && in.size > 0; i++)
                if (fuzz_byte(&in) % 4 == 0)
                        change(&in);
                else if (!ask(&in, fds)) {
                        (void) read_answers(fds[0]);
                        break;
                }
        end(fds);
        fuzz_check(fuzz_count_fds() == n_fds);
        return 0;
}

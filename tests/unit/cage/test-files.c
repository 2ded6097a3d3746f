/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/files-link.h"
#include "cage/internal.h"

/* A directory as /app, a process as init, and the broker's end here. */
static char app[] = "/tmp/pysb-test-XXXXXX";
static sd_event *event;
static FilesLink *files;
static pid_t init_pid;

/* What came. */
static char seen[4096];
static size_t n_seen;
static int result;
static uint64_t end_bytes;
static bool is_done;

static int see_entry(void *userdata, const FilesAnswer *entry, const char *path) {
        n_seen += (size_t) snprintf(seen + n_seen, sizeof(seen) - n_seen, "%u:%.*s ", entry->type,
                                    (int) entry->size, path);
        return 0;
}

static int see_data(void *userdata, const void *data, size_t size) {
        size_t room = MIN(size, sizeof(seen) - 1 - n_seen);

        memcpy(seen + n_seen, data, room);
        n_seen += room;
        return 0;
}

static void see_end(void *userdata, int error, const FilesAnswer *end) {
        assert_false(is_done);
        is_done = true;
        result = error;
        end_bytes = end ? end->size_bytes : 0;
}

static const FilesOwner owner = { see_entry, see_data, see_end, NULL };

/* Returns what the call ended with. */
static int go(int r) {
        assert_int_equal(r, 0);
        while (!is_done)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        return result;
}

static void fresh(void) {
        memset(seen, 0, sizeof(seen));
        n_seen = 0;
        is_done = false;
}

static int list(const char *pattern, uint32_t flags) {
        FilesCall *call;

        fresh();
        return go(files_link_list(files, pattern, strlen(pattern) + 1, 100, flags, &owner, &call));
}

static int get(const char *path, uint64_t offset, uint64_t max) {
        FilesCall *call;

        fresh();
        return go(files_link_read(files, path, offset, max, &owner, &call));
}

static int cut(const char *path, uint32_t flags) {
        FilesCall *call;

        fresh();
        return go(files_link_remove(files, path, flags, &owner, &call));
}

/* Of these names, each with this content. */
static int put(const char *const *paths, size_t n, const char *data, size_t size, uint32_t flags) {
        FilesPut *puts = calloc(n, sizeof(*puts));
        FilesCall *call;

        for (size_t i = 0; i < n; i++) {
                puts[i] = (FilesPut){ strdup(paths[i]), malloc(size + 1), size, flags };
                memcpy(puts[i].data, data, size);
        }
        fresh();
        return go(files_link_put(files, puts, n, &owner, &call));
}

static int put_one(const char *path, const char *text, uint32_t flags) {
        return put(&path, 1, text, strlen(text), flags);
}

static mode_t mode_of(const char *name) {
        char path[256];
        struct stat st;

        (void) snprintf(path, sizeof(path), "%s/%s", app, name);
        return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

static void test_put(void **state) {
        static const char *const two[] = { "b", "new/deep/c" };

        assert_int_equal(put_one("a", "old", 0), 0);
        assert_int_equal(mode_of("a"), S_IFREG | 0644);
        assert_int_equal(put_one("a", "newer", FILES_EXECUTABLE), 0);
        assert_int_equal(mode_of("a"), S_IFREG | 0755);
        assert_int_equal(put_one("a", "newest", FILES_READ_ONLY), 0);
        assert_int_equal(mode_of("a"), S_IFREG | 0444);
        assert_int_equal(get("a", 0, 100), 0);
        assert_string_equal(seen, "newest");
        assert_int_equal(end_bytes, 6);
        assert_int_equal(get("a", 3, 2), 0);
        assert_string_equal(seen, "es");
        assert_int_equal(put(two, 2, "", 0, 0), 0);
        assert_int_equal(get("new/deep/c", 0, 100), 0);
        assert_string_equal(seen, "");
        assert_int_equal(list("**", FILES_DIRECTORIES), 0);
        assert_non_null(strstr(seen, "new/deep/c"));
        assert_null(strstr(seen, ".pysb"));
}

static void test_put_large(void **state) {
        size_t size = 3 * FILES_PAYLOAD_MAX + 17;
        char *data = malloc(size);
        const char *const path = "large";

        for (size_t i = 0; i < size; i++)
                data[i] = (char) ('a' + i % 26);
        assert_int_equal(put(&path, 1, data, size, 0), 0);
        assert_int_equal(get("large", FILES_PAYLOAD_MAX - 8, 16), 0);
        assert_memory_equal(seen, data + FILES_PAYLOAD_MAX - 8, 16);
        assert_int_equal(end_bytes, size);
        free(data);
}

/* A directory is in the way of the last one: nothing has changed, and nothing is left. */
static void test_put_none(void **state) {
        static const char *const some[] = { "a", "fresh", "new" };
        static const char *const link[] = { "link/x" };

        assert_int_equal(put(some, 3, "no", 2, 0), -EISDIR);
        assert_int_equal(get("a", 0, 100), 0);
        assert_string_equal(seen, "newest");
        assert_int_equal(get("fresh", 0, 1), -ENOENT);
        assert_int_equal(list(".pysb*", 0), 0);
        assert_string_equal(seen, "");
        assert_int_equal(symlinkat("/tmp", AT_FDCWD, "link"), 0);
        assert_int_equal(put(link, 1, "no", 2, 0), -ENOTDIR);
        assert_int_equal(put_one("link", "instead", 0), 0); /* of the link, not of what it names */
        assert_int_equal(mode_of("link"), S_IFREG | 0644);
}

static void test_list(void **state) {
        assert_int_equal(symlinkat("/etc/shadow", AT_FDCWD, "shadow"), 0);
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(list("new", 0), 0);
        assert_string_equal(seen, "");
        assert_int_equal(list("new", FILES_DIRECTORIES), 0);
        assert_string_equal(seen, "1:new ");
        assert_int_equal(list("shadow", 0), 0);
        assert_string_equal(seen, "2:shadow ");
        assert_int_equal(list("fifo", 0), 0);
        assert_string_equal(seen, "3:fifo ");
        assert_int_equal(get("shadow", 0, 1), -ELOOP);
        assert_int_equal(get("fifo", 0, 1), -EINVAL);
        assert_int_equal(get("../x", 0, 1), -EXDEV);
        assert_int_equal(get("none", 0, 1), -ENOENT);
}

static void test_remove(void **state) {
        assert_int_equal(cut("none", 0), -ENOENT);
        assert_int_equal(cut("shadow", 0), 0);
        assert_int_equal(end_bytes, 1);
        assert_int_equal(cut("new", 0), -ENOTEMPTY);
        assert_int_equal(symlinkat("/tmp", AT_FDCWD, "new/out"), 0);
        assert_int_equal(cut("new", FILES_RECURSIVE), 0);
        assert_int_equal(end_bytes, 4); /* new, deep, c, and the link, not what it names */
        assert_int_equal(mode_of("new"), 0);
        assert_int_equal(access("/tmp", F_OK), 0);
}

/* One after the other, and who has gone is not called. */
static void test_many(void **state) {
        FilesCall *first, *second;

        fresh();
        assert_int_equal(files_link_read(files, "a", 0, 3, &owner, &first), 0);
        assert_int_equal(files_link_read(files, "a", 3, 3, &owner, &second), 0);
        files_call_forget(first);
        assert_int_equal(go(0), 0);
        assert_string_equal(seen, "est");
}

/* The last one: init is gone. */
static void test_lost(void **state) {
        FilesCall *call;

        assert_int_equal(kill(init_pid, SIGKILL), 0);
        assert_int_equal(waitpid(init_pid, NULL, 0), init_pid);
        assert_int_equal(get("a", 0, 1), -ECONNRESET);
        assert_int_equal(files_link_read(files, "a", 0, 1, &owner, &call), -ECONNRESET);
}

static int set_up(void **state) {
        int fd;

        assert_non_null(mkdtemp(app));
        assert_int_equal(chdir(app), 0);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(files_link_new(event, &fd, &files), 0);
        init_pid = fork();
        if (init_pid == 0) {
                (void) close_range(3, (unsigned) fd - 1, 0);
                while (cage_answer_files(fd, app))
                        ;
                _exit(0);
        }
        return close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
        return remove(path);
}

static int tear_down(void **state) {
        files_link_free(files);
        sd_event_unref(event);
        return nftw(app, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Whatever the broker says, init stays below /app. */
static void test_outside(void **state) {
        static const char *const paths[] = { "..", "../x", "a/../../x", "a/..", ".",
                                             "",   "/x",   "a//x",      "a/" };

        assert_int_equal(put_one("a/b", "1", 0), 0);
        FOREACH_ARRAY(path, paths, ELEMENTSOF(paths)) {
                assert_int_equal(put_one(*path, "2", 0), -EINVAL);
                assert_int_equal(cut(*path, 0), -EINVAL);
        }
        assert_int_equal(list("**", 0), 0);
        assert_string_equal(seen, "0:a/b ");
        assert_int_equal(put_one("...", "1", 0), 0); /* a name like others */
        assert_int_equal(put_one("a/..b", "1", 0), 0);
        assert_int_equal(cut("...", 0), 0);
        assert_int_equal(cut("a", FILES_RECURSIVE), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outside),   cmocka_unit_test(test_put),
                cmocka_unit_test(test_put_large), cmocka_unit_test(test_put_none),
                cmocka_unit_test(test_list),      cmocka_unit_test(test_remove),
                cmocka_unit_test(test_many),      cmocka_unit_test(test_lost),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}

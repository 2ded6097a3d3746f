/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"

typedef struct Directory {
        char path[64];
        int fd;
} Directory;

static int setup(void **state) {
        Directory *d = calloc(1, sizeof(Directory));

        assert_non_null(d);
        memcpy(d->path, "/tmp/test-io-XXXXXX", 20);
        assert_non_null(mkdtemp(d->path));
        d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(d->fd >= 0);
        *state = d;
        return 0;
}

static int teardown(void **state) {
        Directory *d = *state;

        (void) unlinkat(d->fd, "file", 0);
        fd_close(d->fd);
        assert_int_equal(rmdir(d->path), 0);
        free(d);
        return 0;
}

static void make_file(Directory *d, const char *data, size_t size) {
        _cleanup_close_ int fd =
                openat(d->fd, "file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(io_write_full(fd, data, size), 0);
}

static void test_read_file(void **state) {
        static char large[100000];
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
        Directory *d = *state;
        size_t size;

        make_file(d, "hello", 5);
        assert_int_equal(io_read_file(d->fd, "file", 5, &a, &size), 0);
        assert_int_equal(size, 5);
        assert_string_equal(a, "hello");
        assert_int_equal(io_read_file(d->fd, "file", 4, &b, &size), -EFBIG);
        assert_null(b);
        assert_int_equal(io_read_file(d->fd, "none", 4, &b, NULL), -ENOENT);

        memset(large, 'x', sizeof(large));
        make_file(d, large, sizeof(large));
        assert_int_equal(io_read_file(d->fd, "file", sizeof(large), &b, &size), 0);
        assert_int_equal(size, sizeof(large));
        assert_memory_equal(b, large, size);
        assert_int_equal(b[size], '\0');
        assert_int_equal(io_read_file(d->fd, "file", sizeof(large) - 1, &c, &size), -EFBIG);

        make_file(d, "", 0);
        assert_int_equal(io_read_file(d->fd, "file", 0, &c, &size), 0);
        assert_int_equal(size, 0);
        assert_string_equal(c, "");
}

static void test_full(void **state) {
        char text[8] = "";
        int p[2];

        assert_int_equal(fd_pipe(p, 0), 0);
        assert_int_equal(io_write_full(p[1], "ab", 2), 0);
        assert_int_equal(io_write_full(p[1], "cde", 3), 0);
        assert_int_equal(io_read_full(p[0], text, 5), 0);
        assert_memory_equal(text, "abcde", 5);
        assert_int_equal(io_write_full(p[1], "f", 1), 0);
        p[1] = fd_close(p[1]);
        assert_int_equal(io_read_full(p[0], text, 2), -ENODATA);
        assert_int_equal(io_read_full(p[0], text, 0), 0);
        fd_close(p[0]);
        assert_int_equal(io_write_full(-EBADF, "x", 1), -EBADF);
        assert_int_equal(io_read_full(-EBADF, text, 1), -EBADF);
}

static void test_write_string(void **state) {
        _cleanup_free_ char *text = NULL;
        Directory *d = *state;

        /* It is for attributes of the kernel: it does not create anything. */
        assert_int_equal(io_write_string(d->fd, "file", "1"), -ENOENT);
        make_file(d, "", 0);
        assert_int_equal(io_write_string(d->fd, "file", "+memory"), 0);
        assert_int_equal(io_read_file(d->fd, "file", 100, &text, NULL), 0);
        assert_string_equal(text, "+memory");
        assert_int_equal(io_write_string(AT_FDCWD, "/dev/full", "1"), -ENOSPC);
}

#define io_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                io_test(test_read_file),
                io_test(test_full),
                io_test(test_write_string),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

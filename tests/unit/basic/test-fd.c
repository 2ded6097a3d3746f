/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"

static int is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static void assert_cloexec(int fd) {
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void test_close(void **state) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;

        errno = ENOTTY;
        fd = fd_close(fd);
        assert_int_equal(fd, -EBADF);
        assert_false(is_open(copy));
        errno = ENOTTY;
        assert_int_equal(fd_close(-EBADF), -EBADF);
        assert_int_equal(errno, ENOTTY);
}

static void test_cleanup_closes(void **state) {
        int copy;

        {
                _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

                copy = fd;
                assert_true(is_open(copy));
        }
        assert_false(is_open(copy));
        {
                _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

                copy = TAKE_FD(fd);
                assert_int_equal(fd, -EBADF);
        }
        assert_true(is_open(copy));
        fd_close(copy);
}

static void test_flags(void **state) {
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY);

        assert_int_equal(fd_set_cloexec(fd, true), 0);
        assert_cloexec(fd);
        assert_int_equal(fd_set_cloexec(fd, false), 0);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        assert_int_equal(fd_set_nonblock(fd, true), 0);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fd_set_nonblock(fd, false), 0);
        assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fd_set_nonblock(-EBADF, true), -EBADF);
        assert_int_equal(fd_set_cloexec(-EBADF, true), -EBADF);
}

static void test_pairs(void **state) {
        int p[2], s[2];
        char c;

        assert_int_equal(fd_pipe(p, O_NONBLOCK), 0);
        assert_int_equal(fd_socketpair(s, SOCK_SEQPACKET), 0);
        for (size_t i = 0; i < 2; i++) {
                assert_cloexec(p[i]);
                assert_cloexec(s[i]);
        }
        assert_int_equal(read(p[0], &c, 1), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(write(s[0], "x", 1), 1);
        assert_int_equal(read(s[1], &c, 1), 1);
        for (size_t i = 0; i < 2; i++) {
                fd_close(p[i]);
                fd_close(s[i]);
        }
}

static void test_sealed(void **state) {
        _cleanup_close_ int fd = fd_new_sealed("test", "hello", 5);
        char text[8];

        assert_true(fd >= 0);
        assert_cloexec(fd);
        assert_int_equal(read(fd, text, sizeof(text)), 5);
        assert_memory_equal(text, "hello", 5);
        /* Who gets it can rely on what is in it. */
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fd, 0), -1);
        assert_int_equal(ftruncate(fd, 100), -1);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
        assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_close),  cmocka_unit_test(test_cleanup_closes),
                cmocka_unit_test(test_flags),  cmocka_unit_test(test_pairs),
                cmocka_unit_test(test_sealed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

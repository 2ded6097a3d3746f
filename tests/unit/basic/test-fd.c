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
#include <sys/stat.h>
#include <sys/wait.h>
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

static void test_above_standard(void **state) {
        int fd = dup(STDERR_FILENO);

        assert_int_equal(fd_above_standard(fd), fd);
        fd_close(fd);
        assert_int_equal(fd_above_standard(-EMFILE), -EMFILE);
}

/* In a child: cmocka wants its output. */
static int check_closed_standard(void) {
        struct stat null, found;
        int low, high;

        if (stat("/dev/null", &null) < 0 || close(STDIN_FILENO) < 0 || close(STDERR_FILENO) < 0)
                return 1;
        low = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        high = fd_above_standard(low);
        if (low != STDIN_FILENO || high <= STDERR_FILENO || is_open(low))
                return 2;
        if (!(fcntl(high, F_GETFD) & FD_CLOEXEC) || fd_open_standard() != 0)
                return 3;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd += 2)
                if (fstat(fd, &found) < 0 || found.st_rdev != null.st_rdev ||
                    fcntl(fd, F_GETFD) != 0)
                        return 4;
        if (write(STDERR_FILENO, "x", 1) != -1 || errno != EBADF)
                return 7;
        /* What is open stays as it is. */
        return fstat(STDOUT_FILENO, &found) < 0 || found.st_rdev == null.st_rdev ? 5 : 0;
}

static void test_closed_standard(void **state) {
        _cleanup_close_ int fd = fd_new_sealed("output", "", 0);
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(dup2(fd, STDOUT_FILENO) < 0 ? 6 : check_closed_standard());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_close),           cmocka_unit_test(test_cleanup_closes),
                cmocka_unit_test(test_flags),           cmocka_unit_test(test_pairs),
                cmocka_unit_test(test_sealed),          cmocka_unit_test(test_above_standard),
                cmocka_unit_test(test_closed_standard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

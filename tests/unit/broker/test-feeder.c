/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "broker/feeder.h"

#define LARGE (1U << 20)

static Buf make_bytes(size_t size) {
        Buf b = BUF_INIT(0);
        char *p = buf_reserve(&b, size);

        assert_non_null(p);
        memset(p, 'x', size);
        buf_commit(&b, size);
        return b;
}

/* More than a pipe holds goes in as the reader takes it, and then comes the end of the file. */
static void test_large(void **state) {
        static char got[LARGE + 1];
        sd_event *event = NULL;
        size_t n = 0;
        Feeder f;
        int fds[2];

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(fd_pipe(fds, 0), 0);
        assert_int_equal(feeder_start(&f, event, fds[1], make_bytes(LARGE)), 0);
        assert_true(f.fd >= 0);
        for (;;) {
                ssize_t k = read(fds[0], got + n, sizeof(got) - n);

                assert_true(k >= 0);
                if (k == 0)
                        break;
                n += (size_t) k;
                while (sd_event_run(event, 0) > 0)
                        ;
        }
        assert_int_equal(n, LARGE);
        assert_int_equal(f.fd, -EBADF);
        fd_close(fds[0]);
        sd_event_unref(event);
}

static void test_reader_gone(void **state) {
        sd_event *event = NULL;
        Feeder f;
        int fds[2];

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(fd_pipe(fds, 0), 0);
        assert_int_equal(feeder_start(&f, event, fds[1], make_bytes(LARGE)), 0);
        fd_close(fds[0]);
        assert_true(sd_event_run(event, 0) > 0);
        assert_int_equal(f.fd, -EBADF);
        assert_null(f.source);
        sd_event_unref(event);
}

static void test_stop(void **state) {
        sd_event *event = NULL;
        Feeder f;
        int fds[2];

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(fd_pipe(fds, 0), 0);
        assert_int_equal(feeder_start(&f, event, fds[1], make_bytes(LARGE)), 0);
        feeder_stop(&f);
        feeder_stop(&f);
        fd_close(fds[0]);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_large),
                cmocka_unit_test(test_reader_gone),
                cmocka_unit_test(test_stop),
        };

        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

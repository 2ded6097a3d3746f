/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "broker/pump.h"

typedef struct Setup {
        sd_event *event;
        Pump pump;
        int client; /* a copy of the client's read end, with the same description */
        int writer;
        int box;
} Setup;

static int setup(void **state) {
        static Setup s;
        int client[2], box[2];

        assert_int_equal(sd_event_new(&s.event), 0);
        assert_int_equal(fd_pipe(client, 0), 0);
        assert_int_equal(fd_pipe(box, 0), 0);
        s.client = fcntl(client[0], F_DUPFD_CLOEXEC, 3);
        assert_true(s.client >= 0);
        s.writer = client[1];
        s.box = box[0];
        assert_int_equal(pump_start(&s.pump, s.event, client[0], box[1]), 0);
        *state = &s;
        return 0;
}

static int teardown(void **state) {
        Setup *s = *state;

        pump_stop(&s->pump);
        pump_stop(&s->pump);
        fd_close(s->client);
        fd_close(s->writer);
        fd_close(s->box);
        sd_event_unref(s->event);
        return 0;
}

/* Runs the loop until it has nothing to do, which it must reach soon. */
static void spin(Setup *s) {
        for (int i = 0; i < 100; i++)
                if (sd_event_run(s->event, 0) == 0)
                        return;
        fail_msg("the loop spins");
}

static void expect(Setup *s, const char *expected) {
        char got[64] = "";

        spin(s);
        assert_int_equal(read(s->box, got, sizeof(got) - 1), strlen(expected));
        assert_string_equal(got, expected);
}

static void expect_stopped(Setup *s) {
        spin(s);
        assert_int_equal(s->pump.from, -EBADF);
        assert_int_equal(s->pump.to, -EBADF);
        assert_null(s->pump.from_source);
        assert_null(s->pump.to_source);
}

static void test_data_and_end(void **state) {
        Setup *s = *state;

        assert_int_equal(io_write_full(s->writer, "one", 3), 0);
        expect(s, "one");
        assert_int_equal(io_write_full(s->writer, "two", 3), 0);
        s->writer = fd_close(s->writer);
        expect(s, "two");
        expect_stopped(s);
        expect(s, "");
}

/* Neither the broker nor a job may change what the client sees of its own pipe. */
static void test_flags(void **state) {
        Setup *s = *state;

        assert_int_equal(io_write_full(s->writer, "one", 3), 0);
        spin(s);
        assert_int_equal(fd_set_nonblock(s->box, true), 0);
        assert_int_equal(fcntl(s->client, F_GETFL) & O_NONBLOCK, 0);
        assert_int_equal(fcntl(s->writer, F_GETFL) & O_NONBLOCK, 0);
        assert_true(fcntl(s->pump.to, F_GETFL) & O_NONBLOCK);
}

/* The job ends or closes its input while the client says nothing, */
static void test_reader_gone(void **state) {
        Setup *s = *state;

        spin(s);
        s->box = fd_close(s->box);
        expect_stopped(s);
        /* and the client is told by EPIPE. */
        s->client = fd_close(s->client);
        assert_int_equal(write(s->writer, "x", 1), -1);
        assert_int_equal(errno, EPIPE);
}

static void test_reader_gone_with_data(void **state) {
        Setup *s = *state;

        assert_int_equal(io_write_full(s->writer, "one", 3), 0);
        s->box = fd_close(s->box);
        expect_stopped(s);
}

/* Writes until both pipes are full; the loop must rest then, and go on when the job reads. */
static void test_full(void **state) {
        static char block[4096], got[1U << 16];
        Setup *s = *state;
        size_t written = 0, n_read = 0;

        assert_int_equal(fd_set_nonblock(s->writer, true), 0);
        for (;;) {
                ssize_t n = write(s->writer, block, sizeof(block));

                if (n < 0) {
                        assert_int_equal(errno, EAGAIN);
                        spin(s);
                        n = write(s->writer, block, sizeof(block));
                        if (n < 0)
                                break;
                }
                written += (size_t) n;
        }
        assert_true(written > sizeof(got));
        assert_int_equal(sd_event_run(s->event, 0), 0);
        assert_true(s->pump.to >= 0);
        s->writer = fd_close(s->writer);
        for (;;) {
                ssize_t n;

                spin(s);
                n = read(s->box, got, sizeof(got));
                assert_true(n >= 0);
                if (n == 0)
                        break;
                n_read += (size_t) n;
        }
        assert_int_equal(n_read, written);
        expect_stopped(s);
}

/* Another reader of the client's pipe was faster: that neither blocks nor ends the pump. */
static void test_other_reader(void **state) {
        Setup *s = *state;
        char c;

        assert_int_equal(io_write_full(s->writer, "x", 1), 0);
        assert_true(sd_event_prepare(s->event) >= 0);
        assert_true(sd_event_wait(s->event, 0) > 0);
        assert_int_equal(read(s->client, &c, 1), 1);
        assert_true(sd_event_dispatch(s->event) > 0);
        spin(s);
        assert_int_equal(io_write_full(s->writer, "one", 3), 0);
        expect(s, "one");
}

#define PUMP(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                PUMP(test_data_and_end),          PUMP(test_flags), PUMP(test_reader_gone),
                PUMP(test_reader_gone_with_data), PUMP(test_full),  PUMP(test_other_reader),
        };

        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

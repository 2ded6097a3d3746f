/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Standard input that stays open: writers in their order, and a pipe that is full, closed or not there yet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/input.h"

#define N_WRITERS 3
#define BIG_BYTES (3U << 16) /* three pipes of the usual size */

typedef struct Fixture {
        sd_event *event;
        Input in;
        int read_fd, write_fd; /* the job's pipe */
        InputWriter writers[N_WRITERS];
} Fixture;

static unsigned n_notified;

static void on_notify(InputWriter *writer) {
        assert_true(writer->state != INPUT_WAITING);
        n_notified++;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        int fds[2];

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(fd_pipe(fds, 0), 0);
        f->read_fd = fds[0];
        f->write_fd = fds[1];
        assert_int_equal(fd_set_nonblock(f->read_fd, true), 0);
        input_init(&f->in, true);
        FOREACH_ARRAY(w, f->writers, ELEMENTSOF(f->writers)) {
                list_init(&w->link);
                w->notify = on_notify;
        }
        n_notified = 0;
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        input_close(&f->in);
        FOREACH_ARRAY(w, f->writers, ELEMENTSOF(f->writers))
                buf_done(&w->bytes);
        fd_close(f->read_fd);
        fd_close(f->write_fd);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void start(Fixture *f) {
        assert_int_equal(input_start(&f->in, f->event, TAKE_FD(f->write_fd)), 0);
}

static InputWriter *add(Fixture *f, int i, char c, size_t size, bool is_last) {
        InputWriter *w = &f->writers[i];
        void *room = buf_reserve(&w->bytes, size + 1);

        assert_non_null(room);
        memset(room, c, size);
        buf_commit(&w->bytes, size);
        w->is_last = is_last;
        input_add(&f->in, w);
        return w;
}

static void spin(Fixture *f) {
        while (sd_event_run(f->event, 0) > 0)
                ;
}

/* Reads until nothing is left; each byte must be c. Returns how many they were. */
static size_t read_all(Fixture *f, char c) {
        char data[4096];
        size_t total = 0;
        ssize_t n;

        do {
                spin(f);
                n = read(f->read_fd, data, sizeof(data));
                for (ssize_t i = 0; i < n; i++)
                        assert_int_equal(data[i], c);
                total += n > 0 ? (size_t) n : 0;
        } while (n > 0);
        return total;
}

static bool is_at_end(Fixture *f) {
        char c;

        return read(f->read_fd, &c, 1) == 0;
}

/* What fits is in the pipe when input_add() returns. */
static void test_at_once(void **state) {
        Fixture *f = *state;

        start(f);
        assert_int_equal(add(f, 0, 'a', 10, false)->state, INPUT_WRITTEN);
        assert_int_equal(add(f, 1, 'a', 10, false)->state, INPUT_WRITTEN);
        assert_int_equal(n_notified, 2);
        assert_int_equal(read_all(f, 'a'), 20);
        assert_false(is_at_end(f));
        assert_int_equal(add(f, 2, 'a', 0, true)->state, INPUT_WRITTEN);
        assert_true(is_at_end(f));
        assert_false(f->in.is_open);
}

/* Before the job starts writers wait, and then go in their order. */
static void test_before_start(void **state) {
        Fixture *f = *state;

        for (int i = 0; i < N_WRITERS; i++)
                assert_int_equal(add(f, i, 'a', 5, false)->state, INPUT_WAITING);
        spin(f);
        assert_int_equal(n_notified, 0);
        start(f);
        assert_int_equal(n_notified, N_WRITERS);
        assert_int_equal(read_all(f, 'a'), 5 * N_WRITERS);
}

/* A full pipe holds up the first writer, and so the others; nothing is mixed. */
static void test_order(void **state) {
        Fixture *f = *state;
        InputWriter *first, *second;

        start(f);
        first = add(f, 0, 'a', BIG_BYTES, false);
        second = add(f, 1, 'a', 1, false);
        spin(f);
        assert_int_equal(first->state, INPUT_WAITING);
        assert_int_equal(second->state, INPUT_WAITING);
        assert_true(buf_size(&first->bytes) > 0 && buf_size(&first->bytes) < BIG_BYTES);
        assert_int_equal(read_all(f, 'a'), BIG_BYTES + 1);
        assert_int_equal(first->state, INPUT_WRITTEN);
        assert_int_equal(second->state, INPUT_WRITTEN);
        /* With all written, room in the pipe wakes nobody */
        assert_int_equal(sd_event_run(f->event, 0), 0);
}

/* Who leaves takes back what is not in the pipe; the next one goes on. */
static void test_leave(void **state) {
        Fixture *f = *state;
        size_t left;

        start(f);
        add(f, 0, 'a', BIG_BYTES, false);
        add(f, 1, 'a', 7, true);
        left = buf_size(&f->writers[0].bytes);
        assert_true(left > 0);
        list_remove(&f->writers[0].link);
        assert_int_equal(read_all(f, 'a'), BIG_BYTES - left + 7);
        assert_true(is_at_end(f));
        assert_int_equal(f->writers[0].state, INPUT_WAITING);
        assert_int_equal(f->writers[1].state, INPUT_WRITTEN);
        assert_int_equal(n_notified, 1);
}

/* Behind the last one nobody is let in. */
static void test_last(void **state) {
        Fixture *f = *state;

        start(f);
        add(f, 0, 'a', BIG_BYTES, true);
        add(f, 1, 'b', 1, false);
        assert_int_equal(f->writers[1].state, INPUT_WAITING);
        assert_int_equal(read_all(f, 'a'), BIG_BYTES);
        assert_true(is_at_end(f));
        assert_int_equal(f->writers[0].state, INPUT_WRITTEN);
        assert_int_equal(f->writers[1].state, INPUT_REFUSED);
        assert_int_equal(add(f, 2, 'c', 1, false)->state, INPUT_REFUSED);
        assert_int_equal(n_notified, 3);
}

/* The program closes it, with a writer that waits or without one. */
static void test_nobody_reads(void **state) {
        Fixture *f = *state;

        start(f);
        add(f, 0, 'a', BIG_BYTES, false);
        add(f, 1, 'b', 1, false);
        f->read_fd = fd_close(f->read_fd);
        spin(f);
        assert_int_equal(f->writers[0].state, INPUT_REFUSED);
        assert_int_equal(f->writers[1].state, INPUT_REFUSED);
        assert_int_equal(add(f, 2, 'c', 1, false)->state, INPUT_REFUSED);
        assert_int_equal(n_notified, 3);
}

/* The end of the job, before its start, too. */
static void test_close(void **state) {
        Fixture *f = *state;

        add(f, 0, 'a', 1, false);
        input_close(&f->in);
        assert_int_equal(f->writers[0].state, INPUT_REFUSED);
        input_close(&f->in);
        assert_int_equal(n_notified, 1);
        assert_int_equal(add(f, 1, 'b', 1, false)->state, INPUT_REFUSED);
}

/* A job whose input does not stay open takes nothing. */
static void test_never_open(void **state) {
        Fixture *f = *state;

        input_init(&f->in, false);
        assert_int_equal(add(f, 0, 'a', 1, false)->state, INPUT_REFUSED);
        assert_int_equal(n_notified, 1);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_at_once), TEST(test_before_start), TEST(test_order),
                TEST(test_leave),   TEST(test_last),         TEST(test_nobody_reads),
                TEST(test_close),   TEST(test_never_open),
        };

        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

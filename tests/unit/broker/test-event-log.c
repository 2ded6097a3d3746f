/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "broker/event-log.h"

static void add_output(EventLog *log, OutputStream stream, size_t offset, size_t size) {
        const JobEvent e = {
                .kind = EVENT_OUTPUT,
                .stream = stream,
                .offset = offset,
                .size = size,
        };

        assert_int_equal(event_log_add(log, &e), 0);
}

/* Nobody has seen it yet: one event for what was written in many pieces. */
static void test_merge_unread(void **state) {
        EventLog log = {};

        add_output(&log, STREAM_STDOUT, 0, 10);
        add_output(&log, STREAM_STDOUT, 10, 5);
        assert_int_equal(log.n, 1);
        assert_int_equal(log.events[0].size, 15);
        add_output(&log, STREAM_STDERR, 0, 1);
        add_output(&log, STREAM_STDOUT, 15, 1);
        assert_int_equal(log.n, 3);
        add_output(&log, STREAM_STDOUT, 16, OUTPUT_PIECE_MAX);
        assert_int_equal(log.n, 4); /* never larger than a piece */
        event_log_done(&log);
}

/* What has been read under a number keeps its content. */
static void test_read_is_final(void **state) {
        uint64_t cursor = 0, second = 0;
        EventLog log = {};

        add_output(&log, STREAM_STDOUT, 0, 10);
        assert_int_equal(event_log_next(&log, &cursor)->size, 10);
        assert_int_equal(cursor, 1);
        assert_null(event_log_next(&log, &cursor));
        add_output(&log, STREAM_STDOUT, 10, 5);
        assert_int_equal(log.n, 2);
        add_output(&log, STREAM_STDOUT, 15, 5);
        assert_int_equal(log.n, 2);
        assert_int_equal(event_log_next(&log, &cursor)->size, 10);
        assert_int_equal(event_log_next(&log, &second)->size, 10);
        assert_int_equal(event_log_next(&log, &second)->offset, 10);
        assert_null(event_log_next(&log, &second));
        event_log_done(&log);
}

static void test_positions(void **state) {
        EventLog log = {};
        uint64_t cursor = 0;

        for (uint64_t position = 5; position > 2; position--)
                assert_int_equal(event_log_add(&log,
                                               &(JobEvent){
                                                       .kind = EVENT_QUEUED,
                                                       .position = position,
                                               }),
                                 0);
        assert_int_equal(log.n, 1);
        assert_int_equal(event_log_next(&log, &cursor)->position, 3);
        event_log_done(&log);
}

/* A reader that keeps up with a job that flushes every byte. */
static void test_bounded(void **state) {
        EventLog log = {};
        uint64_t cursor = 0;

        assert_int_equal(event_log_piece_min(&log), 1);
        for (size_t i = 0; i < EVENTS_LIVE_MAX; i++) {
                add_output(&log, STREAM_STDOUT, i, 1);
                assert_non_null(event_log_next(&log, &cursor));
        }
        assert_int_equal(event_log_piece_min(&log), OUTPUT_PIECE_MAX);
        event_log_done(&log);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_merge_unread),
                cmocka_unit_test(test_read_is_final),
                cmocka_unit_test(test_positions),
                cmocka_unit_test(test_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

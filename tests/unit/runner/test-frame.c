/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/io.h"
#include "basic/utf8.h"
#include "runner/frame.h"

typedef struct Payload {
        char data[2048];
        size_t size;
} Payload;

static void add(Payload *p, uint32_t type, const void *data, size_t size) {
        FieldHeader h = { .size = (uint32_t) size, .type = type };

        assert_true(p->size + sizeof(h) + size <= sizeof(p->data));
        memcpy(p->data + p->size, &h, sizeof(h));
        memcpy(p->data + p->size + sizeof(h), data, size);
        p->size += sizeof(h) + size;
}

static void add_text(Payload *p, uint32_t type, const char *text) {
        add(p, type, text, strlen(text));
}

static int check(const Payload *p) {
        return job_payload_check(p->data, p->size);
}

static void test_request(void **state) {
        int64_t seed = INT64_MIN;
        uint64_t max = 77;
        uint32_t level = ANALYSIS_STRICT;
        Payload p = {};

        add_text(&p, FIELD_ARGUMENT, "a");
        add_text(&p, FIELD_CODE, "pass\xff");
        add_text(&p, FIELD_ARGUMENT, "");
        add_text(&p, FIELD_ENVIRONMENT, "A=");
        add(&p, FIELD_SEED, &seed, sizeof(seed));
        add(&p, FIELD_RESULT_MAX, &max, sizeof(max));
        add_text(&p, FIELD_SOURCE_NAME, "x.py");
        add_text(&p, FIELD_CALLABLE, "main");
        add_text(&p, FIELD_INPUTS, "{}");
        add(&p, FIELD_FILE, "a/b.py\0\xff\0", 9);
        add(&p, FIELD_FILE, "empty\0", 6);
        add_text(&p, FIELD_MODULES, "json\nre");
        add_text(&p, FIELD_TOOL, "{}");
        add(&p, FIELD_ANALYSIS, &level, sizeof(level));
        add_text(&p, FIELD_CHECK_ONLY, "");
        add(&p, FIELD_DISPLAY_LAST, &level, sizeof(level));
        add(&p, FIELD_TICKS, &max, sizeof(max));
        assert_int_equal(check(&p), 0);
}

/* Exactly one, of any of the four kinds. */
static void test_request_programs(void **state) {
        static const uint32_t types[] = { FIELD_CODE, FIELD_SCRIPT_PATH, FIELD_MODULE,
                                          FIELD_EXPRESSION };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                Payload p = {};

                add_text(&p, types[i], "x");
                assert_int_equal(check(&p), 0);
                add_text(&p, types[(i + 1) % ELEMENTSOF(types)], "y");
                assert_int_equal(check(&p), -EPROTO);
        }
}

/* One field too many, on top of a valid payload. */
static void test_request_refusals(void **state) {
        static const struct {
                uint32_t type;
                const char *data;
                size_t size;
        } rows[] = {
                { FIELD_CODE, "again", 5 },
                { 0, "", 0 },
                { FIELD_EXCEPTION_TYPE, "X", 1 },
                { FIELD_TOOL_VALUE, "1", 1 },
                { UINT32_MAX, "", 0 },
                { FIELD_ARGUMENT, "\xff", 1 },
                { FIELD_ARGUMENT, "a\0b", 3 },
                { FIELD_ENVIRONMENT, "", 0 },
                { FIELD_ENVIRONMENT, "A", 1 },
                { FIELD_ENVIRONMENT, "=A", 2 },
                { FIELD_ENVIRONMENT, "A=\xc3", 3 },
                { FIELD_SEED, "1234567", 7 },
                { FIELD_SEED, "", 0 },
                { FIELD_RESULT_MAX, "123456789", 9 },
                { FIELD_SOURCE_NAME, "", 0 },
                { FIELD_SOURCE_NAME, "\xc3\x28", 2 },
                { FIELD_CALLABLE, "", 0 },
                { FIELD_INPUTS, "{\xff}", 3 },
                { FIELD_FILE, "no end", 6 },
                { FIELD_FILE, "\0data", 5 },
                { FIELD_FILE, "\xff\0", 2 },
                { FIELD_MODULES, "\xff", 1 },
                { FIELD_TOOL, "\xff", 1 },
                { FIELD_ANALYSIS, "1", 1 },
                { FIELD_CHECK_ONLY, "1", 1 },
                { FIELD_DISPLAY_LAST, "12345678", 8 },
                { FIELD_TICKS, "1234", 4 },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                Payload p = {};

                add_text(&p, FIELD_CODE, "pass");
                assert_int_equal(check(&p), 0);
                add(&p, row->type, row->data, row->size);
                assert_int_equal(check(&p), -EPROTO);
        }
}

/* As many as may be there, then one more. */
static void test_request_counts(void **state) {
        static const struct {
                uint32_t type;
                const char *data;
                size_t size, n_max;
        } rows[] = {
                { FIELD_SEED, "12345678", 8, 1 },
                { FIELD_INPUTS, "{}", 2, 1 },
                { FIELD_FILE, "a\0", 2, JOB_FILES_MAX },
                { FIELD_TOOL, "{}", 2, TOOLS_MAX },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                Payload p = {};

                add_text(&p, FIELD_CODE, "pass");
                for (size_t i = 0; i < row->n_max; i++)
                        add(&p, row->type, row->data, row->size);
                assert_int_equal(check(&p), 0);
                add(&p, row->type, row->data, row->size);
                assert_int_equal(check(&p), -EPROTO);
        }
}

static void test_request_without_program(void **state) {
        Payload p = {};

        assert_int_equal(check(&p), -EPROTO);
        add_text(&p, FIELD_ARGUMENT, "a");
        assert_int_equal(check(&p), -EPROTO);
}

static void test_request_cut_anywhere(void **state) {
        Payload p = {};

        add_text(&p, FIELD_CODE, "pass");
        add_text(&p, FIELD_ARGUMENT, "argument");
        for (size_t size = 0; size < p.size; size++) {
                /* A copy of that size, so that a sanitizer sees a byte too far. */
                _cleanup_free_ char *copy = malloc(size + 1);
                int whole = size == sizeof(FieldHeader) + 4 ? 0 : -EPROTO;

                assert_non_null(copy);
                memcpy(copy, p.data, size);
                assert_int_equal(job_payload_check(copy, size), whole);
        }
}

/* A fixed sequence: the same bytes in every run. */
static uint32_t next_random(uint32_t *state) {
        *state = *state * 1664525u + 1013904223u;
        return *state >> 8;
}

static void test_request_garbage(void **state) {
        uint32_t random = 1;
        size_t n_accepted = 0;

        for (int i = 0; i < 20000; i++) {
                Payload p = {};

                add_text(&p, FIELD_CODE, "print(1)");
                add_text(&p, FIELD_ENVIRONMENT, "A=b");
                add_text(&p, FIELD_ARGUMENT, "x");
                for (uint32_t n = next_random(&random) % 4; n > 0; n--)
                        p.data[next_random(&random) % p.size] = (char) next_random(&random);
                n_accepted += check(&p) == 0;
        }
        assert_true(n_accepted > 1000 && n_accepted < 19000);
}

static void test_receive(void **state) {
        int fds[2];
        _cleanup_free_ char *payload = NULL;
        size_t size;

        assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
        assert_int_equal(frame_send(fds[0], FRAME_JOB, "abc", 3), 0);
        assert_int_equal(frame_receive(fds[1], FRAME_JOB, &payload, &size), 1);
        assert_int_equal(size, 3);
        assert_string_equal(payload, "abc");
        (void) close(fds[0]);
        assert_int_equal(frame_receive(fds[1], FRAME_JOB, &payload, &size), 0);
        (void) close(fds[1]);
}

static void test_receive_refusals(void **state) {
        static const FrameHeader rows[] = {
                { .size = JOB_PAYLOAD_MAX + 1, .type = FRAME_JOB },
                { .size = UINT32_MAX, .type = FRAME_JOB },
                { .size = 0, .type = FRAME_RESULT },
                { .size = 4, .type = FRAME_JOB }, /* and only three bytes follow */
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                char *payload = NULL;
                size_t size;
                int fds[2];

                assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
                assert_int_equal(io_write_full(fds[0], row, sizeof(*row)), 0);
                assert_int_equal(io_write_full(fds[0], "abc", 3), 0);
                (void) close(fds[0]);
                assert_int_equal(frame_receive(fds[1], FRAME_JOB, &payload, &size), -EPROTO);
                assert_null(payload);
                (void) close(fds[1]);
        }
}

static void test_send_exception(void **state) {
        static char long_text[2 * EXCEPTION_MESSAGE_MAX];
        ExceptionInfo info = {
                .type = { .data = "T", .size = 1 },
                .message = { .data = long_text, .size = sizeof(long_text) },
                .traceback = { .data = "", .size = 0 },
                .line = 7,
                .is_memory_error = true,
        };
        static char data[16384];
        const char *p = data + sizeof(FrameHeader);
        uint32_t types[8] = {};
        FrameHeader h;
        Field field;
        size_t left, n = 0;
        int fds[2];
        ssize_t size;

        /* "aää…": the limit falls into the middle of a character */
        for (size_t i = 1; i + 1 < sizeof(long_text); i += 2)
                memcpy(long_text + i, "ä", 2);
        long_text[0] = long_text[sizeof(long_text) - 1] = 'a';
        assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
        assert_int_equal(frame_send_exception(fds[0], &info), 0);
        (void) close(fds[0]);
        size = recv(fds[1], data, sizeof(data), MSG_WAITALL);
        assert_true(size > (ssize_t) sizeof(h));
        memcpy(&h, data, sizeof(h));
        assert_int_equal(h.type, FRAME_EXCEPTION);
        assert_int_equal(h.size, (size_t) size - sizeof(h));
        left = h.size;
        while (field_next(&p, &left, &field) > 0) {
                types[n++] = field.type;
                assert_true(utf8_is_valid(field.data, field.size) ||
                            field.type == FIELD_EXCEPTION_LINE);
                if (field.type == FIELD_EXCEPTION_MESSAGE)
                        assert_int_equal(field.size, EXCEPTION_MESSAGE_MAX - 1);
        }
        assert_int_equal(n, 5);
        for (uint32_t i = 0; i < 5; i++)
                assert_int_equal(types[i], FIELD_EXCEPTION_TYPE + i);
        (void) close(fds[1]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_request_programs),
                cmocka_unit_test(test_request_refusals),
                cmocka_unit_test(test_request_counts),
                cmocka_unit_test(test_request_without_program),
                cmocka_unit_test(test_request_cut_anywhere),
                cmocka_unit_test(test_request_garbage),
                cmocka_unit_test(test_receive),
                cmocka_unit_test(test_receive_refusals),
                cmocka_unit_test(test_send_exception),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

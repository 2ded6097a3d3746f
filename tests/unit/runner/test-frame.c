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
        char data[1024];
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

static int parse(const Payload *p, JobRequest *ret) {
        return job_request_parse(p->data, p->size, ret);
}

static void test_request(void **state) {
        int64_t seed = INT64_MIN;
        uint64_t max = 77;
        JobRequest request;
        Payload p = {};

        add_text(&p, FIELD_ARGUMENT, "a");
        add_text(&p, FIELD_CODE, "pass");
        add_text(&p, FIELD_ARGUMENT, "");
        add_text(&p, FIELD_ENVIRONMENT, "A=");
        add(&p, FIELD_SEED, &seed, sizeof(seed));
        add(&p, FIELD_RESULT_MAX, &max, sizeof(max));
        add_text(&p, FIELD_SOURCE_NAME, "x.py");
        assert_int_equal(parse(&p, &request), 0);
        assert_memory_equal(request.code.data, "pass", 4);
        assert_int_equal(request.code.size, 4);
        assert_int_equal(request.n_arguments, 2);
        assert_int_equal(request.n_environment, 1);
        assert_true(request.has_seed);
        assert_true(request.seed == INT64_MIN);
        assert_int_equal(request.result_max_bytes, 77);
        assert_memory_equal(request.source_name.data, "x.py", 4);
}

static void test_request_defaults(void **state) {
        JobRequest request;
        Payload p = {};

        add_text(&p, FIELD_CODE, "");
        assert_int_equal(parse(&p, &request), 0);
        assert_false(request.has_seed);
        assert_int_equal(request.result_max_bytes, 0);
        assert_int_equal(request.source_name.size, 5);
        assert_memory_equal(request.source_name.data, "<job>", 5);
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
                { FIELD_SOURCE_NAME + 1, "", 0 },
                { FIELD_EXCEPTION_TYPE, "X", 1 },
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
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                JobRequest request;
                Payload p = {};

                add_text(&p, FIELD_CODE, "pass");
                assert_int_equal(parse(&p, &request), 0);
                add(&p, row->type, row->data, row->size);
                assert_int_equal(parse(&p, &request), -EPROTO);
        }
}

static void test_request_without_code(void **state) {
        JobRequest request;
        Payload p = {};

        assert_int_equal(parse(&p, &request), -EPROTO);
        add_text(&p, FIELD_ARGUMENT, "a");
        assert_int_equal(parse(&p, &request), -EPROTO);
}

static void test_request_cut_anywhere(void **state) {
        JobRequest request;
        Payload p = {};

        add_text(&p, FIELD_CODE, "pass");
        add_text(&p, FIELD_ARGUMENT, "argument");
        for (size_t size = 0; size < p.size; size++) {
                /* A copy of that size, so that a sanitizer sees a byte too far. */
                _cleanup_free_ char *copy = malloc(size + 1);
                int whole = size == sizeof(FieldHeader) + 4 ? 0 : -EPROTO;

                assert_non_null(copy);
                memcpy(copy, p.data, size);
                assert_int_equal(job_request_parse(copy, size, &request), whole);
        }
}

/* A fixed sequence: the same bytes in every run. */
static uint32_t next_random(uint32_t *state) {
        *state = *state * 1664525u + 1013904223u;
        return *state >> 8;
}

static void check_inside(const Field *field, const char *data, size_t size) {
        assert_true(field->data >= data && field->size <= size &&
                    field->data + field->size <= data + size);
}

static void test_request_garbage(void **state) {
        uint32_t random = 1;
        size_t n_accepted = 0;

        for (int i = 0; i < 20000; i++) {
                JobRequest request;
                Payload p = {};

                add_text(&p, FIELD_CODE, "print(1)");
                add_text(&p, FIELD_ENVIRONMENT, "A=b");
                add_text(&p, FIELD_ARGUMENT, "x");
                for (uint32_t n = next_random(&random) % 4; n > 0; n--)
                        p.data[next_random(&random) % p.size] = (char) next_random(&random);
                if (parse(&p, &request) < 0)
                        continue;
                n_accepted++;
                check_inside(&request.code, p.data, p.size);
                check_inside(&request.payload, p.data, p.size);
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
                { .size = FRAME_PAYLOAD_MAX + 1, .type = FRAME_JOB },
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
                cmocka_unit_test(test_request_defaults),
                cmocka_unit_test(test_request_refusals),
                cmocka_unit_test(test_request_without_code),
                cmocka_unit_test(test_request_cut_anywhere),
                cmocka_unit_test(test_request_garbage),
                cmocka_unit_test(test_receive),
                cmocka_unit_test(test_receive_refusals),
                cmocka_unit_test(test_send_exception),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

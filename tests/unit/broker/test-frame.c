/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/frame.h"

#define RESULT_MAX 1000

static Buf make_exception(const char *type, const char *message, size_t message_size) {
        FrameBuilder b;
        uint32_t line = 12;
        Buf frame = BUF_INIT(0);

        frame_begin(&b, FRAME_EXCEPTION);
        frame_add_string(&b, FIELD_EXCEPTION_TYPE, type);
        frame_add(&b, FIELD_EXCEPTION_MESSAGE, message, message_size);
        frame_add_string(&b, FIELD_EXCEPTION_TRACEBACK, "Traceback");
        frame_add(&b, FIELD_EXCEPTION_LINE, &line, sizeof(line));
        assert_int_equal(frame_end(&b, &frame), 0);
        return frame;
}

static void add_result(Buf *bytes, const char *json, size_t size) {
        FrameHeader h = { .size = (uint32_t) size, .type = FRAME_RESULT };

        assert_int_equal(buf_append(bytes, &h, sizeof(h)), 0);
        assert_int_equal(buf_append(bytes, json, size), 0);
}

/* What the job sends arrives in pieces of any size. */
static void test_byte_by_byte(void **state) {
        Buf bytes = make_exception("ValueError", "no", 2), in = BUF_INIT(0);
        RunnerSaid said = {};

        add_result(&bytes, "{\"a\":1}", 7);
        for (size_t i = 0; i < buf_size(&bytes); i++) {
                assert_int_equal(buf_append(&in, buf_data(&bytes) + i, 1), 0);
                assert_int_equal(frame_read_all(&in, RESULT_MAX, &said), 0);
        }
        assert_int_equal(buf_size(&in), 0);
        assert_string_equal(said.exception->type, "ValueError");
        assert_string_equal(said.exception->message, "no");
        assert_string_equal(said.exception->traceback, "Traceback");
        assert_int_equal(said.exception->line, 12);
        assert_false(said.exception->is_memory_error);
        assert_string_equal(said.result, "{\"a\":1}");
        said_done(&said);
        buf_done(&bytes);
        buf_done(&in);
}

static void test_last_one_counts(void **state) {
        Buf in = BUF_INIT(0);
        RunnerSaid said = {};

        add_result(&in, "1", 1);
        add_result(&in, "22", 2);
        assert_int_equal(frame_read_all(&in, RESULT_MAX, &said), 0);
        assert_string_equal(said.result, "22");
        assert_int_equal(said.result_size, 2);
        said_done(&said);
        buf_done(&in);
}

static int read_bytes(const void *data, size_t size) {
        Buf in = BUF_INIT(0);
        RunnerSaid said = {};
        int r;

        assert_int_equal(buf_append(&in, data, size), 0);
        r = frame_read_all(&in, RESULT_MAX, &said);
        said_done(&said);
        buf_done(&in);
        return r;
}

/* Sizes are refused before a byte of the payload is there: nobody waits for 4 GiB. */
static void test_bad_headers(void **state) {
        static const FrameHeader bad[] = {
                { .size = RESULT_MAX + 1, .type = FRAME_RESULT },
                { .size = UINT32_MAX, .type = FRAME_RESULT },
                { .size = FRAME_PAYLOAD_MAX, .type = FRAME_EXCEPTION },
                { .size = 10, .type = FRAME_JOB },
                { .size = 0, .type = FRAME_JOB },
                { .size = 0, .type = 0 },
                { .size = 10, .type = 77 },
                { .size = 0, .type = FRAME_RESULT },
                { .size = 0, .type = FRAME_EXCEPTION },
        };

        FOREACH_ARRAY(h, bad, ELEMENTSOF(bad))
                assert_int_equal(read_bytes(h, sizeof(*h)), -EBADMSG);
}

/* A field that claims more bytes than its frame has reads nothing beyond it: the buffer ends right
 * behind, so that the sanitizers see it. */
static void test_field_beyond_frame(void **state) {
        char bytes[sizeof(FrameHeader) + sizeof(FieldHeader) + 1000];
        FrameHeader frame = { .size = sizeof(bytes) - sizeof(frame), .type = FRAME_EXCEPTION };
        FieldHeader field = { .size = 1200, .type = FIELD_EXCEPTION_MESSAGE };

        memset(bytes, 'x', sizeof(bytes));
        memcpy(bytes, &frame, sizeof(frame));
        memcpy(bytes + sizeof(frame), &field, sizeof(field));
        assert_int_equal(read_bytes(bytes, sizeof(bytes)), -EBADMSG);
}

/* A frame with one field, given as raw bytes. */
static int read_field(uint32_t type, uint32_t claimed, const void *data, uint32_t size) {
        FrameHeader frame = { .size = (uint32_t) sizeof(FieldHeader) + size,
                              .type = FRAME_EXCEPTION };
        FieldHeader field = { .size = claimed, .type = type };
        Buf bytes = BUF_INIT(0);
        int r;

        assert_int_equal(buf_append(&bytes, &frame, sizeof(frame)), 0);
        assert_int_equal(buf_append(&bytes, &field, sizeof(field)), 0);
        assert_int_equal(buf_append(&bytes, data, size), 0);
        r = read_bytes(buf_data(&bytes), buf_size(&bytes));
        buf_done(&bytes);
        return r;
}

static void test_bad_fields(void **state) {
        static const char zeros[EXCEPTION_TRACEBACK_MAX + 1];
        char letters[EXCEPTION_TRACEBACK_MAX + 1];

        memset(letters, 'x', sizeof(letters));
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, 1, "E", 1), 0);
        assert_int_equal(
                read_field(FIELD_EXCEPTION_TYPE, EXCEPTION_TYPE_MAX, letters, EXCEPTION_TYPE_MAX),
                0);
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, EXCEPTION_TYPE_MAX + 1, letters,
                                    EXCEPTION_TYPE_MAX + 1),
                         -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, 2, "E", 1), -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, UINT32_MAX, "E", 1), -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, 0, "E", 1), -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, 1, "\xff", 1), -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_TYPE, 3, zeros, 3), -EBADMSG);
        assert_int_equal(
                read_field(FIELD_EXCEPTION_TRACEBACK, sizeof(letters), letters, sizeof(letters)),
                -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_MEMORY, 1, "x", 1), -EBADMSG);
        assert_int_equal(read_field(FIELD_EXCEPTION_LINE, 3, "abc", 3), -EBADMSG);
        assert_int_equal(read_field(FIELD_CODE, 1, "x", 1), -EBADMSG);
        assert_int_equal(read_field(0, 1, "x", 1), -EBADMSG);
        /* No type at all. */
        assert_int_equal(read_field(FIELD_EXCEPTION_MESSAGE, 1, "x", 1), -EBADMSG);
}

static void test_memory_error(void **state) {
        RunnerSaid said = {};
        FrameBuilder b;
        Buf in;

        frame_begin(&b, FRAME_EXCEPTION);
        frame_add_string(&b, FIELD_EXCEPTION_TYPE, "MemoryError");
        frame_add(&b, FIELD_EXCEPTION_MEMORY, NULL, 0);
        assert_int_equal(frame_end(&b, &in), 0);
        assert_int_equal(frame_read_all(&in, RESULT_MAX, &said), 0);
        assert_true(said.exception->is_memory_error);
        said_done(&said);
        buf_done(&in);
}

static void test_bad_results(void **state) {
        Buf in = BUF_INIT(0);
        RunnerSaid said = {};

        add_result(&in, "1", 1);
        add_result(&in, "\xc3", 1);
        assert_int_equal(frame_read_all(&in, RESULT_MAX, &said), -EBADMSG);
        assert_string_equal(said.result, "1"); /* what was said before stays */
        said_done(&said);
        buf_done(&in);
}

/* Any bytes at all: no crash, no read beyond the end (under the sanitizers). */
static void test_garbage(void **state) {
        unsigned seed = 20240607;

        for (unsigned round = 0; round < 20000; round++) {
                unsigned char data[64];

                for (size_t i = 0; i < sizeof(data); i++) {
                        seed = seed * 1103515245u + 12345u;
                        data[i] = (unsigned char) (seed >> 16);
                        /* Small numbers reach deeper than random ones. */
                        if (i % 4 != 0 || (seed & 1))
                                data[i] &= i % 4 == 0 ? 63 : 0;
                }
                (void) read_bytes(data, 1 + seed % sizeof(data));
        }
}

static void test_job_frame(void **state) {
        int64_t seed = -1;
        FrameHeader h;
        FrameBuilder b;
        Buf frame;

        frame_begin(&b, FRAME_JOB);
        frame_add(&b, FIELD_SEED, &seed, sizeof(seed));
        frame_add_string(&b, FIELD_CODE, "pass");
        assert_int_equal(frame_end(&b, &frame), 0);
        memcpy(&h, buf_data(&frame), sizeof(h));
        assert_int_equal(h.type, FRAME_JOB);
        assert_int_equal(h.size, 2 * sizeof(FieldHeader) + sizeof(seed) + 4);
        assert_int_equal(buf_size(&frame), sizeof(h) + h.size);
        buf_done(&frame);
}

/* What an interpreter that is started again gets: the files are there already. */
static void test_copy_without_files(void **state) {
        FrameBuilder b;
        Buf frame, copy, expected;

        frame_begin(&b, FRAME_JOB);
        frame_add(&b, FIELD_SESSION, NULL, 0);
        frame_add_file(&b, "a.py", "x = 1", 5);
        frame_add_string(&b, FIELD_TOOL, "{}");
        frame_add_file(&b, "b", NULL, 0);
        assert_int_equal(frame_end(&b, &frame), 0);
        frame_begin(&b, FRAME_JOB);
        frame_add(&b, FIELD_SESSION, NULL, 0);
        frame_add_string(&b, FIELD_TOOL, "{}");
        assert_int_equal(frame_end(&b, &expected), 0);
        assert_int_equal(frame_copy_without_files(&frame, &copy), 0);
        assert_int_equal(buf_size(&copy), buf_size(&expected));
        assert_memory_equal(buf_data(&copy), buf_data(&expected), buf_size(&copy));
        buf_done(&frame);
        buf_done(&copy);
        buf_done(&expected);
}

static void test_job_frame_too_large(void **state) {
        char *data = calloc(1, JOB_PAYLOAD_MAX);
        FrameBuilder b;
        Buf frame;

        frame_begin(&b, FRAME_JOB);
        frame_add(&b, FIELD_CODE, data, JOB_PAYLOAD_MAX);
        frame_add_string(&b, FIELD_ARGUMENT, "x");
        assert_int_equal(frame_end(&b, &frame), -EMSGSIZE);
        free(data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_byte_by_byte),
                cmocka_unit_test(test_last_one_counts),
                cmocka_unit_test(test_bad_headers),
                cmocka_unit_test(test_bad_fields),
                cmocka_unit_test(test_field_beyond_frame),
                cmocka_unit_test(test_memory_error),
                cmocka_unit_test(test_bad_results),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_job_frame),
                cmocka_unit_test(test_copy_without_files),
                cmocka_unit_test(test_job_frame_too_large),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "broker/output.h"

static void write_text(OutputCapture *o, OutputStream stream, const char *text) {
        assert_int_equal(output_write(o, stream, text, strlen(text)), 0);
}

/* Both streams together, exactly; the rest is counted. */
static void test_cap(void **state) {
        OutputCapture o;

        output_init(&o, 10);
        write_text(&o, STREAM_STDOUT, "123456");
        write_text(&o, STREAM_STDERR, "abcd");
        assert_false(o.exceeded); /* at the limit is not above it */
        assert_int_equal(output_kept_bytes(&o), 10);
        write_text(&o, STREAM_STDOUT, "7");
        assert_true(o.exceeded);
        write_text(&o, STREAM_STDERR, "efghijkl");
        assert_int_equal(output_kept_bytes(&o), 10);
        assert_int_equal(o.streams[STREAM_STDOUT].total_bytes, 7);
        assert_int_equal(o.streams[STREAM_STDERR].total_bytes, 12);
        assert_memory_equal(buf_data(&o.streams[STREAM_STDERR].kept), "abcd", 4);
        output_done(&o);
}

static void test_cap_inside_write(void **state) {
        OutputCapture o;

        output_init(&o, 3);
        write_text(&o, STREAM_STDOUT, "12345");
        assert_true(o.exceeded);
        assert_int_equal(output_kept_bytes(&o), 3);
        assert_memory_equal(buf_data(&o.streams[STREAM_STDOUT].kept), "123", 3);
        output_done(&o);
        output_init(&o, 0);
        write_text(&o, STREAM_STDOUT, "");
        assert_false(o.exceeded);
        write_text(&o, STREAM_STDOUT, "1");
        assert_true(o.exceeded);
        output_done(&o);
}

/* However the bytes come, no piece begins or ends inside a character. */
static void test_utf8(void **state) {
        static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8dz";
        size_t size = sizeof(text) - 1;

        for (size_t first = 0; first <= size; first++)
                for (size_t second = first; second <= size; second++) {
                        const size_t ends[] = { first, second, size };
                        size_t from = 0, seen = 0, offset, n;
                        OutputCapture o;

                        output_init(&o, 100);
                        FOREACH_ARRAY(end, ends, ELEMENTSOF(ends)) {
                                assert_int_equal(
                                        output_write(&o, STREAM_STDOUT, text + from, *end - from),
                                        0);
                                from = *end;
                                n = output_cut(&o, STREAM_STDOUT, 1, false, &offset);
                                if (n == 0)
                                        continue;
                                assert_int_equal(offset, seen);
                                assert_true(utf8_is_valid(text + offset, n));
                                seen += n;
                        }
                        assert_int_equal(seen, size);
                        output_done(&o);
                }
}

/* The end of the stream brings out what never became a character. */
static void test_incomplete_end(void **state) {
        OutputCapture o;
        size_t offset = 0;

        output_init(&o, 100);
        write_text(&o, STREAM_STDERR, "a\xe2\x82");
        assert_int_equal(output_cut(&o, STREAM_STDERR, 1, false, &offset), 1);
        assert_int_equal(output_cut(&o, STREAM_STDERR, 1, false, &offset), 0);
        assert_int_equal(output_cut(&o, STREAM_STDERR, 1, true, &offset), 2);
        assert_int_equal(offset, 1);
        assert_int_equal(output_cut(&o, STREAM_STDERR, 1, true, &offset), 0);
        output_done(&o);
}

static void test_piece_sizes(void **state) {
        static char large[OUTPUT_PIECE_MAX + 5];
        OutputCapture o;
        size_t offset = 0;

        memset(large, 'x', sizeof(large));
        output_init(&o, 10 * sizeof(large));
        write_text(&o, STREAM_STDOUT, "abc");
        assert_int_equal(output_cut(&o, STREAM_STDOUT, 4, false, &offset), 0);
        assert_int_equal(output_cut(&o, STREAM_STDOUT, 3, false, &offset), 3);
        assert_int_equal(output_write(&o, STREAM_STDOUT, large, sizeof(large)), 0);
        assert_int_equal(output_cut(&o, STREAM_STDOUT, 1, false, &offset), OUTPUT_PIECE_MAX);
        assert_int_equal(offset, 3);
        assert_int_equal(output_cut(&o, STREAM_STDOUT, 6, false, &offset), 0);
        assert_int_equal(output_cut(&o, STREAM_STDOUT, 6, true, &offset), 5);
        output_done(&o);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cap),         cmocka_unit_test(test_cap_inside_write),
                cmocka_unit_test(test_utf8),        cmocka_unit_test(test_incomplete_end),
                cmocka_unit_test(test_piece_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <stdlib.h>

#include "client/text.h"

static void expect_printed(const char *text, const char *expected) {
        char *got = NULL;
        size_t size;
        FILE *out = open_memstream(&got, &size);

        assert_non_null(out);
        text_print(out, text);
        fclose(out);
        assert_string_equal(got, expected);
        free(got);
}

/* What could move the cursor, retitle the window or fake a line is shown, not obeyed. */
static void test_escape(void **state) {
        expect_printed("plain ä ✓ text", "plain ä ✓ text");
        expect_printed("\x1b[2J", "\\x1b[2J");
        expect_printed("a\nb\rc\td", "a\\nb\\x0dc\\td");
        expect_printed("\x7f", "\\x7f");
        expect_printed("\xc2\x9b"
                       "31m",
                       "\\u009b31m");
        expect_printed("\xc2\xa0", "\xc2\xa0");
        expect_printed("\xc2", "\xc2"); /* cut: nothing is read beyond the end */
        expect_printed("", "");
        expect_printed(NULL, "");
}

static void test_units(void **state) {
        char buf[TEXT_NUMBER_MAX];

        assert_string_equal(text_bytes(0, buf), "0 bytes");
        assert_string_equal(text_bytes(1023, buf), "1023 bytes");
        assert_string_equal(text_bytes(50 * MIB, buf), "50 MiB");
        assert_string_equal(text_bytes(MIB * 3 / 2, buf), "1.5 MiB");
        assert_string_equal(text_bytes(UINT64_MAX, buf), "17179869183.9 GiB");
        assert_string_equal(text_usec(999, buf), "999 us");
        assert_string_equal(text_usec(12345, buf), "12.3 ms");
        assert_string_equal(text_usec(5 * USEC_PER_SEC, buf), "5 s");
        assert_string_equal(text_figure("wallTimeUSec", 1500, buf), "1.5 ms");
        assert_string_equal(text_figure("limits.memoryBytes", 2048, buf), "2 KiB");
        assert_string_equal(text_figure("cpuPercent", 50, buf), "50 %");
        assert_string_equal(text_figure("processes", -1, buf), "-1");
        assert_string_equal(text_figure("USec", -1, buf), "-1");
}

static void test_table(void **state) {
        static const char *const cells[] = { "A", "LONG", "x\n", NULL };
        char *got = NULL;
        size_t size;
        FILE *out = open_memstream(&got, &size);

        assert_non_null(out);
        text_table(out, cells, 2, 2);
        fclose(out);
        assert_string_equal(got, "A    LONG\nx\\n  -\n");
        free(got);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_units),
                cmocka_unit_test(test_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

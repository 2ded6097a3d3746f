/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"

static void test_valid(void **state) {
        static const char *const valid[] = {
                "",
                "abc",
                "\x7f",
                "\xc2\x80",
                "\xdf\xbf",
                "\xe0\xa0\x80",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xef\xbf\xbf",
                "\xf0\x90\x80\x80",
                "\xf4\x8f\xbf\xbf",
                "a\xc3\xa9z",
        };

        FOREACH_ARRAY(v, valid, ELEMENTSOF(valid))
                assert_true(utf8_is_valid(*v, strlen(*v)));
}

static void test_invalid(void **state) {
        static const char *const invalid[] = {
                "\x80",
                "\xbf",
                "\xc0\x80",
                "\xc1\xbf",
                "\xc2",
                "\xc2 ",
                "\xe0\x80\x80",
                "\xe0\x9f\xbf",
                "\xe2\x82",
                "\xed\xa0\x80",
                "\xed\xbf\xbf",
                "\xf0\x80\x80\x80",
                "\xf0\x8f\xbf\xbf",
                "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80",
                "\xf0\x9f\x98",
                "\xfe",
                "\xff",
                "a\xc3\xa9\xc3",
                "\xc3\xa9\x80",
        };

        FOREACH_ARRAY(v, invalid, ELEMENTSOF(invalid))
                assert_false(utf8_is_valid(*v, strlen(*v)));
        assert_false(utf8_is_valid("a\0b", 3));
        assert_false(utf8_is_valid("", 1));
}

static void test_tail(void **state) {
        static const struct {
                const char *text;
                size_t tail;
        } cases[] = {
                { "", 0 },
                { "a", 0 },
                { "a\xc3\xa9", 0 },
                { "a\xc3", 1 },
                { "a\xe2\x82", 2 },
                { "a\xe2", 1 },
                { "\xf0\x9f\x98", 3 },
                { "a\xf0\x9f", 2 },
                { "\xf0\x9f\x98\x80", 0 },
                /* No character can start so: waiting for the rest would be for ever. */
                { "a\x80", 0 },
                { "a\xff", 0 },
                { "\x80\x80\x80\x80", 0 },
                { "\xc3\xa9\x80", 0 },
        };

        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases))
                if (utf8_incomplete_tail(c->text, strlen(c->text)) != c->tail)
                        fail_msg("%zu bytes at the end of case %zu",
                                 utf8_incomplete_tail(c->text, strlen(c->text)),
                                 (size_t) (c - cases));
}

/* However a valid text is cut, the parts without their tails are valid. */
static void test_every_cut(void **state) {
        static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";

        for (size_t n = 0; n < sizeof(text); n++) {
                size_t tail = utf8_incomplete_tail(text, n);

                assert_true(tail <= 3 && tail <= n);
                assert_true(utf8_is_valid(text, n - tail));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_valid),
                cmocka_unit_test(test_invalid),
                cmocka_unit_test(test_tail),
                cmocka_unit_test(test_every_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

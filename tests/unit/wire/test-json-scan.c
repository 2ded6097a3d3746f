/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "wire/json-scan.h"

static int scan(const char *text) {
        return json_scan(text, strlen(text));
}

/* n times before, then middle, then n times after. */
static char *nest(size_t n, char before, const char *middle, char after) {
        char *text = malloc(2 * n + strlen(middle) + 1);

        assert_non_null(text);
        memset(text, before, n);
        memcpy(text + n, middle, strlen(middle));
        memset(text + n + strlen(middle), after, n);
        text[2 * n + strlen(middle)] = '\0';
        return text;
}

static void test_depth(void **state) {
        _cleanup_free_ char *just = nest(WIRE_JSON_DEPTH_MAX, '[', "1", ']');
        _cleanup_free_ char *more = nest(WIRE_JSON_DEPTH_MAX + 1, '[', "", ']');
        _cleanup_free_ char *much = nest(100000, '[', "", ']');

        assert_int_equal(scan(just), 0);
        assert_int_equal(scan(more), -E2BIG);
        assert_int_equal(scan(much), -E2BIG);
        assert_int_equal(
                scan("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
                     "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}}}}}}}"),
                -E2BIG);
}

static void test_depth_does_not_wrap(void **state) {
        _cleanup_free_ char *text = nest(WIRE_JSON_DEPTH_MAX + 1, ']', "", '[');

        /* Too many closing brackets must not buy more opening ones. */
        assert_int_equal(scan(text), -E2BIG);
}

static void test_brackets_in_strings(void **state) {
        assert_int_equal(scan("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]"), 0);
        assert_int_equal(scan("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]"), 0);
        /* The string ends at its second quote: the backslash is escaped itself. */
        assert_int_equal(scan("[\"\\\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), -E2BIG);
        /* Ends within a string or within an escape. */
        assert_int_equal(scan("[\"abc"), 0);
        assert_int_equal(scan("[\"abc\\"), 0);
}

/* n values in an array of the given element, which has a comma at its end. */
static char *repeat(const char *element, size_t n) {
        size_t size = strlen(element);
        char *text = malloc(n * size + 2);

        assert_non_null(text);
        text[0] = '[';
        for (size_t i = 0; i < n; i++)
                memcpy(text + 1 + i * size, element, size);
        text[1 + n * size] = '\0';
        return text;
}

static void test_values(void **state) {
        static const char *const elements[] = {
                "1,", "{},", "[],", "\"\",", "null,", "x ", "\"\""
        };

        FOREACH_ARRAY(e, elements, ELEMENTSOF(elements)) {
                /* The array itself is a value too. */
                _cleanup_free_ char *just = repeat(*e, WIRE_JSON_VALUES_MAX - 1);
                _cleanup_free_ char *more = repeat(*e, WIRE_JSON_VALUES_MAX);

                assert_int_equal(scan(just), 0);
                assert_int_equal(scan(more), -E2BIG);
        }
}

static void test_size_counts(void **state) {
        assert_int_equal(json_scan("[[[[[[[[[[[[[[[[[[[[", 16), 0);
        assert_int_equal(json_scan("[[[[[[[[[[[[[[[[[[[[", 17), -E2BIG);
        assert_int_equal(json_scan("", 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_depth_does_not_wrap),
                cmocka_unit_test(test_brackets_in_strings),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_size_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

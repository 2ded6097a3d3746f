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
#include "wire/build.h"

static void check(json_t *object, const char *expected) {
        _cleanup_free_ char *text = NULL;

        assert_non_null(object);
        text = json_dumps(object, JSON_COMPACT);
        assert_string_equal(text, expected);
        json_decref(object);
}

static void test_fields(void **state) {
        static const char *const strings[] = { "x", "y", NULL };
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "s", "t");
        json_build_string(&b, "absent", NULL);
        json_build_string_n(&b, "n", "longer", 4);
        json_build_bool(&b, "b", false);
        json_build_int(&b, "i", INT64_MIN);
        json_build_uint(&b, "u", UINT64_MAX);
        json_build_value(&b, "v", json_null());
        json_build_optional(&b, "absent", NULL);
        json_build_strings(&b, "one", strings, 1);
        json_build_strv(&b, "two", strings);
        json_build_strv(&b, "none", NULL);
        check(json_build_take(&b),
              "{\"s\":\"t\",\"n\":\"long\",\"b\":false,\"i\":-9223372036854775808,"
              "\"u\":9223372036854775807,\"v\":null,\"one\":[\"x\"],\"two\":[\"x\",\"y\"],"
              "\"none\":[]}");
        assert_null(b.object);
}

static void test_failure_sticks(void **state) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "bad", "\xff");
        json_build_int(&b, "i", 1);
        json_build_bytes(&b, "x", 1, 3);
        json_build_value(&b, "v", json_object());
        assert_null(json_build_take(&b));

        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_value(&b, "v", NULL);
        assert_null(json_build_take(&b));
}

static void check_bytes(const char *data, size_t size, const char *expected) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_bytes(&b, data, size, 3);
        check(json_build_take(&b), expected);
}

static void test_bytes(void **state) {
        check_bytes("", 0, "{\"text\":\"\"}");
        check_bytes(NULL, 0, "{\"text\":\"\"}");
        check_bytes("42\n", 3, "{\"text\":\"42\\n\"}");
        check_bytes("\xc3\xa9", 2, "{\"text\":\"\xc3\xa9\"}");
        check_bytes("\xc3", 1, "{\"data\":\"ww==\"}");
        check_bytes("a\0b", 3, "{\"data\":\"YQBi\"}");
        /* Escapes: 6 + 6 + 1 bytes for 3 are too many, 6 + 1 + 1 + 1 for 4 are not. */
        check_bytes("\1\1a", 3, "{\"data\":\"AQFh\"}");
        check_bytes("\1aaa", 4, "{\"text\":\"\\u0001aaa\"}");
        check_bytes("\"\"\"", 3, "{\"text\":\"\\\"\\\"\\\"\"}");
}

static int get(const char *text, char **ret_data, size_t *ret_size) {
        json_t *object = json_loads(text, 0, NULL);
        int r;

        assert_non_null(object);
        r = json_get_bytes(object, "text", "data", ret_data, ret_size);
        json_decref(object);
        return r;
}

static void test_get_bytes(void **state) {
        static const struct {
                const char *json, *data;
                int r;
        } cases[] = {
                { "{}", "", 0 },
                { "{\"text\":null,\"data\":null}", "", 0 },
                { "{\"text\":\"abc\"}", "abc", 0 },
                { "{\"text\":null,\"data\":\"YWJj\"}", "abc", 0 },
                { "{\"text\":\"\",\"data\":null}", "", 0 },
                { "{\"text\":\"\",\"data\":\"\"}", NULL, -EINVAL },
                { "{\"data\":\"YWJ\"}", NULL, -EINVAL },
                { "{\"data\":1}", NULL, -EINVAL },
                { "{\"text\":[]}", NULL, -EINVAL },
        };

        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                _cleanup_free_ char *data = NULL;
                size_t size = 99;

                if (get(c->json, &data, &size) != c->r)
                        fail_msg("wrong answer for %s", c->json);
                if (c->r < 0) {
                        assert_null(data);
                        continue;
                }
                assert_int_equal(size, strlen(c->data));
                assert_string_equal(data, c->data);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_failure_sticks),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_get_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

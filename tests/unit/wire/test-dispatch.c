/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "wire/dispatch.h"
#include "wire/message.h"

typedef struct Inner {
        OptionalUint bytes;
        OptionalInt number;
} Inner;

typedef struct Outer {
        const char *name;
        bool flag;
        int color;
        OptionalUint colors;
        Inner inner;
        json_t *strings, *map;
} Outer;

static const char *const colors[] = { "red", "green", "blue", NULL };

static const JsonField inner_fields[] = {
        { "bytes", json_dispatch_uint, offsetof(Inner, bytes) },
        { "number", json_dispatch_int, offsetof(Inner, number) },
        {},
};

static const JsonField outer_fields[] = {
        { "name", json_dispatch_string, offsetof(Outer, name), JSON_REQUIRED },
        { "flag", json_dispatch_bool, offsetof(Outer, flag) },
        { "color", json_dispatch_enum, offsetof(Outer, color), .data = colors },
        { "colors", json_dispatch_enum_set, offsetof(Outer, colors), .data = colors },
        { "inner", json_dispatch_object, offsetof(Outer, inner), .data = inner_fields },
        { "strings", json_dispatch_strings, offsetof(Outer, strings), .max = 3 },
        { "map", json_dispatch_string_map, offsetof(Outer, map), .max = 2 },
        {},
};

static json_t *parse(const char *text) {
        json_t *value = NULL;

        if (wire_json_parse(text, strlen(text), &value) < 0)
                fail_msg("no JSON: %s", text);
        return value;
}

static void test_everything(void **state) {
        json_t *json = parse("{\"name\":\"n\",\"flag\":true,\"color\":\"blue\","
                             "\"colors\":[\"red\",\"blue\",\"red\"],"
                             "\"inner\":{\"bytes\":9223372036854775807,\"number\":-5},"
                             "\"strings\":[\"a\",\"b\"],\"map\":{\"k\":\"v\"}}");
        char path[JSON_PATH_MAX];
        Outer o = {};

        assert_int_equal(json_dispatch(json, outer_fields, &o, path), 0);
        assert_string_equal(o.name, "n");
        assert_true(o.flag);
        assert_int_equal(o.color, 2);
        assert_true(o.colors.is_set);
        assert_int_equal(o.colors.value, 5);
        assert_true(o.inner.bytes.is_set);
        assert_true(o.inner.bytes.value == INT64_MAX);
        assert_true(o.inner.number.is_set);
        assert_int_equal(o.inner.number.value, -5);
        assert_int_equal(json_strings_size(o.strings), 2);
        assert_string_equal(json_strings_get(o.strings, 1), "b");
        assert_int_equal(json_object_size(o.map), 1);
        json_decref(json);
}

static void test_null_is_absent(void **state) {
        json_t *json = parse("{\"name\":\"\",\"flag\":null,\"color\":null,\"colors\":null,"
                             "\"inner\":null,\"strings\":null,\"map\":null,\"later\":null}");
        char path[JSON_PATH_MAX];
        Outer o = { .color = -1 };

        assert_int_equal(json_dispatch(json, outer_fields, &o, path), 0);
        assert_string_equal(o.name, "");
        assert_int_equal(o.color, -1);
        assert_false(o.colors.is_set);
        assert_false(o.inner.bytes.is_set);
        assert_null(o.strings);
        assert_int_equal(json_strings_size(o.strings), 0);
        json_decref(json);
}

/* What is refused, and the parameter that the error names. */
static const struct {
        const char *json, *path;
} refused[] = {
        { "{}", "name" },
        { "{\"name\":null}", "name" },
        { "{\"name\":1}", "name" },
        { "{\"name\":\"\",\"nmae\":\"\"}", "nmae" },
        { "{\"name\":\"\",\"\":1}", "" },
        { "{\"name\":\"\",\"flag\":1}", "flag" },
        { "{\"name\":\"\",\"flag\":\"true\"}", "flag" },
        { "{\"name\":\"\",\"color\":\"Red\"}", "color" },
        { "{\"name\":\"\",\"color\":0}", "color" },
        { "{\"name\":\"\",\"colors\":[\"red\",\"pink\"]}", "colors[1]" },
        { "{\"name\":\"\",\"colors\":[null]}", "colors[0]" },
        { "{\"name\":\"\",\"colors\":\"red\"}", "colors" },
        { "{\"name\":\"\",\"inner\":[]}", "inner" },
        { "{\"name\":\"\",\"inner\":{\"bytes\":-1}}", "inner.bytes" },
        { "{\"name\":\"\",\"inner\":{\"bytes\":1.0}}", "inner.bytes" },
        { "{\"name\":\"\",\"inner\":{\"bytes\":1e3}}", "inner.bytes" },
        { "{\"name\":\"\",\"inner\":{\"bytes\":true}}", "inner.bytes" },
        { "{\"name\":\"\",\"inner\":{\"number\":\"1\"}}", "inner.number" },
        { "{\"name\":\"\",\"inner\":{\"number\":false}}", "inner.number" },
        { "{\"name\":\"\",\"inner\":{\"byte\":1}}", "inner.byte" },
        { "{\"name\":\"\",\"strings\":[\"a\",2]}", "strings[1]" },
        { "{\"name\":\"\",\"strings\":[\"a\",null]}", "strings[1]" },
        { "{\"name\":\"\",\"strings\":[\"\",\"\",\"\",\"\"]}", "strings" },
        { "{\"name\":\"\",\"strings\":{}}", "strings" },
        { "{\"name\":\"\",\"map\":{\"a\":1}}", "map.a" },
        { "{\"name\":\"\",\"map\":{\"a\":null}}", "map.a" },
        { "{\"name\":\"\",\"map\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}", "map" },
        { "{\"name\":\"\",\"map\":[]}", "map" },
};

static void test_refused(void **state) {
        FOREACH_ARRAY(t, refused, ELEMENTSOF(refused)) {
                json_t *json = parse(t->json);
                char path[JSON_PATH_MAX] = "not set";
                Outer o = {};

                if (json_dispatch(json, outer_fields, &o, path) != -EINVAL)
                        fail_msg("accepted: %s", t->json);
                assert_string_equal(path, t->path);
                json_decref(json);
        }
}

/* A key of two-byte characters that the end of the path cuts in half: it must stay UTF-8, or the
 * error could not be sent. */
static void check_long_key(const char *prefix, const char *suffix) {
        char text[1024], path[JSON_PATH_MAX];
        json_t *json, *error;
        Outer o = {};
        size_t n;

        n = (size_t) snprintf(text, sizeof(text), "{\"name\":\"\",%s", prefix);
        for (; n < 600; n += 2)
                memcpy(text + n, "\xc3\xa9", 2);
        memcpy(text + n, suffix, strlen(suffix) + 1);
        json = parse(text);
        assert_int_equal(json_dispatch(json, outer_fields, &o, path), -EINVAL);
        assert_true(strlen(path) < JSON_PATH_MAX);
        assert_true(strlen(path) > JSON_PATH_MAX - 4);
        error = varlink_error_invalid_parameter(path);
        assert_non_null(error);
        json_decref(error);
        json_decref(json);
}

static void test_long_key(void **state) {
        check_long_key("\"", "\":1}");
        check_long_key("\"x", "\":1}");
        check_long_key("\"map\":{\"", "\":1}}");
        check_long_key("\"map\":{\"x", "\":1}}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_null_is_absent),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_long_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/buf.h"
#include "basic/macro.h"
#include "wire/json-write.h"

static const char *const texts[] = {
        "null",
        "true",
        "[]",
        "{}",
        "[null,true,false,0,-1,9223372036854775807,-9223372036854775808]",
        "[0.0,-0.0,1.5,1e300,-1e-300,0.1,1234567890123456789.0]",
        "[[],[[]],{},{\"\":{}},[{}]]",
        "{\"z\":1,\"a\":{\"z\":[1,2],\"a\":\"\"},\"m\":\"text\"}",
        "\"\"",
        "\"plain\"",
        "\"\\\"quoted\\\\ \\/ \\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"",
        "\"\\\"\"",
        "\"\\n\\n\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \\u00e9\\ud83d\\ude00\"",
        "{\"a key \\\"with\\n\\u0002 and \xc3\xa9\":1}",
        "[\"a\\u0000b\",\"\\u0000\"]",
};

static void check(const json_t *value) {
        char *expected = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        Buf buf = {};

        assert_non_null(expected);
        assert_int_equal(json_write(&buf, value), 0);
        assert_int_equal(buf_size(&buf), strlen(expected));
        assert_memory_equal(buf_data(&buf), expected, strlen(expected));
        free(expected);
        buf_done(&buf);
}

/* What jansson would have written. */
static void test_as_jansson(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                json_t *value = json_loads(texts[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

                assert_non_null(value);
                check(value);
                json_decref(value);
        }
}

/* Each character at the begin, in the middle, at the end and alone. */
static void test_each_character(void **state) {
        for (int c = 0; c < 0x80; c++) {
                const char s[] = { (char) c, 'a', (char) c, (char) c, 'b', (char) c };
                json_t *string = json_stringn(s, sizeof(s)), *alone = json_stringn(s, 1);

                check(string);
                check(alone);
                json_decref(string);
                json_decref(alone);
        }
}

static void test_bound(void **state) {
        json_t *value = json_pack("{s:[s, i]}", "key", "value", 1);
        char *expected = json_dumps(value, JSON_COMPACT);

        for (size_t max = 1; max < strlen(expected); max++) {
                Buf buf = BUF_INIT(max);

                assert_int_equal(json_write(&buf, value), -ENOBUFS);
                buf_done(&buf);
        }
        free(expected);
        json_decref(value);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_jansson),
                cmocka_unit_test(test_each_character),
                cmocka_unit_test(test_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

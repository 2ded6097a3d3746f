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
#include "wire/base64.h"

/* RFC 4648 section 10, and bytes that are no text. */
static const struct {
        const char *data;
        size_t size;
        const char *text;
} pairs[] = {
        { "", 0, "" },
        { "f", 1, "Zg==" },
        { "fo", 2, "Zm8=" },
        { "foo", 3, "Zm9v" },
        { "foob", 4, "Zm9vYg==" },
        { "fooba", 5, "Zm9vYmE=" },
        { "foobar", 6, "Zm9vYmFy" },
        { "\0\xff\xfe", 3, "AP/+" },
};

static void test_both_ways(void **state) {
        FOREACH_ARRAY(p, pairs, ELEMENTSOF(pairs)) {
                _cleanup_free_ char *text = base64_encode(p->data, p->size), *data = NULL;
                size_t size;

                assert_string_equal(text, p->text);
                assert_int_equal(base64_decode(text, strlen(text), &data, &size), 0);
                assert_int_equal(size, p->size);
                assert_memory_equal(data, p->data, size);
                assert_int_equal(data[size], '\0');
        }
}

static void test_all_bytes(void **state) {
        unsigned char all[256];
        _cleanup_free_ char *text = NULL, *data = NULL;
        size_t size;

        for (size_t i = 0; i < sizeof(all); i++)
                all[i] = (unsigned char) i;
        text = base64_encode(all, sizeof(all));
        assert_int_equal(strlen(text), 344);
        assert_int_equal(base64_decode(text, 344, &data, &size), 0);
        assert_int_equal(size, sizeof(all));
        assert_memory_equal(data, all, size);
}

static void test_refused(void **state) {
        static const char *const bad[] = {
                "Z",        "Zg",    "Zg=",    "Zg=a",         "====", "=g==", "Zh==", "Zm9=",
                "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm9v\n\n\n\n", "Zm9-", "Zm9_", "Z===", "\xc3\xa9==",
        };

        FOREACH_ARRAY(b, bad, ELEMENTSOF(bad)) {
                char *data = NULL;
                size_t size;

                if (base64_decode(*b, strlen(*b), &data, &size) != -EINVAL)
                        fail_msg("accepted: %s", *b);
                assert_null(data);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_ways),
                cmocka_unit_test(test_all_bytes),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

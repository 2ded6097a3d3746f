/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "wire/json-reserve.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* What is called from here and from what is linked statically: jansson's by its allocators. */
static size_t n_allocations, fails_from = SIZE_MAX;

void *__wrap_malloc(size_t size) {
        return n_allocations++ >= fails_from ? NULL : __real_malloc(size);
}

static int load(const char *text, size_t size, size_t from) {
        json_t *value = NULL;
        int r;

        n_allocations = 0;
        fails_from = from;
        r = json_reserve_load(text, size, JSON_REJECT_DUPLICATES, &value);
        fails_from = SIZE_MAX;
        assert_true(r == 0 ? value != NULL : value == NULL);
        json_decref(value);
        return r;
}

/* R-R4: whichever allocation is the first one to fail, nothing is written where nothing is. */
static void sweep(const char *text, size_t size) {
        size_t n;

        assert_int_equal(load(text, size, SIZE_MAX), 0);
        n = n_allocations;
        assert_true(n > 0);
        for (size_t from = 0; from < n; from++)
                assert_int_equal(load(text, size, from), -ENOMEM);
        assert_int_equal(load(text, size, n), 0);
}

static void test_structure(void **state) {
        static const char text[] =
                "{\"method\":\"io.pysb.sandbox.Run\",\"parameters\":{\"request\":"
                "{\"code\":\"print(1)\\n\\u00e4\",\"x\":[1,2.5,true,null,{}],"
                "\"y\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6}}}}";

        sweep(text, strlen(text));
}

/* Longer than what the lexer reads at once, so that its buffer grows in the middle. */
static void test_long_string(void **state) {
        static char text[1 << 20];

        memset(text, '#', sizeof(text));
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + sizeof(text) - 2, "\"}", 2);
        sweep(text, sizeof(text));
}

static void test_no_json(void **state) {
        assert_int_equal(load("{\"a\":", 5, SIZE_MAX), -EBADMSG);
        assert_int_equal(load("{} {}", 5, SIZE_MAX), -EBADMSG);
        assert_int_equal(load("", 0, SIZE_MAX), -EBADMSG);
}

static int setup(void **state) {
        return json_reserve_setup();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_structure),
                cmocka_unit_test(test_long_string),
                cmocka_unit_test(test_no_json),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}

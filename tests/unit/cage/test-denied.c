/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cage/internal.h"

static void test_counts(void **state) {
        DeniedCalls denied = {};

        cage_count_denied(&denied, 41);
        cage_count_denied(&denied, 165);
        cage_count_denied(&denied, 41);
        assert_int_equal(denied.n, 2);
        assert_int_equal(denied.calls[0].number, 41);
        assert_int_equal(denied.calls[0].count, 2);
        assert_int_equal(denied.calls[1].number, 165);
        assert_int_equal(denied.calls[1].count, 1);
}

/* A job that tries everything fills the table and nothing else. */
static void test_bounded(void **state) {
        DeniedCalls denied = {};

        for (uint32_t number = 0; number < 10 * DENIED_CALLS_MAX; number++)
                cage_count_denied(&denied, number);
        assert_int_equal(denied.n, DENIED_CALLS_MAX);
        assert_int_equal(denied.calls[DENIED_CALLS_MAX - 1].number, DENIED_CALLS_MAX - 1);
        denied.calls[0].count = UINT32_MAX;
        cage_count_denied(&denied, 0);
        assert_int_equal(denied.calls[0].count, UINT32_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_counts),
                cmocka_unit_test(test_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

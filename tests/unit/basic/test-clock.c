/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include "basic/clock.h"
#include "basic/macro.h"

static void test_monotonic(void **state) {
        uint64_t last = clock_monotonic_usec();

        assert_true(last > 0);
        for (size_t i = 0; i < 1000; i++) {
                uint64_t now = clock_monotonic_usec();

                assert_true(now >= last);
                last = now;
        }
}

static void test_realtime(void **state) {
        uint64_t now = clock_realtime_usec();

        /* Microseconds: after 2020 and before 2200. */
        assert_true(now > 1577836800 * USEC_PER_SEC);
        assert_true(now < 7258118400 * USEC_PER_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_monotonic),
                cmocka_unit_test(test_realtime),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

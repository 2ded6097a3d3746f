/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for tools does not count, but a broker that lies gains no more than the limit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "builder/wall-clock.h"

static WallClock start(void) {
        Limits limits = {};

        limits.value[LIMIT_WALL_TIME] = 1000;
        limits.value[LIMIT_TOOL_WAIT] = 5000;
        return wall_clock_start(&limits, 10000);
}

static void test_no_tools(void **state) {
        WallClock c = start();

        assert_int_equal(wall_clock_deadline(&c), 11000);
        assert_int_equal(wall_clock_elapsed(&c, 10400), 400);
        assert_int_equal(wall_clock_elapsed(&c, 9000), 0);
}

static void test_waiting(void **state) {
        WallClock c = start();

        wall_clock_tell(&c, 0, true, 10100);
        assert_int_equal(wall_clock_deadline(&c), 16000);
        assert_int_equal(wall_clock_elapsed(&c, 12100), 100);
        wall_clock_tell(&c, 2000, false, 12100);
        assert_int_equal(wall_clock_deadline(&c), 13000);
        assert_int_equal(wall_clock_elapsed(&c, 12500), 500);
        /* Again, and now it ends while it waits. */
        wall_clock_tell(&c, 2000, true, 12500);
        assert_int_equal(wall_clock_deadline(&c), 16000);
        assert_int_equal(wall_clock_elapsed(&c, 13000), 500);
}

static void test_bounds(void **state) {
        WallClock c = start();

        /* More than has passed at all. */
        wall_clock_tell(&c, 4000, false, 10100);
        assert_int_equal(wall_clock_deadline(&c), 11100);
        assert_int_equal(wall_clock_elapsed(&c, 10100), 0);
        /* Waiting that was told does not become less. */
        wall_clock_tell(&c, 0, false, 10200);
        assert_int_equal(wall_clock_deadline(&c), 11100);
        /* More than the limit. */
        wall_clock_tell(&c, UINT64_MAX, false, 100000);
        assert_int_equal(wall_clock_deadline(&c), 16000);
        assert_int_equal(wall_clock_elapsed(&c, 100000), 85000);
        wall_clock_tell(&c, UINT64_MAX, true, 100000);
        assert_int_equal(wall_clock_deadline(&c), 16000);
        assert_int_equal(wall_clock_elapsed(&c, UINT64_MAX), UINT64_MAX - 15000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_tools),
                cmocka_unit_test(test_waiting),
                cmocka_unit_test(test_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "builder/slots.h"

/* Two boxes that run at once never share an id, and there are no more than there are ids. */
static void test_distinct(void **state) {
        _cleanup_(slots_freep) Slots *slots = NULL;
        uint32_t a, b, c, none;

        assert_int_equal(slots_new(3, &slots), 0);
        assert_int_equal(slots_take(slots, &a), 0);
        assert_int_equal(slots_take(slots, &b), 0);
        assert_int_equal(slots_take(slots, &c), 0);
        assert_true(a != b && b != c && a != c);
        assert_true(a < 3 && b < 3 && c < 3);
        assert_int_equal(slots_take(slots, &none), -EAGAIN);
        assert_int_equal(slots_n_free(slots), 0);
}

/* An id comes back only after every other free one was used (R-PR3: oldest first). */
static void test_oldest_first(void **state) {
        _cleanup_(slots_freep) Slots *slots = NULL;
        uint32_t slot;

        assert_int_equal(slots_new(4, &slots), 0);
        for (uint32_t round = 0; round < 13; round++) {
                assert_int_equal(slots_take(slots, &slot), 0);
                assert_int_equal(slot, round % 4);
                slots_release(slots, slot);
        }
}

static void test_release_order(void **state) {
        _cleanup_(slots_freep) Slots *slots = NULL;
        uint32_t taken[3], slot;

        assert_int_equal(slots_new(3, &slots), 0);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(slots_take(slots, &taken[i]), 0);
        slots_release(slots, taken[1]);
        slots_release(slots, taken[2]);
        slots_release(slots, taken[0]);
        assert_int_equal(slots_take(slots, &slot), 0);
        assert_int_equal(slot, taken[1]);
        assert_int_equal(slots_take(slots, &slot), 0);
        assert_int_equal(slot, taken[2]);
        assert_int_equal(slots_n_free(slots), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_distinct),
                cmocka_unit_test(test_oldest_first),
                cmocka_unit_test(test_release_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

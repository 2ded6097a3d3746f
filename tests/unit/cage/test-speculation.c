/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is asked of kernels of all kinds: prctl() is ours here. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "cage/internal.h"

#define KINDS 2 /* PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH */

static int states[KINDS]; /* what the kernel says; negative is an errno */
static unsigned long set[KINDS];
static int set_error;

int prctl(int option, ...) {
        unsigned long kind, value;
        va_list ap;

        va_start(ap, option);
        kind = va_arg(ap, unsigned long);
        value = va_arg(ap, unsigned long);
        va_end(ap);
        assert_true(kind < KINDS);
        if (option == PR_GET_SPECULATION_CTRL && states[kind] >= 0)
                return states[kind];
        errno = option == PR_GET_SPECULATION_CTRL ? -states[kind] : set_error;
        if (errno != 0)
                return -1;
        assert_int_equal(option, PR_SET_SPECULATION_CTRL);
        set[kind] = value;
        return 0;
}

static void test_states(void **state) {
        static const struct {
                int state, r;
                unsigned long set;
        } rows[] = {
                { PR_SPEC_NOT_AFFECTED, 0, 0 },
                { PR_SPEC_DISABLE, 0, 0 }, /* for all processes */
                { PR_SPEC_ENABLE, -ENXIO, 0 },
                { PR_SPEC_PRCTL | PR_SPEC_ENABLE, 0, PR_SPEC_FORCE_DISABLE },
                { PR_SPEC_PRCTL | PR_SPEC_DISABLE, 0, PR_SPEC_FORCE_DISABLE },
                { PR_SPEC_PRCTL | PR_SPEC_FORCE_DISABLE, 0, PR_SPEC_FORCE_DISABLE },
                { -ENODEV, -ENODEV, 0 },
        };

        for (size_t kind = 0; kind < KINDS; kind++)
                FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                        states[0] = states[1] = PR_SPEC_NOT_AFFECTED;
                        set[0] = set[1] = 0;
                        states[kind] = row->state;
                        assert_int_equal(cage_stop_speculation(), row->r);
                        assert_int_equal(set[kind], row->set);
                        assert_int_equal(set[1 - kind], 0);
                }
}

/* The kernel says that it can, and does not. */
static void test_set_fails(void **state) {
        states[0] = states[1] = PR_SPEC_PRCTL | PR_SPEC_ENABLE;
        set_error = EPERM;
        assert_int_equal(cage_stop_speculation(), -EPERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_set_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

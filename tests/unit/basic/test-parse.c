/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/parse.h"

typedef struct Case {
        const char *text;
        int r;
        uint64_t value;
} Case;

static void check(int (*parse)(const char *, uint64_t *), const Case *cases, size_t n) {
        FOREACH_ARRAY(c, cases, n) {
                uint64_t value = 77;
                int r = parse(c->text, &value);

                if (r != c->r || value != (r < 0 ? 77 : c->value))
                        fail_msg("'%s': %d, %llu", c->text, r, (unsigned long long) value);
        }
}

static void test_u64(void **state) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "007", 0, 7 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE },
                { "99999999999999999999999", -ERANGE },
                { "", -EINVAL },
                { "-1", -EINVAL },
                { "+1", -EINVAL },
                { " 1", -EINVAL },
                { "1 ", -EINVAL },
                { "1x", -EINVAL },
                { "0x10", -EINVAL },
                { "x", -EINVAL },
        };

        check(parse_u64, cases, ELEMENTSOF(cases));
}

static void test_i64(void **state) {
        static const struct {
                const char *text;
                int r;
                int64_t value;
        } cases[] = {
                { "0", 0, 0 },
                { "-0", 0, 0 },
                { "-5", 0, -5 },
                { "9223372036854775807", 0, INT64_MAX },
                { "-9223372036854775808", 0, INT64_MIN },
                { "9223372036854775808", -ERANGE },
                { "-9223372036854775809", -ERANGE },
                { "", -EINVAL },
                { "-", -EINVAL },
                { "--1", -EINVAL },
                { "- 1", -EINVAL },
                { "+1", -EINVAL },
                { "1.0", -EINVAL },
        };

        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                int64_t value = 77;
                int r = parse_i64(c->text, &value);

                if (r != c->r || value != (r < 0 ? 77 : c->value))
                        fail_msg("'%s': %d, %lld", c->text, r, (long long) value);
        }
}

static void test_bool(void **state) {
        bool value = false;

        assert_int_equal(parse_bool("true", &value), 0);
        assert_true(value);
        assert_int_equal(parse_bool("false", &value), 0);
        assert_false(value);
        assert_int_equal(parse_bool("yes", &value), -EINVAL);
        assert_int_equal(parse_bool("True", &value), -EINVAL);
        assert_int_equal(parse_bool("", &value), -EINVAL);
        assert_int_equal(parse_bool("1", &value), -EINVAL);
}

static void test_size(void **state) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "512", 0, 512 },
                { "1K", 0, 1024 },
                { "50M", 0, 50 * MIB },
                { "50MiB", 0, 50 * MIB },
                { "1.5G", 0, 3 * GIB / 2 },
                { "2TiB", 0, 2048 * GIB },
                { "16777215T", 0, UINT64_C(16777215) * 1024 * GIB },
                { "16777216T", -ERANGE },
                { "18446744073709551616", -ERANGE },
                { "", -EINVAL },
                { "M", -EINVAL },
                { ".5M", -EINVAL },
                { "1.M", -EINVAL },
                { "1 M", -EINVAL },
                { "1MB", -EINVAL },
                { "1m", -EINVAL },
                { "-1M", -EINVAL },
                { "1e3", -EINVAL },
        };

        check(parse_size, cases, ELEMENTSOF(cases));
}

static void test_duration(void **state) {
        static const Case cases[] = {
                { "5", 0, 5 * USEC_PER_SEC },
                { "5s", 0, 5 * USEC_PER_SEC },
                { "1.5s", 0, 1500000 },
                { "0.000001s", 0, 1 },
                { "0.0000019s", 0, 1 },
                { "250ms", 0, 250000 },
                { "7us", 0, 7 },
                { "2min", 0, 120 * USEC_PER_SEC },
                { "1h", 0, 3600 * USEC_PER_SEC },
                { "18446744073710s", -ERANGE },
                { "9999999999999999h", -ERANGE },
                { "", -EINVAL },
                { "s", -EINVAL },
                { "1m", -EINVAL },
                { "1d", -EINVAL },
                { "5 s", -EINVAL },
                { "1s1", -EINVAL },
        };

        check(parse_duration, cases, ELEMENTSOF(cases));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_u64),      cmocka_unit_test(test_i64),
                cmocka_unit_test(test_bool),     cmocka_unit_test(test_size),
                cmocka_unit_test(test_duration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "profile/limits.h"

static void test_table_is_complete(void **state) {
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                const LimitInfo *info = &limit_infos[id];

                assert_non_null(info->field);
                assert_non_null(info->key);
                assert_non_null(info->label);
                assert_true(info->lowest < info->highest);
                /* An int of the interface carries it, and no sum of two overflows. */
                assert_true(info->highest < INT64_MAX / 2);
                for (LimitId other = 0; other < id; other++) {
                        assert_string_not_equal(info->field, limit_infos[other].field);
                        assert_string_not_equal(info->key, limit_infos[other].key);
                }
                /* The names say the unit. */
                switch (info->unit) {
                case LIMIT_UNIT_USEC:
                        assert_non_null(strstr(info->field, "USec"));
                        break;
                case LIMIT_UNIT_BYTES:
                        assert_non_null(strstr(info->field, "Bytes"));
                        break;
                case LIMIT_UNIT_PERCENT:
                        assert_non_null(strstr(info->field, "Percent"));
                        break;
                case LIMIT_UNIT_COUNT:
                        break;
                }
        }
}

static void test_bounds(void **state) {
        assert_true(limit_infos[LIMIT_MEMORY].lowest == 8 * MIB);
        assert_true(limit_infos[LIMIT_OPEN_FILES].highest == 1024);
        assert_true(limit_infos[LIMIT_FILE_SIZE].highest == 2048 * GIB);
        assert_true(limit_infos[LIMIT_OUTPUT].highest == 64 * MIB);
        assert_true(limit_infos[LIMIT_RESULT].highest == 4 * MIB);
        assert_true(limit_infos[LIMIT_SOURCE].highest == 16 * MIB);
        assert_true(limit_infos[LIMIT_PROCESSES].lowest == 1);
        assert_true(limit_infos[LIMIT_THREADS].lowest == 0);
}

/* The text is exactly the value: the unit is the largest one that divides it. */
static void test_format(void **state) {
        static const struct {
                LimitId id;
                uint64_t value;
                const char *text;
        } rows[] = {
                { LIMIT_WALL_TIME, 5 * USEC_PER_SEC, "5 s" },
                { LIMIT_WALL_TIME, 1500 * USEC_PER_MSEC, "1500 ms" },
                { LIMIT_WALL_TIME, 1, "1 us" },
                { LIMIT_WALL_TIME, 0, "0 us" },
                { LIMIT_MEMORY, 50 * MIB, "50 MiB" },
                { LIMIT_MEMORY, 50 * MIB + 1, "52428801 bytes" },
                { LIMIT_MEMORY, 2 * GIB, "2 GiB" },
                { LIMIT_DISK, 64 * KIB, "64 KiB" },
                { LIMIT_DISK, 0, "0 bytes" },
                { LIMIT_CPU, 200, "200 %" },
                { LIMIT_PROCESSES, 32, "32" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                char buf[32];

                assert_ptr_equal(limit_format(row->id, row->value, buf, sizeof(buf)), buf);
                assert_string_equal(buf, row->text);
        }
}

/* As a person writes it: what is read again is the same value. */
static void test_format_toml(void **state) {
        static const struct {
                LimitUnit unit;
                uint64_t value;
                const char *text;
        } rows[] = {
                { LIMIT_UNIT_USEC, 5 * USEC_PER_SEC, "\"5s\"" },
                { LIMIT_UNIT_USEC, 60 * USEC_PER_SEC, "\"1min\"" },
                { LIMIT_UNIT_USEC, 90 * USEC_PER_SEC, "\"90s\"" },
                { LIMIT_UNIT_USEC, 3600 * USEC_PER_SEC, "\"1h\"" },
                { LIMIT_UNIT_USEC, 1500 * USEC_PER_MSEC, "\"1500ms\"" },
                { LIMIT_UNIT_USEC, 1, "\"1us\"" },
                { LIMIT_UNIT_USEC, 0, "0" },
                { LIMIT_UNIT_BYTES, 50 * MIB, "\"50M\"" },
                { LIMIT_UNIT_BYTES, 2 * GIB, "\"2G\"" },
                { LIMIT_UNIT_BYTES, 64 * KIB, "\"64K\"" },
                { LIMIT_UNIT_BYTES, 50 * MIB + 1, "52428801" },
                { LIMIT_UNIT_BYTES, 0, "0" },
                { LIMIT_UNIT_PERCENT, 200, "200" },
                { LIMIT_UNIT_COUNT, 32, "32" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                char buf[32];

                limit_format_toml(row->unit, row->value, buf, sizeof(buf));
                assert_string_equal(buf, row->text);
        }
}

/* What does not fit is cut, not written behind the end. */
static void test_names(void **state) {
        char buf[512], small[8];

        assert_ptr_equal(strstr(limit_names(buf, sizeof(buf)), "wall_time, cpu_time, "), buf);
        assert_non_null(strstr(buf, ", tool_wait"));
        assert_string_equal(limit_names(small, sizeof(small)), "wall_ti");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table_is_complete),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_format_toml),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

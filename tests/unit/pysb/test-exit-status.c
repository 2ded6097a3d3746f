/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <stdio.h>

#include "client/exit-status.h"
#include "wire/names.h"

/* The table of pysbctl(1), row by row: a change here is a change of what scripts rely on. */

static const struct {
        const char *outcome;
        int exit_code, signal; /* of the program, -1 is none */
        int status;
} rows[] = {
        { "success", 0, -1, 0 },           { "exception", 1, -1, 1 },
        { "exception", -1, -1, 1 },        { "exit_nonzero", 3, -1, 3 },
        { "exit_nonzero", 255, -1, 255 },  { "exit_nonzero", 0, -1, 1 },
        { "signaled", -1, 9, 137 },        { "signaled", -1, 11, 139 },
        { "signaled", -1, -1, 1 },         { "wall_time_limit", -1, 9, 124 },
        { "cpu_time_limit", -1, 24, 124 }, { "memory_limit", 1, -1, 137 },
        { "output_limit", -1, 9, 153 },    { "rejected", -1, -1, 126 },
        { "tool_call_limit", -1, 9, 154 }, { "cancelled", -1, 9, 130 },
        { "expired", -1, -1, 125 },        { "lost", -1, -1, 125 },
        { "internal_error", -1, -1, 125 }, { "tick_limit", 1, -1, 155 },
};

static int outcome_find(const char *name) {
        int i = wire_name_find(outcome_names, name);

        assert_true(i >= 0);
        return i;
}

static void test_rows(void **state) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                PysbOutcome outcome = (PysbOutcome) (outcome_find(rows[i].outcome) + 1);
                int status;

                status = exit_status_of_outcome(outcome, rows[i].exit_code, rows[i].signal);
                if (status != rows[i].status)
                        fail_msg("row %zu (%s): %d instead of %d", i, rows[i].outcome, status,
                                 rows[i].status);
        }
        assert_int_equal(exit_status_of_outcome(PYSB_OUTCOME_UNKNOWN, 0, -1), 125);
        assert_int_equal(exit_status_of_outcome((PysbOutcome) 99, 0, -1), 125);
}

/* No outcome of the interface is forgotten, and none but success is 0. */
static void test_complete(void **state) {
        bool seen[_OUTCOME_MAX] = {};

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                seen[outcome_find(rows[i].outcome)] = true;
        for (int i = 0; i < _OUTCOME_MAX; i++) {
                if (!seen[i])
                        fail_msg("%s has no row", outcome_names[i]);
                if (i != OUTCOME_SUCCESS)
                        assert_int_not_equal(exit_status_of_outcome((PysbOutcome) (i + 1), 0, 0),
                                             0);
        }
}

/* What pysbctl(1) says of an outcome is what happens. */
static void test_man_page(void **state) {
        static char page[64 * 1024];
        size_t size;
        FILE *file;

        file = fopen(MAN_PAGE, "re");
        assert_non_null(file);
        size = fread(page, 1, sizeof(page) - 1, file);
        fclose(file);
        page[size] = '\0';
        for (int i = 0; i < _OUTCOME_MAX; i++) {
                int status = exit_status_of_outcome((PysbOutcome) (i + 1), 77, 7);
                char row[128];

                if (status == 77 && i == OUTCOME_EXIT_NONZERO)
                        snprintf(row, sizeof(row), ".It %s Ta its own Ta", outcome_names[i]);
                else if (i == OUTCOME_EXCEPTION)
                        snprintf(row, sizeof(row), ".It %s Ta 1 Ta", outcome_names[i]);
                else if (status == 128 + 7)
                        snprintf(row, sizeof(row), ".It %s Ta 128 + n Ta", outcome_names[i]);
                else
                        snprintf(row, sizeof(row), ".It %s Ta %d Ta", outcome_names[i], status);
                if (!strstr(page, row))
                        fail_msg("the man page has no row \"%s\"", row);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_complete),
                cmocka_unit_test(test_man_page),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "profile/limits.h"
#include "wire/interfaces.h"
#include "wire/message.h"
#include "wire/names.h"

/* Copies the next line that is no comment, without blanks and without the comma at its end. */
static const char *next_line(const char *p, char *ret_line, size_t size) {
        for (;;) {
                size_t length = strcspn(p, "\n"), n = 0;

                assert_int_not_equal(*p, '\0');
                for (size_t i = 0; i < length && n < size - 1; i++)
                        if (p[i] != ' ' && p[i] != ',')
                                ret_line[n++] = p[i];
                ret_line[n] = '\0';
                p += length + (p[length] == '\n');
                if (n > 0 && ret_line[0] != '#')
                        return p;
        }
}

static json_t *description;

static int setup(void **state) {
        return wire_json_parse(varlink_description_io_pysb_sandbox,
                               strlen(varlink_description_io_pysb_sandbox), &description);
}

static int teardown(void **state) {
        json_decref(description);
        return 0;
}

static const char *find_type(const char *name) {
        char head[64];
        const char *p = NULL;

        assert_int_equal(json_unpack(description, "{s:{s:s}}", "parameters", "description", &p), 0);
        (void) snprintf(head, sizeof(head), "\ntype %s (\n", name);
        p = strstr(p, head);
        assert_non_null(p);
        return p + strlen(head);
}

static void check_enum(const char *type, const char *const *names) {
        const char *p = find_type(type);
        char line[64];

        for (size_t i = 0; names[i]; i++) {
                p = next_line(p, line, sizeof(line));
                assert_string_equal(line, names[i]);
        }
        next_line(p, line, sizeof(line));
        assert_string_equal(line, ")");
}

static void test_enums(void **state) {
        check_enum("JobState", job_state_names);
        check_enum("Outcome", outcome_names);
        check_enum("EventKind", event_kind_names);
        /* Every value has a name; a hole in a table would end it early. */
        assert_non_null(job_state_names[_JOB_STATE_MAX - 1]);
        assert_non_null(outcome_names[_OUTCOME_MAX - 1]);
        assert_non_null(event_kind_names[_EVENT_KIND_MAX - 1]);
}

static void test_limits(void **state) {
        const char *p = find_type("Limits");
        char line[64], expected[64];

        for (size_t i = 0; i < _LIMIT_MAX; i++) {
                p = next_line(p, line, sizeof(line));
                (void) snprintf(expected, sizeof(expected), "%s:?int", limit_infos[i].field);
                assert_string_equal(line, expected);
        }
        next_line(p, line, sizeof(line));
        assert_string_equal(line, ")");
}

static void test_find(void **state) {
        assert_int_equal(wire_name_find(outcome_names, "success"), OUTCOME_SUCCESS);
        assert_int_equal(wire_name_find(outcome_names, "internal_error"), OUTCOME_INTERNAL_ERROR);
        assert_true(wire_name_find(outcome_names, "Success") < 0);
        assert_true(wire_name_find(outcome_names, "") < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_enums),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_find),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}

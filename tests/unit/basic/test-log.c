/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/log.h"

static int last_priority;
static char last_message[2048];
static size_t last_n_fields;
static size_t n_lines;

static void sink(int priority, const char *message, const LogField *fields, size_t n_fields) {
        last_priority = priority;
        (void) snprintf(last_message, sizeof(last_message), "%s", message);
        last_n_fields = n_fields;
        n_lines++;
        errno = EIO;
}

static int setup(void **state) {
        n_lines = 0;
        log_set_sink(sink);
        log_set_max_priority(LOG_INFO);
        return 0;
}

static int teardown(void **state) {
        log_set_sink(NULL);
        return 0;
}

static void test_sink(void **state) {
        static const LogField fields[] = { { "PYSB_JOB", "1" }, { "PYSB_TENANT", NULL } };

        errno = ENOTTY;
        log_fields(LOG_ERR, fields, 2, "%s %d", "number", 7);
        assert_int_equal(errno, ENOTTY);
        assert_int_equal(n_lines, 1);
        assert_int_equal(last_priority, LOG_ERR);
        assert_int_equal(last_n_fields, 2);
        assert_string_equal(last_message, "number 7");
        log_warning("plain");
        assert_int_equal(last_priority, LOG_WARNING);
        assert_int_equal(last_n_fields, 0);
}

static void test_priority(void **state) {
        log_debug("hidden");
        assert_int_equal(n_lines, 0);
        log_set_max_priority(LOG_DEBUG);
        log_debug("shown");
        assert_int_equal(n_lines, 1);
}

/* A job's name must not forge a line of the log, nor steer the terminal. */
static void test_escape(void **state) {
        log_info("%s", "a\n<3>pysbd: forged\r\x1b[2J\x7f\xc3\xa9");
        assert_string_equal(last_message, "a?<3>pysbd: forged??[2J?\xc3\xa9");
}

static void test_long(void **state) {
        char text[5000];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        log_info("%s", text);
        assert_int_equal(strlen(last_message), 1023);
}

static void test_standard_error(void **state) {
        int saved = dup(STDERR_FILENO), p[2];
        char text[128] = "";

        assert_int_equal(fd_pipe(p, 0), 0);
        assert_int_equal(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
        log_set_sink(NULL);
        log_set_program("test");
        log_error("one\ntwo");
        assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
        assert_true(read(p[0], text, sizeof(text) - 1) > 0);
        assert_string_equal(text, "test: one?two\n");
        fd_close(saved);
        fd_close(p[0]);
        fd_close(p[1]);
}

#define log_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                log_test(test_sink), log_test(test_priority),       log_test(test_escape),
                log_test(test_long), log_test(test_standard_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

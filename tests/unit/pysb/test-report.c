/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <stdlib.h>

#include "client/exit-status.h"
#include "client/report.h"

/* What report_result() prints on standard error about this result; its output goes nowhere. */
static void
report_with(Peer *peer, const Common *common, const char *json, char *ret_text, size_t size) {
        int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, fds[2];
        char message[1024];
        PysbResult *result;
        ssize_t n;

        (void) snprintf(message, sizeof(message), "{\"parameters\":{\"result\":%s}}", json);
        peer_send(peer, message);
        assert_int_equal(pysb_wait(peer->client, "j1", UINT64_MAX, &result), 0);
        assert_int_equal(pipe(fds), 0);
        (void) fflush(stdout);
        dup2(fds[1], STDERR_FILENO);
        dup2(fds[0], STDOUT_FILENO); /* not writable, and not written to */
        close(fds[1]);
        assert_int_equal(report_result(common, peer->client, result), 0);
        dup2(saved[0], STDOUT_FILENO);
        dup2(saved[1], STDERR_FILENO);
        close(saved[0]);
        close(saved[1]);
        n = read(fds[0], ret_text, size - 1);
        assert_true(n >= 0);
        ret_text[n] = '\0';
        close(fds[0]);
        pysb_result_free(result);
}

static void report(Peer *peer, const char *json, char *ret_text, size_t size) {
        report_with(peer, &(Common){}, json, ret_text, size);
}

#define RESULT(stream) \
        "{\"job\":\"j1\",\"outcome\":\"success\",\"usage\":{},\"degraded\":false," stream "}"

/* Nobody takes the beginning of an output for all of it. */
static void test_cut(void **state) {
        char text[512];

        report(*state, RESULT("\"stderr\":{\"text\":\"\",\"totalBytes\":9,\"truncated\":true}"),
               text, sizeof(text));
        assert_string_equal(text, "pysbctl: Standard error is cut after 0 bytes; `pysbctl "
                                  "attach j1` prints everything that was kept.\n");
        report(*state, RESULT("\"stdout\":{\"text\":\"\",\"totalBytes\":0,\"truncated\":false}"),
               text, sizeof(text));
        assert_string_equal(text, "");
}

/* Why nothing ran: each finding, and not the first one again as the message. */
static void test_findings(void **state) {
        char text[512];

        report(*state,
               "{\"job\":\"j1\",\"outcome\":\"success\",\"usage\":{},\"findings\":[{\"rule\":"
               "\"r\",\"severity\":\"warning\",\"message\":\"a\\u001b\",\"line\":3,"
               "\"column\":1},{\"rule\":\"s\",\"severity\":\"refuse\",\"message\":\"b\"}]}",
               text, sizeof(text));
        assert_string_equal(text, "<job>:3:1: warning: a\\x1b [r]\n<job>: b [s]\n");
}

static void test_problem(void **state) {
        char text[512];

        report_with(*state, &(Common){ .value = true },
                    RESULT("\"resultProblem\":{\"type\":\"T\",\"message\":\"no\"}"), text,
                    sizeof(text));
        assert_string_equal(text, "pysbctl: The program's value is not returned: no\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_cut, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_findings, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_problem, peer_setup, peer_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

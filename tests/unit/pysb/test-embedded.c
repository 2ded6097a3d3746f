/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* How the private daemon is started and ended, with a stand-in that tells what it saw. */

static void set_program(const char *name, const char *mode) {
        assert_int_equal(setenv("PYSBD", name, 1), 0);
        assert_int_equal(setenv("FAKE_PYSBD", mode, 1), 0);
}

static void expect_no_child(void) {
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

static void test_start(void **state) {
        PysbDocument *seen;
        PysbClient *client;
        int64_t number;
        char *reply;
        int leak;

        set_program(FAKE_PYSBD, "report");
        setenv("LISTEN_PID", "1", 1); /* of somebody else */
        signal(SIGTERM, SIG_IGN);
        leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as careless callers do */
        assert_true(leak >= 0);
        assert_int_equal(pysb_client_new_embedded(&client), 0);
        assert_int_equal(pysb_call(client, "GetNode", NULL, &reply), 0);
        assert_int_equal(pysb_document_new(&seen, reply), 0);
        free(reply);

        assert_string_equal(pysb_document_get_string(seen, "arguments"), "--embedded");
        assert_string_equal(pysb_document_get_string(seen, "listenFds"), "2");
        assert_string_equal(pysb_document_get_string(seen, "listenFdNames"), "varlink:varlink");
        assert_string_equal(pysb_document_get_string(seen, "inherited"), "report");
        assert_true(pysb_document_is_true(seen, "listenPidIsMine"));
        assert_true(pysb_document_is_true(seen, "ownSession"));
        assert_true(pysb_document_is_true(seen, "sigtermIsDefault"));
        assert_true(pysb_document_is_true(seen, "stdinIsNull"));
        assert_int_equal(pysb_document_get_integer(seen, "blockedSignals", &number), 0);
        assert_int_equal(number, 0);
        assert_int_equal(pysb_document_get_integer(seen, "descriptors", &number), 0);
        assert_int_equal(number, 2);

        pysb_document_free(seen);
        pysb_client_free(client);
        signal(SIGTERM, SIG_DFL);
        close(leak);
        expect_no_child();
}

static void test_two_at_once(void **state) {
        PysbClient *one, *two;
        char *reply;

        set_program(FAKE_PYSBD, "report");
        assert_int_equal(pysb_client_new_embedded(&one), 0);
        assert_int_equal(pysb_client_new_embedded(&two), 0);
        /* The second daemon must not hold the first one's connection open */
        pysb_client_free(one);
        assert_int_equal(pysb_call(two, "GetNode", NULL, &reply), 0);
        free(reply);
        pysb_client_free(two);
        expect_no_child();
}

static void test_missing_program(void **state) {
        PysbClient *client;

        set_program("/nonexistent/pysbd", "report");
        assert_int_equal(pysb_client_new_embedded(&client), -ENOENT);
        set_program("/dev/null", "report");
        assert_int_equal(pysb_client_new_embedded(&client), -EACCES);
        expect_no_child();
}

static void test_daemon_dies(void **state) {
        PysbClient *client;
        char *reply;

        set_program(FAKE_PYSBD, "mute");
        assert_int_equal(pysb_client_new_embedded(&client), 0);
        assert_int_equal(pysb_call(client, "GetNode", NULL, &reply), -ECONNRESET);
        pysb_client_free(client);
        expect_no_child();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_start),
                cmocka_unit_test(test_two_at_once),
                cmocka_unit_test(test_missing_program),
                cmocka_unit_test(test_daemon_dies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

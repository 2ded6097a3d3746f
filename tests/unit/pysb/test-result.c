/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <stdlib.h>

#include "wire/names.h"

/* Result and event getters over documents that a daemon could send. */

static PysbResult *result_get(Peer *peer, const char *json) {
        PysbResult *result;
        char message[2048];

        snprintf(message, sizeof(message), "{\"parameters\":{\"result\":%s}}", json);
        peer_send(peer, message);
        assert_int_equal(pysb_wait(peer->client, "j1", UINT64_MAX, &result), 0);
        return result;
}

static void test_minimal(void **state) {
        PysbResult *result =
                result_get(*state, "{\"job\":\"j\",\"outcome\":\"lost\",\"usage\":{}}");
        uint64_t value;
        size_t size;
        int number;

        assert_int_equal(pysb_result_get_outcome(result), PYSB_OUTCOME_LOST);
        assert_int_equal(pysb_result_get_exit_code(result, &number), -ENODATA);
        assert_int_equal(pysb_result_get_signal(result, &number), -ENODATA);
        assert_null(pysb_result_get_signal_name(result));
        assert_null(pysb_result_get_message(result));
        assert_null(pysb_result_get_exception_type(result));
        assert_null(pysb_result_get_result_json(result));
        assert_null(pysb_result_get_output(result, PYSB_STREAM_STDOUT, &size));
        assert_int_equal(size, 0);
        assert_false(pysb_result_is_truncated(result, PYSB_STREAM_STDERR));
        assert_int_equal(pysb_result_get_usage(result, "wallTimeUSec", &value), -ENODATA);
        assert_null(pysb_result_get_limits(result));
        assert_null(pysb_result_get_engine(result));
        assert_null(pysb_result_get_layer(result, 0));
        assert_false(pysb_result_is_degraded(result));
        pysb_result_free(result);
}

static void test_full(void **state) {
        PysbResult *result = result_get(
                *state,
                "{\"job\":\"j\",\"outcome\":\"exception\",\"exitCode\":1,\"signal\":9,"
                "\"signalName\":\"SIGKILL\",\"message\":\"m\",\"exception\":{\"type\":\"T\","
                "\"message\":\"M\",\"traceback\":\"B\"},\"resultJson\":\"[1]\",\"stdout\":{"
                "\"text\":\"out\",\"totalBytes\":3,\"truncated\":false},\"stderr\":{\"data\":"
                "\"AP8=\",\"totalBytes\":9,\"truncated\":true},\"usage\":{\"wallTimeUSec\":12,"
                "\"stdoutBytes\":-1},\"engine\":\"namespace\",\"isolation\":[\"seccomp\","
                "\"rlimits\"],\"degraded\":true,\"limits\":\"raise it\",\"futureField\":{}}");
        uint64_t value;
        const char *data;
        size_t size;
        int number;
        char *json;

        assert_int_equal(pysb_result_get_outcome(result), PYSB_OUTCOME_EXCEPTION);
        assert_string_equal(pysb_result_get_outcome_name(result), "exception");
        assert_int_equal(pysb_result_get_exit_code(result, &number), 0);
        assert_int_equal(number, 1);
        assert_int_equal(pysb_result_get_signal(result, &number), 0);
        assert_int_equal(number, 9);
        assert_string_equal(pysb_result_get_exception_type(result), "T");
        assert_string_equal(pysb_result_get_exception_message(result), "M");
        assert_string_equal(pysb_result_get_exception_traceback(result), "B");
        assert_string_equal(pysb_result_get_result_json(result), "[1]");
        data = pysb_result_get_output(result, PYSB_STREAM_STDOUT, &size);
        assert_int_equal(size, 3);
        assert_string_equal(data, "out");
        data = pysb_result_get_output(result, PYSB_STREAM_STDERR, &size);
        assert_int_equal(size, 2);
        assert_memory_equal(data, "\0\xff", 3);
        assert_false(pysb_result_is_truncated(result, PYSB_STREAM_STDOUT));
        assert_true(pysb_result_is_truncated(result, PYSB_STREAM_STDERR));
        assert_int_equal(pysb_result_get_usage(result, "wallTimeUSec", &value), 0);
        assert_int_equal(value, 12);
        assert_int_equal(pysb_result_get_usage(result, "stdoutBytes", &value), -ENODATA);
        assert_string_equal(pysb_result_get_limits(result), "raise it");
        assert_string_equal(pysb_result_get_layer(result, 1), "rlimits");
        assert_null(pysb_result_get_layer(result, 2));
        assert_true(pysb_result_is_degraded(result));
        assert_int_equal(pysb_result_to_json(result, &json), 0);
        assert_non_null(strstr(json, "futureField"));
        free(json);
        pysb_result_free(result);
}

/* Each outcome of the interface has its own number here, and a new daemon's is "unknown". */
static void test_outcomes(void **state) {
        for (int i = 0; i <= _OUTCOME_MAX; i++) {
                const char *name = i < _OUTCOME_MAX ? outcome_names[i] : "of_tomorrow";
                char json[128];
                PysbResult *result;

                snprintf(json, sizeof(json), "{\"job\":\"j\",\"outcome\":\"%s\",\"usage\":{}}",
                         name);
                result = result_get(*state, json);
                assert_int_equal(pysb_result_get_outcome(result),
                                 i < _OUTCOME_MAX ? i + 1 : PYSB_OUTCOME_UNKNOWN);
                assert_string_equal(pysb_result_get_outcome_name(result), name);
                pysb_result_free(result);
        }
}

static void test_displays(void **state) {
        PysbResult *result = result_get(
                *state,
                "{\"job\":\"j\",\"outcome\":\"success\",\"usage\":{},\"displays\":[{"
                "\"isResult\":true,\"text\":{\"text/html\":\"<b>\"},\"data\":{\"image/png\":"
                "\"AP8=\",\"a/b\":\"AP8\"}},{\"text\":5,\"data\":[]}],\"findings\":[{\"rule\":"
                "\"r\"}],\"resultProblem\":{\"type\":\"T\",\"message\":\"M\"}}");
        PysbDocument *document;
        char *data;
        size_t size;

        assert_string_equal(pysb_result_get_display_type(result, 0, 0), "text/html");
        assert_string_equal(pysb_result_get_display_type(result, 0, 1), "image/png");
        assert_null(pysb_result_get_display_type(result, 0, 3));
        assert_null(pysb_result_get_display_type(result, 1, 0));
        assert_null(pysb_result_get_display_type(result, 2, 0));
        assert_int_equal(pysb_result_get_display(result, 0, "text/html", &data, &size), 0);
        assert_string_equal(data, "<b>");
        free(data);
        assert_int_equal(pysb_result_get_display(result, 0, "image/png", &data, &size), 0);
        assert_int_equal(size, 2);
        assert_memory_equal(data, "\0\xff", 2);
        free(data);
        assert_int_equal(pysb_result_get_display(result, 0, "a/b", &data, &size), -EBADMSG);
        assert_int_equal(pysb_result_get_display(result, 0, "b/a", &data, &size), -ENODATA);
        assert_int_equal(pysb_result_get_display(result, 9, "b/a", &data, &size), -ENODATA);
        assert_string_equal(pysb_result_get_problem_type(result), "T");
        assert_string_equal(pysb_result_get_problem_message(result), "M");
        assert_int_equal(pysb_result_get_document(result, &document), 0);
        pysb_result_free(result);
        /* The document stands by itself. */
        assert_string_equal(pysb_document_get_string(document, "findings.0.rule"), "r");
        pysb_document_free(document);
}

static void test_check(void **state) {
        Peer *peer = *state;
        PysbDocument *document;
        PysbRequest *request;

        assert_int_equal(pysb_request_new(&request), 0);
        assert_int_equal(pysb_check(peer->client, request, &document), -EINVAL);
        assert_int_equal(pysb_request_set_expression(request, "1"), 0);
        peer_send(peer, "{\"parameters\":{\"accepted\":true,\"findings\":[]}}");
        assert_int_equal(pysb_check(peer->client, request, &document), 0);
        assert_true(pysb_document_is_true(document, "accepted"));
        pysb_document_free(document);
        pysb_request_free(request);
}

/* Wrong types are as good as absent; they crash nobody. */
static void test_wrong_types(void **state) {
        PysbResult *result = result_get(
                *state,
                "{\"job\":\"j\",\"outcome\":\"success\",\"exitCode\":\"1\",\"signal\":5000000000,"
                "\"message\":[],\"exception\":7,\"resultJson\":{},\"stdout\":[],\"stderr\":null,"
                "\"usage\":{\"wallTimeUSec\":{}},\"engine\":1,\"isolation\":{\"0\":1},"
                "\"degraded\":\"yes\"}");
        uint64_t value;
        size_t size;
        int number;

        assert_int_equal(pysb_result_get_exit_code(result, &number), -ENODATA);
        assert_int_equal(pysb_result_get_signal(result, &number), -ENODATA);
        assert_null(pysb_result_get_message(result));
        assert_null(pysb_result_get_exception_traceback(result));
        assert_null(pysb_result_get_output(result, PYSB_STREAM_STDERR, &size));
        assert_int_equal(pysb_result_get_usage(result, "wallTimeUSec", &value), -ENODATA);
        assert_null(pysb_result_get_layer(result, 0));
        assert_false(pysb_result_is_degraded(result));
        pysb_result_free(result);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_minimal, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_displays, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_check, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_full, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_outcomes, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_wrong_types, peer_setup, peer_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

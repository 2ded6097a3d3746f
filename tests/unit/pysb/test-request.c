/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

static PysbRequest *request_make(void) {
        PysbRequest *request;

        assert_int_equal(pysb_request_new(&request), 0);
        return request;
}

static void expect_json(PysbRequest *request, const char *expected_text) {
        json_t *got, *expected = json_loads(expected_text, 0, NULL);
        char *text;

        assert_non_null(expected);
        assert_int_equal(pysb_request_to_json(request, &text), 0);
        got = json_loads(text, 0, NULL);
        if (!json_equal(got, expected))
                fail_msg("%s instead of %s", text, expected_text);
        free(text);
        json_decref(got);
        json_decref(expected);
        pysb_request_free(request);
}

static void test_empty(void **state) {
        expect_json(request_make(), "{}");
}

static void test_everything(void **state) {
        PysbRequest *request = request_make();

        assert_int_equal(pysb_request_set_code(request, "print('ä')", 11), 0);
        assert_int_equal(pysb_request_set_profile(request, "eval"), 0);
        assert_int_equal(pysb_request_add_argument(request, "a"), 0);
        assert_int_equal(pysb_request_add_argument(request, ""), 0);
        assert_int_equal(pysb_request_set_environment(request, "K", "v=1"), 0);
        assert_int_equal(pysb_request_set_label(request, "run", "7"), 0);
        assert_int_equal(pysb_request_set_limit(request, "memoryBytes", 52428800), 0);
        assert_int_equal(pysb_request_set_limit(request, "memoryBytes", 1), 0);
        assert_int_equal(pysb_request_set_limit(request, "processes", 2), 0);
        assert_int_equal(pysb_request_set_stdin(request, "in", 2), 0);
        assert_int_equal(pysb_request_set_queue_timeout(request, 5), 0);
        assert_int_equal(pysb_request_set_priority(request, 9), 0);
        assert_int_equal(pysb_request_set_request_id(request, "r"), 0);
        assert_int_equal(pysb_request_set_detach(request, true), 0);
        assert_int_equal(pysb_request_set_retain(request, 6), 0);
        assert_int_equal(pysb_request_set_seed(request, -7), 0);
        expect_json(request,
                    "{\"code\":\"print('ä')\",\"profile\":\"eval\",\"arguments\":[\"a\",\"\"],"
                    "\"environment\":{\"K\":\"v=1\"},\"labels\":{\"run\":\"7\"},"
                    "\"limits\":{\"memoryBytes\":1,\"processes\":2},\"stdinText\":\"in\","
                    "\"queueTimeoutUSec\":5,\"priority\":9,\"requestId\":\"r\",\"detach\":true,"
                    "\"retainUSec\":6,\"seed\":-7}");
}

static void test_program(void **state) {
        PysbRequest *request = request_make();

        assert_int_equal(pysb_request_set_code(request, "pass", 4), 0);
        assert_int_equal(pysb_request_set_module(request, "a.b"), 0);
        assert_int_equal(pysb_request_set_expression(request, "1"), 0);
        assert_int_equal(pysb_request_set_script(request, "m.py"), 0);
        /* What is refused leaves the program as it is. */
        assert_int_equal(pysb_request_set_code(request, "\xff", 1), -EILSEQ);
        assert_int_equal(pysb_request_set_script(request, NULL), -EINVAL);
        assert_int_equal(pysb_request_set_callable(request, "f"), 0);
        assert_int_equal(pysb_request_set_inputs_json(request, "{}"), 0);
        assert_int_equal(pysb_request_set_analysis(request, "strict"), 0);
        assert_int_equal(pysb_request_set_analysis(request, NULL), 0);
        assert_int_equal(pysb_request_set_display_last_expression(request, false), 0);
        assert_int_equal(pysb_request_add_module(request, "json"), 0);
        assert_int_equal(pysb_request_add_module(request, "re"), 0);
        assert_int_equal(pysb_request_add_module(request, "\xff"), -EILSEQ);
        assert_int_equal(pysb_request_add_file(request, "m.py", "pass", 4), 0);
        assert_int_equal(pysb_request_add_file(request, "b", "\0\xff", 2), 0);
        assert_int_equal(pysb_request_add_file(request, "e", NULL, 0), 0);
        assert_int_equal(pysb_request_add_file(request, "\xff", "", 0), -EILSEQ);
        expect_json(request, "{\"scriptPath\":\"m.py\",\"callable\":\"f\",\"inputsJson\":\"{}\","
                             "\"displayLastExpression\":false,\"modules\":[\"json\",\"re\"],"
                             "\"files\":[{\"path\":\"m.py\",\"text\":\"pass\"},"
                             "{\"path\":\"b\",\"data\":\"AP8=\"},{\"path\":\"e\",\"text\":\"\"}]}");
}

/* Large ones go by descriptors: files first, as they come, then stdin, whichever was given first. */
static void test_descriptors(void **state) {
        static const char large[(512 << 10) + 1];
        PysbRequest *request = request_make();
        char *json;

        assert_int_equal(pysb_request_set_stdin(request, large, sizeof(large)), 0);
        assert_int_equal(pysb_request_add_file(request, "a", large, sizeof(large)), 0);
        assert_int_equal(pysb_request_add_file(request, "b", large, sizeof(large)), 0);
        assert_int_equal(pysb_request_to_json(request, &json), 0);
        assert_string_equal(json, "{\"stdinFileDescriptor\":2,\"files\":["
                                  "{\"path\":\"a\",\"fileDescriptor\":0},"
                                  "{\"path\":\"b\",\"fileDescriptor\":1}]}");
        free(json);
        for (int i = 2; i <= 16; i++)
                assert_int_equal(pysb_request_add_file(request, "c", large, sizeof(large)), 0);
        assert_int_equal(pysb_request_to_json(request, &json), 0);
        assert_non_null(strstr(json, "\"stdinFileDescriptor\":16"));
        assert_non_null(strstr(json, "\"data\":\"AAAA")); /* no descriptor is left */
        free(json);
        (void) pysb_request_free(request);
}

static void test_profile_is_taken_back(void **state) {
        PysbRequest *request = request_make();

        assert_int_equal(pysb_request_set_profile(request, "eval"), 0);
        assert_int_equal(pysb_request_set_profile(request, NULL), 0);
        expect_json(request, "{}");
}

/* What JSON strings of the interface cannot carry is refused here, not by the daemon. */
static void test_bad_text(void **state) {
        PysbRequest *request = request_make();

        assert_int_equal(pysb_request_set_code(request, "a\0b", 3), -EILSEQ);
        assert_int_equal(pysb_request_set_code(request, "\xff", 1), -EILSEQ);
        assert_int_equal(pysb_request_set_profile(request, "\xc3"), -EILSEQ);
        assert_int_equal(pysb_request_add_argument(request, "\xed\xa0\x80"), -EILSEQ);
        assert_int_equal(pysb_request_set_environment(request, "K", "\xff"), -EILSEQ);
        assert_int_equal(pysb_request_set_environment(request, "\xff", "v"), -EILSEQ);
        assert_int_equal(pysb_request_set_environment(request, NULL, "v"), -EINVAL);
        assert_int_equal(pysb_request_set_limit(request, "memoryBytes", UINT64_MAX), -ERANGE);
        pysb_request_free(request);
}

/* Standard input may be any bytes; the last way to give it counts. */
static void test_stdin(void **state) {
        PysbRequest *request = request_make();
        int fds[2];

        assert_int_equal(fd_pipe(fds, 0), 0);
        assert_int_equal(pysb_request_set_stdin(request, "x", 1), 0);
        assert_int_equal(pysb_request_set_stdin_fd(request, -1), -EBADF);
        assert_int_equal(pysb_request_set_stdin_fd(request, fds[0]), 0);
        assert_int_equal(pysb_request_set_stdin(request, "\0\xff", 2), 0);
        close(fds[0]);
        /* The copy of the read end is gone too: nobody can read any more */
        signal(SIGPIPE, SIG_IGN);
        assert_int_equal(write(fds[1], "", 1), -1);
        close(fds[1]);
        expect_json(request, "{\"stdinData\":\"AP8=\"}");
}

/* A FIFO with a name is a file of the host: its bytes are read first, as those of any file. */
static void test_stdin_fifo(void **state) {
        PysbRequest *request = request_make();
        char directory[] = "/tmp/pysb-test-XXXXXX", path[64], byte;
        int reader, writer;

        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/fifo", directory);
        assert_int_equal(mkfifo(path, 0600), 0);
        reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        writer = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(writer, "x", 1), 1);
        close(writer);
        assert_int_equal(pysb_request_set_stdin_fd(request, reader), 0);
        assert_int_equal(read(reader, &byte, 1), 0); /* it has been read to the end */
        close(reader);
        unlink(path);
        rmdir(directory);
        expect_json(request, "{\"stdinFileDescriptor\":0}");
}

static void test_free_null(void **state) {
        assert_null(pysb_request_free(NULL));
        assert_null(pysb_client_free(NULL));
        assert_null(pysb_result_free(NULL));
        assert_null(pysb_document_free(NULL));
}

static void test_document(void **state) {
        static const char json[] = "{\"a\":{\"b\":[{\"c\":\"x\"},5,true,null]},\"n\":null,"
                                   "\"m\":{\"k\":1,\"l\":2}}";
        PysbDocument *document;
        int64_t value;
        char *text;

        assert_int_equal(pysb_document_new(&document, json), 0);
        assert_int_equal(pysb_document_to_json(document, "a.b", &text), 0);
        assert_string_equal(text, "[{\"c\":\"x\"},5,true,null]");
        free(text);
        assert_int_equal(pysb_document_to_json(document, "a.b.1", &text), 0);
        assert_string_equal(text, "5");
        free(text);
        assert_int_equal(pysb_document_to_json(document, NULL, &text), 0);
        assert_string_equal(text, json);
        free(text);
        assert_int_equal(pysb_document_to_json(document, "x", &text), -ENODATA);
        assert_string_equal(pysb_document_get_string(document, "a.b.0.c"), "x");
        assert_int_equal(pysb_document_get_integer(document, "a.b.1", &value), 0);
        assert_int_equal(value, 5);
        assert_true(pysb_document_is_true(document, "a.b.2"));
        assert_int_equal(pysb_document_get_size(document, "a.b"), 4);
        assert_int_equal(pysb_document_get_size(document, "m"), 2);
        assert_string_equal(pysb_document_get_name(document, "m", 1), "l");
        assert_null(pysb_document_get_name(document, "m", 2));
        assert_true(pysb_document_has(document, "m.k"));

        assert_false(pysb_document_has(document, "n"));
        assert_false(pysb_document_has(document, "a.b.3"));
        assert_false(pysb_document_has(document, "a.b.4"));
        assert_false(pysb_document_has(document, "a.b.-1"));
        assert_false(pysb_document_has(document, "a.b.0.c.d"));
        assert_false(pysb_document_has(document, ""));
        assert_false(pysb_document_has(document, "a."));
        assert_null(pysb_document_get_string(document, "a.b.1"));
        assert_int_equal(pysb_document_get_integer(document, "a.b.0.c", &value), -ENODATA);
        assert_int_equal(pysb_document_get_size(document, "n"), 0);
        pysb_document_free(document);

        assert_int_equal(pysb_document_new(&document, "[]"), -EBADMSG);
        assert_int_equal(pysb_document_new(&document, "{"), -EBADMSG);
}

static void test_quote(void **state) {
        char *quoted;

        assert_int_equal(pysb_quote("a\"\n", &quoted), 0);
        assert_string_equal(quoted, "\"a\\\"\\n\"");
        free(quoted);
        assert_int_equal(pysb_quote("\xff", &quoted), -EILSEQ);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),       cmocka_unit_test(test_program),
                cmocka_unit_test(test_everything),  cmocka_unit_test(test_bad_text),
                cmocka_unit_test(test_descriptors), cmocka_unit_test(test_profile_is_taken_back),
                cmocka_unit_test(test_stdin),       cmocka_unit_test(test_stdin_fifo),
                cmocka_unit_test(test_free_null),   cmocka_unit_test(test_document),
                cmocka_unit_test(test_quote),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The blocking calls against canned answers: what is sent, what comes back, and that every way in
 * which a daemon can fail ends in a typed error, never in a hang. */

static PysbRequest *request_make(void) {
        PysbRequest *request;

        assert_int_equal(pysb_request_new(&request), 0);
        assert_int_equal(pysb_request_set_code(request, "1", 1), 0);
        return request;
}

static void test_run(void **state) {
        Peer *peer = *state;
        PysbRequest *request = request_make();
        PysbResult *result;

        peer_send(peer, "{\"parameters\":{\"result\":" RESULT_JSON "}}");
        assert_int_equal(pysb_run(peer->client, request, &result), 0);
        assert_int_equal(pysb_result_get_outcome(result), PYSB_OUTCOME_SUCCESS);
        assert_string_equal(pysb_result_get_job(result), "j1");
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Run\","
                          "\"parameters\":{\"request\":{\"code\":\"1\"}}}");
        pysb_result_free(result);
        pysb_request_free(request);
}

static void test_two_calls_on_one_connection(void **state) {
        Peer *peer = *state;
        char *reply;

        for (int i = 0; i < 2; i++) {
                peer_send(peer, "{\"parameters\":{\"x\":1}}");
                assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), 0);
                assert_string_equal(reply, "{\"x\":1}");
                free(reply);
        }
}

static void test_full_method_name(void **state) {
        Peer *peer = *state;
        char *reply;

        peer_send(peer, "{}");
        assert_int_equal(
                pysb_call(peer->client, "org.varlink.service.GetInfo", "{\"a\":[1]}", &reply), 0);
        peer_expect(peer,
                    "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"a\":[1]}}");
        free(reply);
}

static void test_bad_parameters(void **state) {
        Peer *peer = *state;
        char *reply;

        assert_int_equal(pysb_call(peer->client, "GetNode", "[1]", &reply), -EINVAL);
        assert_int_equal(pysb_call(peer->client, "GetNode", "{", &reply), -EINVAL);
        assert_non_null(pysb_client_get_error(peer->client));
}

static void test_submit(void **state) {
        Peer *peer = *state;
        PysbRequest *request = request_make();
        char *job;

        peer_send(peer, "{\"parameters\":{\"job\":\"j7\"}}");
        assert_int_equal(pysb_submit(peer->client, request, &job), 0);
        assert_string_equal(job, "j7");
        free(job);
        pysb_request_free(request);
}

static void test_wait(void **state) {
        Peer *peer = *state;
        PysbResult *result;

        peer_send(peer, "{\"parameters\":{\"state\":\"running\"}}");
        assert_int_equal(pysb_wait(peer->client, "j\"1", 5, &result), -ETIMEDOUT);
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Wait\","
                          "\"parameters\":{\"job\":\"j\\\"1\",\"timeoutUSec\":5}}");
        peer_send(peer, "{\"parameters\":{\"state\":\"finished\",\"result\":" RESULT_JSON "}}");
        assert_int_equal(pysb_wait(peer->client, "j1", UINT64_MAX, &result), 0);
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Wait\",\"parameters\":{\"job\":\"j1\"}}");
        pysb_result_free(result);
}

static void test_cancel(void **state) {
        Peer *peer = *state;

        peer_send(peer, "{\"parameters\":{\"state\":\"cancelling\"}}");
        assert_int_equal(pysb_cancel(peer->client, "j1", "late"), 0);
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Cancel\","
                          "\"parameters\":{\"job\":\"j1\",\"reason\":\"late\"}}");
}

/* The connection survives a refusal. */
static void test_refusal(void **state) {
        Peer *peer = *state;
        char *reply;

        peer_send(peer, "{\"error\":\"io.pysb.sandbox.LimitExceeded\",\"parameters\":"
                        "{\"limit\":\"memoryBytes\",\"requested\":9,\"maximum\":5}}");
        assert_int_equal(pysb_call(peer->client, "Run", NULL, &reply), -EREMOTEIO);
        assert_string_equal(pysb_client_get_error_name(peer->client),
                            "io.pysb.sandbox.LimitExceeded");
        assert_string_equal(pysb_client_get_error(peer->client),
                            "memoryBytes is 9, at most 5 is allowed.");
        assert_non_null(strstr(pysb_client_get_error_json(peer->client), "\"maximum\":5"));

        peer_send(peer, "{\"error\":\"a.b.Unheard\"}");
        assert_int_equal(pysb_call(peer->client, "Run", NULL, &reply), -EREMOTEIO);
        assert_string_equal(pysb_client_get_error(peer->client),
                            "The daemon answered with the error a.b.Unheard.");

        peer_send(peer, "{}");
        assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), 0);
        assert_null(pysb_client_get_error(peer->client));
        assert_null(pysb_client_get_error_name(peer->client));
        free(reply);
}

/* Each of these instead of an answer, then end of file. */
static void test_failures(void **state) {
        static const struct {
                const char *data;
                size_t size;
                int error;
        } rows[] = {
                { "", 0, -ECONNRESET },
                { "{\"param", 7, -ECONNRESET },
                { "garbage", 8, -EBADMSG },
                { "", 1, -EBADMSG },
                { "[]", 3, -EBADMSG },
                { "{\"parameters\":[]}", 18, -EBADMSG },
                { "{\"parameters\":{},\"continues\":true}", 35, -EBADMSG },
                { "{\"continues\":1}", 16, -EBADMSG },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *reply;
                Peer *peer;

                peer_setup(state);
                peer = *state;
                assert_int_equal(io_write_full(peer->fd, rows[i].data, rows[i].size), 0);
                peer_hang_up(peer);
                assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), rows[i].error);
                assert_non_null(pysb_client_get_error(peer->client));
                assert_int_equal(pysb_client_get_fd(peer->client), -EBADF);
                assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), -ENOTCONN);
                peer_teardown(state);
        }
}

/* Also when sending already fails, and without SIGPIPE. */
static void test_peer_is_gone(void **state) {
        Peer *peer = *state;
        char *reply;

        peer->fd = fd_close(peer->fd);
        assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), -ECONNRESET);
}

/* Who is one too many is told so before the first call, and the connection is closed. */
static void test_last_word(void **state) {
        Peer *peer = *state;
        char *reply;

        peer_send(peer,
                  "{\"error\":\"io.pysb.sandbox.QuotaExceeded\",\"parameters\":"
                  "{\"scope\":\"tenant\",\"quota\":\"connections\",\"used\":1,\"maximum\":1}}");
        peer->fd = fd_close(peer->fd);
        assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), -EREMOTEIO);
        assert_string_equal(pysb_client_get_error_name(peer->client),
                            "io.pysb.sandbox.QuotaExceeded");
        assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), -ENOTCONN);
}

static void test_bad_result(void **state) {
        static const char *const rows[] = {
                "{\"parameters\":{}}",
                "{\"parameters\":{\"result\":1}}",
                "{\"parameters\":{\"result\":{\"job\":\"j1\",\"outcome\":\"success\"}}}",
                "{\"parameters\":{\"result\":{\"job\":\"j1\",\"usage\":{}}}}",
                ("{\"parameters\":{\"result\":{\"job\":\"j1\",\"outcome\":\"success\",\"usage\":{},"
                 "\"stdout\":{\"data\":\"*\"}}}}"),
        };
        PysbRequest *request = request_make();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                PysbResult *result;
                Peer *peer;

                peer_setup(state);
                peer = *state;
                peer_send(peer, rows[i]);
                assert_int_equal(pysb_run(peer->client, request, &result), -EBADMSG);
                peer_teardown(state);
        }
        pysb_request_free(request);
}

/* 4 MiB and a bit: an error before anything is sent, and the connection lives. */
static void test_too_large(void **state) {
        Peer *peer = *state;
        size_t size = (4 << 20) + 1;
        PysbRequest *request;
        PysbResult *result;
        char *code, *reply;

        code = malloc(size);
        assert_non_null(code);
        memset(code, '#', size);
        assert_int_equal(pysb_request_new(&request), 0);
        assert_int_equal(pysb_request_set_code(request, code, size), 0);
        assert_int_equal(pysb_run(peer->client, request, &result), -EMSGSIZE);
        assert_non_null(strstr(pysb_client_get_error(peer->client), "4 MiB"));
        peer_send(peer, "{}");
        assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), 0);
        free(reply);
        free(code);
        pysb_request_free(request);
}

static void test_no_code(void **state) {
        Peer *peer = *state;
        PysbRequest *request;
        PysbResult *result;

        assert_int_equal(pysb_request_new(&request), 0);
        assert_int_equal(pysb_run(peer->client, request, &result), -EINVAL);
        pysb_request_free(request);
}

/* Submits with one descriptor, and plays the daemon's side; returns the descriptor. */
static int submit_and_receive(Peer *peer, const PysbRequest *request) {
        char text[512], control[CMSG_SPACE(sizeof(int))], *job;
        struct iovec iov = { text, sizeof(text) };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *header;
        int fd = -EBADF;

        assert_int_equal(pysb_submit(peer->client, request, &job), 0);
        free(job);
        assert_true(recvmsg(peer->fd, &message, 0) > 0);
        assert_non_null(strstr(text, "\"stdinFileDescriptor\":0"));
        header = CMSG_FIRSTHDR(&message);
        if (!header)
                fail_msg("no descriptor came along");
        else
                memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        return fd;
}

/* A pipe rides on the call as it is, and the request can be used again. */
static void test_stdin_pipe(void **state) {
        Peer *peer = *state;
        PysbRequest *request = request_make();
        int pipe_fds[2];

        assert_int_equal(fd_pipe(pipe_fds, 0), 0);
        assert_int_equal(io_write_full(pipe_fds[1], "ab", 2), 0);
        assert_int_equal(pysb_request_set_stdin_fd(request, pipe_fds[0]), 0);
        for (int i = 0; i < 2; i++) {
                char byte;
                int fd;

                peer_send(peer, "{\"parameters\":{\"job\":\"j\"}}");
                fd = submit_and_receive(peer, request);
                assert_int_equal(read(fd, &byte, 1), 1);
                assert_int_equal(byte, 'a' + i);
                close(fd);
        }
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        pysb_request_free(request);
}

/* A file of the host goes as a sealed, read-only copy, from its beginning each time. */
static void test_stdin_file(void **state) {
        const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        static char big[600 * 1024];
        Peer *peer = *state;
        PysbRequest *request = request_make();
        int file;

        memset(big, 'b', sizeof(big));
        file = memfd_create("file", MFD_CLOEXEC);
        assert_int_equal(io_write_full(file, "file", 4), 0);
        assert_int_equal(lseek(file, 0, SEEK_SET), 0);
        for (int i = 0; i < 4; i++) {
                char text[4];
                int fd;

                if (i == 0)
                        assert_int_equal(pysb_request_set_stdin_fd(request, file), 0);
                if (i == 2) /* too much for a message */
                        assert_int_equal(pysb_request_set_stdin(request, big, sizeof(big)), 0);
                peer_send(peer, "{\"parameters\":{\"job\":\"j\"}}");
                fd = submit_and_receive(peer, request);
                assert_int_equal(read(fd, text, 4), 4);
                assert_memory_equal(text, i < 2 ? "file" : "bbbb", 4);
                assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
                assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
                close(fd);
        }
        close(file);
        pysb_request_free(request);
}

static void test_addresses(void **state) {
        PysbClient *client;

        assert_int_equal(pysb_client_new(&client, "tcp:localhost:1"), -EINVAL);
        assert_int_equal(pysb_client_new(&client, "unix:"), -EINVAL);
        assert_int_equal(pysb_client_new(&client, "unix:/nonexistent/socket"), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_run, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_two_calls_on_one_connection, peer_setup,
                                                peer_teardown),
                cmocka_unit_test_setup_teardown(test_full_method_name, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_bad_parameters, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_submit, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_wait, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_cancel, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_refusal, peer_setup, peer_teardown),
                cmocka_unit_test(test_failures),
                cmocka_unit_test_setup_teardown(test_peer_is_gone, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_last_word, peer_setup, peer_teardown),
                cmocka_unit_test(test_bad_result),
                cmocka_unit_test_setup_teardown(test_too_large, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_no_code, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_stdin_pipe, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_stdin_file, peer_setup, peer_teardown),
                cmocka_unit_test(test_addresses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

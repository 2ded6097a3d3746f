/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <poll.h>

/* The event driven calls: the test is the event loop and decides what arrives when. */

typedef struct Heard {
        size_t events, ends;
        PysbEventKind kinds[8];
        char output[64];
        size_t output_size;
        PysbOutcome outcome;
        int error;
        const PysbRequest *next; /* started from the last callback, once */
} Heard;

static void on_heard(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        Heard *heard = userdata;
        PysbStream stream;
        const char *data;
        size_t size;

        if (event) {
                assert_true(heard->events < 8);
                heard->kinds[heard->events++] = pysb_event_get_kind(event);
                if (pysb_event_get_output(event, &stream, &data, &size) == 0) {
                        assert_true(heard->output_size + size <= sizeof(heard->output));
                        memcpy(heard->output + heard->output_size, data, size);
                        heard->output_size += size;
                }
                return;
        }
        heard->ends++;
        heard->error = error;
        assert_int_equal(!result, error < 0);
        if (result)
                heard->outcome = pysb_result_get_outcome(result);
        pysb_result_free(result);
        if (heard->next) {
                assert_int_equal(pysb_start(client, heard->next, on_heard, heard), 0);
                heard->next = NULL;
        }
}

static PysbRequest *request_make(void) {
        PysbRequest *request;

        assert_int_equal(pysb_request_new(&request), 0);
        assert_int_equal(pysb_request_set_code(request, "1", 1), 0);
        return request;
}

#define EVENT(fields) "{\"parameters\":{\"event\":{" fields "}},\"continues\":true}"
#define END "{\"parameters\":{\"result\":" RESULT_JSON "}}"

static void test_stream(void **state) {
        Peer *peer = *state;
        PysbRequest *request = request_make();
        Heard heard = {};

        assert_int_equal(pysb_start(peer->client, request, on_heard, &heard), 0);
        assert_int_equal(pysb_start(peer->client, request, on_heard, &heard), -EBUSY);
        assert_int_equal(pysb_client_process(peer->client), 1);
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Run\",\"more\":true,"
                          "\"parameters\":{\"request\":{\"code\":\"1\"}}}");
        assert_true(pysb_client_get_events(peer->client) & POLLIN);

        peer_send(peer, EVENT("\"kind\":\"accepted\",\"sequence\":1,\"job\":\"j1\""));
        assert_int_equal(pysb_client_process(peer->client), 1);
        assert_int_equal(heard.events, 1);
        peer_send(peer, EVENT("\"kind\":\"output\",\"sequence\":2,"
                              "\"output\":{\"stream\":\"stdout\",\"offset\":0,\"text\":\"hi\"}"));
        peer_send(peer, EVENT("\"kind\":\"output\",\"sequence\":3,"
                              "\"output\":{\"stream\":\"stderr\",\"offset\":0,\"data\":\"AP8=\"}"));
        peer_send(peer, EVENT("\"kind\":\"sunrise\",\"sequence\":4"));
        peer_send(peer, END);
        while (pysb_client_process(peer->client) > 0)
                continue;

        assert_int_equal(heard.events, 4);
        assert_int_equal(heard.kinds[0], PYSB_EVENT_ACCEPTED);
        assert_int_equal(heard.kinds[2], PYSB_EVENT_OUTPUT);
        assert_int_equal(heard.kinds[3], PYSB_EVENT_UNKNOWN);
        assert_int_equal(heard.output_size, 4);
        assert_memory_equal(heard.output, "hi\0\xff", 4);
        assert_int_equal(heard.ends, 1);
        assert_int_equal(heard.outcome, PYSB_OUTCOME_SUCCESS);
        pysb_request_free(request);
}

static void test_byte_by_byte(void **state) {
        static const char reply[] = EVENT("\"kind\":\"started\",\"sequence\":1") "\0" END;
        Peer *peer = *state;
        PysbRequest *request = request_make();
        Heard heard = {};

        assert_int_equal(pysb_start(peer->client, request, on_heard, &heard), 0);
        for (size_t i = 0; i < sizeof(reply); i++) {
                assert_int_equal(heard.ends, 0);
                assert_int_equal(io_write_full(peer->fd, reply + i, 1), 0);
                pysb_client_process(peer->client);
        }
        assert_int_equal(heard.events, 1);
        assert_int_equal(heard.ends, 1);
        pysb_request_free(request);
}

static void test_quiet(void **state) {
        Peer *peer = *state;
        PysbRequest *request = request_make();
        Heard heard = {};

        assert_int_equal(pysb_start_quiet(peer->client, request, on_heard, &heard), 0);
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Run\","
                          "\"parameters\":{\"request\":{\"code\":\"1\"}}}");
        peer_send(peer, END);
        assert_int_equal(pysb_client_process(peer->client), 0);
        assert_int_equal(heard.ends, 1);
        pysb_request_free(request);
}

static void test_attach(void **state) {
        Peer *peer = *state;
        Heard heard = {};

        assert_int_equal(pysb_attach(peer->client, "j1", 3, on_heard, &heard), 0);
        peer_expect(peer, "{\"method\":\"io.pysb.sandbox.Attach\",\"more\":true,"
                          "\"parameters\":{\"job\":\"j1\",\"afterSequence\":3}}");
        peer_send(peer,
                  "{\"error\":\"io.pysb.sandbox.JobNotFound\",\"parameters\":{\"job\":\"j1\"}}");
        assert_int_equal(pysb_client_process(peer->client), 0);
        assert_int_equal(heard.error, -EREMOTEIO);
        assert_string_equal(pysb_client_get_error(peer->client), "There is no job j1.");
}

/* The last callback may begin the next run. */
static void test_chain(void **state) {
        Peer *peer = *state;
        PysbRequest *request = request_make();
        Heard heard = { .next = request };

        assert_int_equal(pysb_start(peer->client, request, on_heard, &heard), 0);
        peer_send(peer, END);
        peer_send(peer, END);
        while (pysb_client_process(peer->client) > 0)
                continue;
        assert_int_equal(heard.ends, 2);
        pysb_request_free(request);
}

/* Whatever the daemon does wrong in a stream: the callback hears the end exactly once. */
static void test_failures(void **state) {
        static const struct {
                const char *message;
                int error;
        } rows[] = {
                { NULL, -ECONNRESET },
                { "garbage", -EBADMSG },
                { "{\"parameters\":{},\"continues\":true}", -EBADMSG },
                { "{\"parameters\":{}}", -EBADMSG },
                { "{\"parameters\":{\"event\":{\"kind\":\"started\",\"sequence\":1}}}", -EBADMSG },
                { EVENT("\"kind\":\"started\""), -EBADMSG },
                { EVENT("\"kind\":\"started\",\"sequence\":-1"), -EBADMSG },
                { EVENT("\"kind\":\"output\",\"sequence\":1,\"output\":{\"data\":\"!\"}"),
                  -EBADMSG },
                { "{\"parameters\":{\"result\":" RESULT_JSON "},\"continues\":true}", -EBADMSG },
                { "{\"parameters\":{\"result\":{}}}", -EBADMSG },
        };
        PysbRequest *request = request_make();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Heard heard = {};
                Peer *peer;

                peer_setup(state);
                peer = *state;
                assert_int_equal(pysb_start(peer->client, request, on_heard, &heard), 0);
                if (rows[i].message)
                        peer_send(peer, rows[i].message);
                peer_hang_up(peer);
                while (pysb_client_process(peer->client) > 0)
                        continue;
                assert_int_equal(heard.ends, 1);
                assert_int_equal(heard.error, rows[i].error);
                assert_int_equal(heard.events, 0);
                assert_int_equal(pysb_client_get_fd(peer->client), -EBADF);
                peer_teardown(state);
        }
        pysb_request_free(request);
}

/* A daemon that talks without being asked has lost the thread. */
static void test_unasked(void **state) {
        Peer *peer = *state;
        char *reply;

        peer_send(peer, "{}");
        assert_int_equal(pysb_client_process(peer->client), 0);
        assert_int_equal(pysb_call(peer->client, "GetNode", NULL, &reply), -ENOTCONN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_stream, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_byte_by_byte, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_quiet, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_attach, peer_setup, peer_teardown),
                cmocka_unit_test_setup_teardown(test_chain, peer_setup, peer_teardown),
                cmocka_unit_test(test_failures),
                cmocka_unit_test_setup_teardown(test_unasked, peer_setup, peer_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

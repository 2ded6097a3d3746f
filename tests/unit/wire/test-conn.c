/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "conn-fixture.h"

static void test_one(void **state) {
        Fixture *f = *state;

        conn_expect_no_call(f);
        conn_put_message(f, "{\"method\":\"a.B\"}");
        conn_expect_call(f, "a.B", 0);
        conn_expect_no_call(f);
        assert_false(varlink_conn_is_closed(f->conn));
}

static void test_byte_at_a_time(void **state) {
        static const char text[] = "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xc3\xa9\"}}";
        Fixture *f = *state;

        for (size_t i = 0; i < sizeof(text); i++) {
                conn_expect_no_call(f);
                conn_put(f, text + i, 1);
        }
        conn_expect_call(f, "a.B", 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 0);
}

static void test_pipelining(void **state) {
        static const char text[] =
                "{\"method\":\"a.A\"}\0{\"method\":\"a.B\"}\0{\"method\":\"a.C\"}";
        Fixture *f = *state;

        conn_put(f, text, sizeof(text));
        conn_put(f, text, sizeof(text));
        for (size_t i = 0; i < 2; i++) {
                conn_expect_call(f, "a.A", 0);
                conn_expect_call(f, "a.B", 0);
                conn_expect_call(f, "a.C", 0);
        }
        conn_expect_no_call(f);
}

static void test_pipelining_is_bounded(void **state) {
        Fixture *f = *state;
        char many[32 * KIB];

        /* Calls that nobody takes stay in the socket, however many there are. */
        for (size_t i = 0; i + 17 <= sizeof(many); i += 17)
                memcpy(many + i, "{\"method\":\"a.B\"}", 17);
        conn_put(f, many, sizeof(many) / 17 * 17);
        assert_int_equal(conn_pump(f, 1), 0);
        assert_true(varlink_conn_has_message(f->conn));
        assert_false(varlink_conn_get_events(f->conn) & POLLIN);
        assert_true(varlink_conn_buffered_bytes(f->conn) <= 8 * KIB);
        for (size_t i = 0; i < sizeof(many) / 17; i++)
                conn_expect_call(f, "a.B", 0);
        conn_expect_no_call(f);
        assert_true(varlink_conn_buffered_bytes(f->conn) <= 16 * KIB);
}

static void test_size(void **state) {
        VarlinkConnLimits limits = { .message_max_bytes = 100 };
        Fixture *f = *state;
        char text[102];

        /* 100 bytes are a message, 101 are none, whether their NUL has come or not. */
        memset(text, ' ', sizeof(text));
        memcpy(text, "{\"method\":\"a.B\"}", 16);
        conn_reopen(f, &limits);
        text[100] = '\0';
        conn_put(f, text, 101);
        conn_expect_call(f, "a.B", 0);
        text[100] = ' ';
        conn_put(f, text, 101);
        assert_int_equal(conn_pump(f, 1), -EMSGSIZE);

        conn_reopen(f, &limits);
        text[101] = '\0';
        conn_put(f, text, 102);
        assert_int_equal(conn_pump(f, 1), -EMSGSIZE);
}

static void test_large(void **state) {
        Fixture *f = *state;
        static char text[3 * MIB];
        size_t sent = 0;

        memset(text, ' ', sizeof(text));
        memcpy(text, "{\"method\":\"a.B\"}", 16);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(fd_set_nonblock(f->peer, true), 0);
        while (sent < sizeof(text)) {
                ssize_t n = send(f->peer, text + sent, sizeof(text) - sent, MSG_NOSIGNAL);

                if (n > 0)
                        sent += (size_t) n;
                assert_int_equal(conn_pump(f, 1), 0);
        }
        assert_true(varlink_conn_buffered_bytes(f->conn) >= sizeof(text));
        conn_expect_call(f, "a.B", 0);
        /* Memory goes back with the message. */
        assert_true(varlink_conn_buffered_bytes(f->conn) <= 16 * KIB);
}

static void test_garbage(void **state) {
        static const struct {
                const char *text;
                int r;
        } cases[] = {
                { "", -EBADMSG },
                { "hello", -EBADMSG },
                { "{\"method\":\"a.B\",\"method\":\"a.B\"}", -EBADMSG },
                { "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", -EBADMSG },
                { "{}", -EPROTO },
                { "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", -EPROTO },
        };
        Fixture *f = *state;

        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                VarlinkCall call;

                conn_put_message(f, c->text);
                assert_int_equal(conn_pump(f, 1), 0);
                assert_int_equal(varlink_conn_receive_call(f->conn, &call), c->r);
                conn_reopen(f, &varlink_server_limits);
        }
}

static void test_stall(void **state) {
        static char text[MIB];
        Fixture *f = *state;
        size_t n_messages, n_nul = 0;

        assert_int_equal(varlink_conn_stalled_since_usec(f->conn), 0);
        n_messages = conn_send_until_stalled(f);
        assert_true(varlink_conn_get_events(f->conn) & POLLOUT);
        assert_true(varlink_conn_stalled_since_usec(f->conn) > 0);
        assert_false(varlink_conn_output_is_high(f->conn));
        while (!varlink_conn_output_is_high(f->conn)) {
                assert_int_equal(varlink_conn_send(f->conn, json_pack("[s]", text), NULL), 0);
                n_messages++;
                if (text[0] == '\0')
                        memset(text, 'y', sizeof(text) - 1);
        }
        assert_true(varlink_conn_buffered_bytes(f->conn) > VARLINK_OUTPUT_HIGH_BYTES);
        assert_int_equal(fd_set_nonblock(f->peer, true), 0);
        for (;;) {
                ssize_t n = recv(f->peer, text, sizeof(text), 0);

                if (n <= 0)
                        break;
                for (ssize_t i = 0; i < n; i++)
                        n_nul += text[i] == '\0';
                assert_int_equal(conn_pump(f, 77), 0);
        }
        assert_int_equal(n_nul, n_messages);
        assert_int_equal(varlink_conn_output_bytes(f->conn), 0);
        assert_int_equal(varlink_conn_stalled_since_usec(f->conn), 0);
        assert_int_equal(varlink_conn_active_usec(f->conn), 77);
        assert_false(varlink_conn_get_events(f->conn) & POLLOUT);
}

static void test_output_bound(void **state) {
        VarlinkConnLimits limits = varlink_server_limits;
        VarlinkFds fds = { .n = 1 };
        Fixture *f = *state;

        limits.output_max_bytes = 10000;
        conn_reopen(f, &limits);
        conn_send_until_stalled(f);
        while (varlink_conn_send(f->conn, json_pack("{s:s}", "x", "xxxxxxx"), NULL) == 0)
                assert_true(varlink_conn_output_bytes(f->conn) <= 10000);
        /* All or nothing: the descriptor is still ours. */
        fds.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:s}", "x", "xxxxxxx"), &fds),
                         -ENOBUFS);
        assert_int_equal(fds.n, 1);
        varlink_fds_done(&fds);
}

static void test_peer_closes(void **state) {
        VarlinkFds fds = { .n = 1 };
        Fixture *f = *state;

        conn_put_message(f, "{\"method\":\"a.A\"}");
        conn_put_message(f, "{\"method\":\"a.B\"}");
        f->peer = fd_close(f->peer);
        conn_expect_call(f, "a.A", 0);
        assert_true(varlink_conn_is_closed(f->conn));
        assert_false(varlink_conn_is_finished(f->conn));
        /* Replies go nowhere, and that is no error. */
        fds.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(
                        varlink_conn_send(f->conn, varlink_reply_new(json_object(), false), &fds),
                        0);
        assert_int_equal(fds.n, 0);
        fds = (VarlinkFds){ .fds = { open("/dev/null", O_RDONLY | O_CLOEXEC) }, .n = 1 };
        assert_int_equal(varlink_conn_send(f->conn, varlink_reply_new(json_object(), false), &fds),
                         0);
        assert_int_equal(varlink_conn_output_bytes(f->conn), 0);
        conn_expect_call(f, "a.B", 0);
        conn_expect_no_call(f);
        assert_true(varlink_conn_is_finished(f->conn));
        assert_false(varlink_conn_get_events(f->conn) & POLLIN);
}

static void test_peer_closes_while_a_call_waits(void **state) {
        Fixture *f = *state;

        conn_put_message(f, "{\"method\":\"a.A\"}");
        assert_int_equal(conn_pump(f, 1), 0);
        assert_false(varlink_conn_is_closed(f->conn));
        assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
        assert_int_equal(conn_pump(f, 1), 0);
        assert_true(varlink_conn_is_closed(f->conn));
        assert_false(varlink_conn_is_finished(f->conn));
        conn_expect_call(f, "a.A", 0);
        conn_expect_no_call(f);
        assert_true(varlink_conn_is_finished(f->conn));
        /* Half closed: it still reads. */
        assert_int_equal(varlink_conn_send(f->conn, varlink_reply_new(json_object(), false), NULL),
                         0);
}

static void test_peer_closes_within_a_message(void **state) {
        Fixture *f = *state;

        conn_put(f, "{\"meth", 6);
        f->peer = fd_close(f->peer);
        conn_expect_no_call(f);
        assert_true(varlink_conn_is_finished(f->conn));
}

static void test_clocks(void **state) {
        static const char text[] = "{\"method\":\"a.A\"}\0{\"method\":";
        Fixture *f = *state;
        VarlinkCall call;

        assert_int_equal(varlink_conn_active_usec(f->conn), 1);
        conn_put(f, "{", 1);
        assert_int_equal(conn_pump(f, 10), 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 10);
        /* More bytes do not buy more time. */
        conn_put(f, " ", 1);
        assert_int_equal(conn_pump(f, 20), 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 10);
        assert_int_equal(varlink_conn_active_usec(f->conn), 20);
        conn_put(f, text + 1, sizeof(text) - 2);
        assert_int_equal(conn_pump(f, 30), 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 0);
        assert_int_equal(varlink_conn_receive_call(f->conn, &call), 1);
        varlink_call_done(&call);
        /* The next one has begun, at the latest with the last read. */
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 30);
}

static void test_wait(void **state) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        Fixture *f = *state;

        assert_int_equal(varlink_conn_wait(f->conn, 0), 0);
        conn_put_message(f, "{\"error\":\"a.E\"}");
        assert_int_equal(varlink_conn_wait(f->conn, UINT64_MAX), 1);
        assert_int_equal(varlink_conn_receive_reply(f->conn, &reply), 1);
        assert_string_equal(reply.error, "a.E");
        f->peer = fd_close(f->peer);
        assert_int_equal(varlink_conn_wait(f->conn, UINT64_MAX), 1);
        assert_true(varlink_conn_is_finished(f->conn));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                conn_test(test_one),
                conn_test(test_byte_at_a_time),
                conn_test(test_pipelining),
                conn_test(test_pipelining_is_bounded),
                conn_test(test_size),
                conn_test(test_large),
                conn_test(test_garbage),
                conn_test(test_stall),
                conn_test(test_output_bound),
                conn_test(test_peer_closes),
                conn_test(test_peer_closes_while_a_call_waits),
                conn_test(test_peer_closes_within_a_message),
                conn_test(test_clocks),
                conn_test(test_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

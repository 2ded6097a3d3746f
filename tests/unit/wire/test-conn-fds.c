/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "conn-fixture.h"

/* size bytes, and n_fds times standard input with them. */
static void put_fds(Fixture *f, const void *data, size_t size, size_t n_fds) {
        union {
                char space[CMSG_SPACE(sizeof(int) * 32)];
                struct cmsghdr header;
        } control = {};
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds),
        };
        int fds[32] = {};

        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        assert_int_equal(sendmsg(f->peer, &message, MSG_NOSIGNAL), size);
}

static void test_fds(void **state) {
        static const char text[] = "{\"method\":\"a.B\"}";
        Fixture *f = *state;

        put_fds(f, text, sizeof(text), 1);
        conn_expect_call(f, "a.B", 1);
        put_fds(f, text, sizeof(text), VARLINK_FDS_MAX);
        conn_expect_call(f, "a.B", VARLINK_FDS_MAX);
        conn_put_message(f, text);
        conn_expect_call(f, "a.B", 0);
        /* On the first byte, the rest of the message later. */
        put_fds(f, text, 1, 2);
        conn_expect_no_call(f);
        conn_put(f, text + 1, sizeof(text) - 1);
        conn_expect_call(f, "a.B", 2);
}

static void test_fds_between_others(void **state) {
        static const char a[] = "{\"method\":\"a.A\"}", b[] = "{\"method\":\"a.B\"}",
                          c[] = "{\"method\":\"a.C\"}";
        Fixture *f = *state;

        /* One read may return the bytes of a and b together: the descriptors are b's. */
        conn_put_message(f, a);
        put_fds(f, b, sizeof(b), 1);
        put_fds(f, c, sizeof(c), 2);
        conn_put_message(f, a);
        conn_expect_call(f, "a.A", 0);
        conn_expect_call(f, "a.B", 1);
        conn_expect_call(f, "a.C", 2);
        conn_expect_call(f, "a.A", 0);
        /* a in two halves, b complete: both sets wait at once. */
        put_fds(f, a, 5, 1);
        assert_int_equal(conn_pump(f, 1), 0);
        conn_put(f, a + 5, sizeof(a) - 5);
        put_fds(f, b, 5, 2);
        conn_put(f, b + 5, sizeof(b) - 5);
        conn_expect_call(f, "a.A", 1);
        conn_expect_call(f, "a.B", 2);
        conn_expect_no_call(f);
}

static void test_fds_nobody_takes(void **state) {
        static const char text[] = "{\"method\":\"a.B\"}";
        Fixture *f = *state;

        /* The teardown counts: with a message that waits, with half a message, with garbage. */
        put_fds(f, text, sizeof(text), 3);
        assert_int_equal(conn_pump(f, 1), 0);
        conn_reopen(f, &varlink_server_limits);
        put_fds(f, text, 4, 3);
        assert_int_equal(conn_pump(f, 1), 0);
        conn_reopen(f, &varlink_server_limits);
        put_fds(f, "x", 2, 3);
        assert_int_equal(conn_pump(f, 1), 0);
}

static void test_fds_at_the_wrong_byte(void **state) {
        static const char text[] = "{\"method\":\"a.B\"}";
        Fixture *f = *state;

        conn_put(f, text, 3);
        assert_int_equal(conn_pump(f, 1), 0);
        put_fds(f, text + 3, sizeof(text) - 3, 1);
        assert_int_equal(conn_pump(f, 1), -EPROTO);
}

static void test_too_many_fds(void **state) {
        VarlinkConnLimits few = varlink_server_limits;
        Fixture *f = *state;

        put_fds(f, "{}", 3, VARLINK_FDS_MAX + 1);
        assert_int_equal(conn_pump(f, 1), -EPROTO);
        few.fds_max = 1;
        conn_reopen(f, &few);
        put_fds(f, "{}", 3, 2);
        assert_int_equal(conn_pump(f, 1), -EPROTO);
        /* A client takes none at all. */
        conn_reopen(f, &varlink_client_limits);
        put_fds(f, "{}", 3, 1);
        assert_int_equal(conn_pump(f, 1), -EPROTO);
}

/* Reads one message at the peer's end; returns how many descriptors came with its first byte. */
static size_t take_message(Fixture *f, char *ret_text, size_t size, size_t *ret_n) {
        union {
                char space[CMSG_SPACE(sizeof(int) * VARLINK_FDS_MAX)];
                struct cmsghdr header;
        } control = {};
        struct iovec iov = { .iov_base = ret_text, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(f->peer, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        size_t n_fds = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

        assert_true(n > 0);
        for (size_t i = 0; i < n_fds; i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                fd_close(fd);
        }
        *ret_n = (size_t) n;
        return n_fds;
}

static void test_send(void **state) {
        Fixture *f = *state;
        char text[256];
        size_t n;

        assert_int_equal(varlink_conn_send(f->conn, varlink_reply_new(json_object(), false), NULL),
                         0);
        assert_int_equal(take_message(f, text, sizeof(text), &n), 0);
        assert_int_equal(n, strlen("{\"parameters\":{}}") + 1);
        assert_string_equal(text, "{\"parameters\":{}}");
        assert_int_equal(varlink_conn_send(f->conn, NULL, NULL), -ENOMEM);
        assert_int_equal(varlink_conn_output_bytes(f->conn), 0);
}

static void test_send_fds(void **state) {
        VarlinkFds fds = { .n = 2 };
        Fixture *f = *state;
        char text[256];
        size_t n;

        for (size_t i = 0; i < fds.n; i++) {
                fds.fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                assert_true(fds.fds[i] >= 0);
        }
        assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:i}", "a", 1), NULL), 0);
        assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:i}", "b", 2), &fds), 0);
        assert_int_equal(fds.n, 0);
        assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:i}", "c", 3), NULL), 0);
        /* The kernel ends the read behind the message with descriptors. */
        assert_int_equal(take_message(f, text, sizeof(text), &n), 2);
        assert_int_equal(n, 16);
        assert_memory_equal(text, "{\"a\":1}\0{\"b\":2}", 16);
        assert_int_equal(take_message(f, text, sizeof(text), &n), 0);
        assert_memory_equal(text, "{\"c\":3}", 8);
}

/* Descriptors wait with their message, and go with its first byte and with no other message. */
static void test_send_fds_behind_a_stall(void **state) {
        _cleanup_(varlink_conn_freep) VarlinkConn *peer = NULL;
        size_t n_messages, n_replies = 0;
        VarlinkFds fds = { .n = 1 };
        Fixture *f = *state;

        n_messages = conn_send_until_stalled(f);
        fds.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:s}", "error", "b"), &fds), 0);
        assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:s}", "error", "c"), NULL), 0);
        assert_int_equal(varlink_conn_new(f->peer, &varlink_server_limits, 1, &peer), 0);
        f->peer = -EBADF;
        while (n_replies < n_messages + 2) {
                _cleanup_(varlink_reply_done) VarlinkReply reply = {};
                int r = varlink_conn_receive_reply(peer, &reply);

                if (r == 0) {
                        assert_int_equal(varlink_conn_wait(peer, UINT64_MAX), 1);
                        assert_int_equal(conn_pump(f, 1), 0);
                        continue;
                }
                assert_int_equal(r, 1);
                assert_int_equal(reply.fds.n, n_replies == n_messages ? 1 : 0);
                if (n_replies >= n_messages)
                        assert_string_equal(reply.error, n_replies == n_messages ? "b" : "c");
                n_replies++;
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                conn_test(test_fds),
                conn_test(test_fds_between_others),
                conn_test(test_fds_nobody_takes),
                conn_test(test_fds_at_the_wrong_byte),
                conn_test(test_too_many_fds),
                conn_test(test_send),
                conn_test(test_send_fds),
                conn_test(test_send_fds_behind_a_stall),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "wire/conn.h"

/* A connection and the other end of its socket, which the test writes to as a client would. */
typedef struct Fixture {
        VarlinkConn *conn;
        int peer;
        size_t n_open;
} Fixture;

static size_t count_open(void) {
        _cleanup_(closedirp) DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        return n;
}

static void open_conn(Fixture *f, const VarlinkConnLimits *limits) {
        int fds[2];

        f->n_open = count_open();
        assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
        assert_int_equal(varlink_conn_new(fds[0], limits, 1, &f->conn), 0);
        f->peer = fds[1];
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        open_conn(f, &varlink_server_limits);
        *state = f;
        return 0;
}

/* Whatever a test did, every descriptor is gone with the connection. */
static int teardown(void **state) {
        Fixture *f = *state;

        varlink_conn_free(f->conn);
        fd_close(f->peer);
        assert_int_equal(count_open(), f->n_open);
        free(f);
        return 0;
}

static void reopen(Fixture *f, const VarlinkConnLimits *limits) {
        varlink_conn_free(f->conn);
        fd_close(f->peer);
        assert_int_equal(count_open(), f->n_open);
        open_conn(f, limits);
}

static void put(Fixture *f, const void *data, size_t size) {
        assert_int_equal(send(f->peer, data, size, MSG_NOSIGNAL), size);
}

/* The string and its NUL. */
static void put_message(Fixture *f, const char *text) {
        put(f, text, strlen(text) + 1);
}

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

/* Polls and processes as an owner does, until there is nothing to do. */
static int pump(Fixture *f, uint64_t now_usec) {
        for (;;) {
                struct pollfd p = {
                        .fd = varlink_conn_get_fd(f->conn),
                        .events = (short) varlink_conn_get_events(f->conn),
                };
                int r;

                if (poll(&p, 1, 0) == 0)
                        return 0;
                r = varlink_conn_process(f->conn, p.revents, now_usec);
                if (r < 0)
                        return r;
                /* The kernel repeats POLLHUP for ever. */
                if (varlink_conn_is_closed(f->conn) &&
                    (varlink_conn_has_message(f->conn) || varlink_conn_is_finished(f->conn)))
                        return 0;
        }
}

static void expect_call(Fixture *f, const char *method, size_t n_fds) {
        _cleanup_(varlink_call_done) VarlinkCall call = {};

        assert_int_equal(pump(f, 1), 0);
        assert_int_equal(varlink_conn_receive_call(f->conn, &call), 1);
        assert_string_equal(call.method, method);
        assert_int_equal(call.fds.n, n_fds);
        for (size_t i = 0; i < n_fds; i++)
                assert_true(fcntl(call.fds.fds[i], F_GETFD) & FD_CLOEXEC);
}

static void expect_no_call(Fixture *f) {
        VarlinkCall call;

        assert_int_equal(pump(f, 1), 0);
        assert_int_equal(varlink_conn_receive_call(f->conn, &call), 0);
}

static void test_one(void **state) {
        Fixture *f = *state;

        expect_no_call(f);
        put_message(f, "{\"method\":\"a.B\"}");
        expect_call(f, "a.B", 0);
        expect_no_call(f);
        assert_false(varlink_conn_is_closed(f->conn));
}

static void test_byte_at_a_time(void **state) {
        static const char text[] = "{\"method\":\"a.B\",\"parameters\":{\"s\":\"\xc3\xa9\"}}";
        Fixture *f = *state;

        for (size_t i = 0; i < sizeof(text); i++) {
                expect_no_call(f);
                put(f, text + i, 1);
        }
        expect_call(f, "a.B", 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 0);
}

static void test_pipelining(void **state) {
        static const char text[] =
                "{\"method\":\"a.A\"}\0{\"method\":\"a.B\"}\0{\"method\":\"a.C\"}";
        Fixture *f = *state;

        put(f, text, sizeof(text));
        put(f, text, sizeof(text));
        for (size_t i = 0; i < 2; i++) {
                expect_call(f, "a.A", 0);
                expect_call(f, "a.B", 0);
                expect_call(f, "a.C", 0);
        }
        expect_no_call(f);
}

static void test_pipelining_is_bounded(void **state) {
        Fixture *f = *state;
        char many[32 * KIB];

        /* Calls that nobody takes stay in the socket, however many there are. */
        for (size_t i = 0; i + 17 <= sizeof(many); i += 17)
                memcpy(many + i, "{\"method\":\"a.B\"}", 17);
        put(f, many, sizeof(many) / 17 * 17);
        assert_int_equal(pump(f, 1), 0);
        assert_true(varlink_conn_has_message(f->conn));
        assert_false(varlink_conn_get_events(f->conn) & POLLIN);
        assert_true(varlink_conn_buffered_bytes(f->conn) <= 8 * KIB);
        for (size_t i = 0; i < sizeof(many) / 17; i++)
                expect_call(f, "a.B", 0);
        expect_no_call(f);
        assert_true(varlink_conn_buffered_bytes(f->conn) <= 16 * KIB);
}

static void test_size(void **state) {
        VarlinkConnLimits limits = { .message_max_bytes = 100 };
        Fixture *f = *state;
        char text[102];

        /* 100 bytes are a message, 101 are none, whether their NUL has come or not. */
        memset(text, ' ', sizeof(text));
        memcpy(text, "{\"method\":\"a.B\"}", 16);
        reopen(f, &limits);
        text[100] = '\0';
        put(f, text, 101);
        expect_call(f, "a.B", 0);
        text[100] = ' ';
        put(f, text, 101);
        assert_int_equal(pump(f, 1), -EMSGSIZE);

        reopen(f, &limits);
        text[101] = '\0';
        put(f, text, 102);
        assert_int_equal(pump(f, 1), -EMSGSIZE);
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
                assert_int_equal(pump(f, 1), 0);
        }
        assert_true(varlink_conn_buffered_bytes(f->conn) >= sizeof(text));
        expect_call(f, "a.B", 0);
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

                put_message(f, c->text);
                assert_int_equal(pump(f, 1), 0);
                assert_int_equal(varlink_conn_receive_call(f->conn, &call), c->r);
                reopen(f, &varlink_server_limits);
        }
}

static void test_fds(void **state) {
        static const char text[] = "{\"method\":\"a.B\"}";
        Fixture *f = *state;

        put_fds(f, text, sizeof(text), 1);
        expect_call(f, "a.B", 1);
        put_fds(f, text, sizeof(text), VARLINK_FDS_MAX);
        expect_call(f, "a.B", VARLINK_FDS_MAX);
        put_message(f, text);
        expect_call(f, "a.B", 0);
        /* On the first byte, the rest of the message later. */
        put_fds(f, text, 1, 2);
        expect_no_call(f);
        put(f, text + 1, sizeof(text) - 1);
        expect_call(f, "a.B", 2);
}

static void test_fds_between_others(void **state) {
        static const char a[] = "{\"method\":\"a.A\"}", b[] = "{\"method\":\"a.B\"}",
                          c[] = "{\"method\":\"a.C\"}";
        Fixture *f = *state;

        /* One read may return the bytes of a and b together: the descriptors are b's. */
        put_message(f, a);
        put_fds(f, b, sizeof(b), 1);
        put_fds(f, c, sizeof(c), 2);
        put_message(f, a);
        expect_call(f, "a.A", 0);
        expect_call(f, "a.B", 1);
        expect_call(f, "a.C", 2);
        expect_call(f, "a.A", 0);
        /* a in two halves, b complete: both sets wait at once. */
        put_fds(f, a, 5, 1);
        assert_int_equal(pump(f, 1), 0);
        put(f, a + 5, sizeof(a) - 5);
        put_fds(f, b, 5, 2);
        put(f, b + 5, sizeof(b) - 5);
        expect_call(f, "a.A", 1);
        expect_call(f, "a.B", 2);
        expect_no_call(f);
}

static void test_fds_nobody_takes(void **state) {
        static const char text[] = "{\"method\":\"a.B\"}";
        Fixture *f = *state;

        /* The teardown counts: with a message that waits, with half a message, with garbage. */
        put_fds(f, text, sizeof(text), 3);
        assert_int_equal(pump(f, 1), 0);
        reopen(f, &varlink_server_limits);
        put_fds(f, text, 4, 3);
        assert_int_equal(pump(f, 1), 0);
        reopen(f, &varlink_server_limits);
        put_fds(f, "x", 2, 3);
        assert_int_equal(pump(f, 1), 0);
}

static void test_fds_at_the_wrong_byte(void **state) {
        static const char text[] = "{\"method\":\"a.B\"}";
        Fixture *f = *state;

        put(f, text, 3);
        assert_int_equal(pump(f, 1), 0);
        put_fds(f, text + 3, sizeof(text) - 3, 1);
        assert_int_equal(pump(f, 1), -EPROTO);
}

static void test_too_many_fds(void **state) {
        VarlinkConnLimits few = varlink_server_limits;
        Fixture *f = *state;

        put_fds(f, "{}", 3, VARLINK_FDS_MAX + 1);
        assert_int_equal(pump(f, 1), -EPROTO);
        few.fds_max = 1;
        reopen(f, &few);
        put_fds(f, "{}", 3, 2);
        assert_int_equal(pump(f, 1), -EPROTO);
        /* A client takes none at all. */
        reopen(f, &varlink_client_limits);
        put_fds(f, "{}", 3, 1);
        assert_int_equal(pump(f, 1), -EPROTO);
}

/* Reads one message from the peer's end; the number of descriptors that came with its first byte. */
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

/* Fills the socket until output stays in the connection. */
static size_t send_until_stalled(Fixture *f) {
        char text[4096];
        size_t n = 0;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        while (varlink_conn_output_bytes(f->conn) == 0) {
                assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:s}", "x", text), NULL),
                                 0);
                n++;
        }
        return n;
}

/* Descriptors wait with their message, and go with its first byte and with no other message. */
static void test_send_fds_behind_a_stall(void **state) {
        _cleanup_(varlink_conn_freep) VarlinkConn *peer = NULL;
        size_t n_messages, n_replies = 0;
        VarlinkFds fds = { .n = 1 };
        Fixture *f = *state;

        n_messages = send_until_stalled(f);
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
                        assert_int_equal(pump(f, 1), 0);
                        continue;
                }
                assert_int_equal(r, 1);
                assert_int_equal(reply.fds.n, n_replies == n_messages ? 1 : 0);
                if (n_replies >= n_messages)
                        assert_string_equal(reply.error, n_replies == n_messages ? "b" : "c");
                n_replies++;
        }
}

static void test_stall(void **state) {
        static char text[MIB];
        Fixture *f = *state;
        size_t n_messages, n_nul = 0;

        assert_int_equal(varlink_conn_stalled_since_usec(f->conn), 0);
        n_messages = send_until_stalled(f);
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
                assert_int_equal(pump(f, 77), 0);
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
        reopen(f, &limits);
        send_until_stalled(f);
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

        put_message(f, "{\"method\":\"a.A\"}");
        put_message(f, "{\"method\":\"a.B\"}");
        f->peer = fd_close(f->peer);
        expect_call(f, "a.A", 0);
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
        expect_call(f, "a.B", 0);
        expect_no_call(f);
        assert_true(varlink_conn_is_finished(f->conn));
        assert_false(varlink_conn_get_events(f->conn) & POLLIN);
}

static void test_peer_closes_while_a_call_waits(void **state) {
        Fixture *f = *state;

        put_message(f, "{\"method\":\"a.A\"}");
        assert_int_equal(pump(f, 1), 0);
        assert_false(varlink_conn_is_closed(f->conn));
        assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
        assert_int_equal(pump(f, 1), 0);
        assert_true(varlink_conn_is_closed(f->conn));
        assert_false(varlink_conn_is_finished(f->conn));
        expect_call(f, "a.A", 0);
        expect_no_call(f);
        assert_true(varlink_conn_is_finished(f->conn));
        /* Half closed: it still reads. */
        assert_int_equal(varlink_conn_send(f->conn, varlink_reply_new(json_object(), false), NULL),
                         0);
}

static void test_peer_closes_within_a_message(void **state) {
        Fixture *f = *state;

        put(f, "{\"meth", 6);
        f->peer = fd_close(f->peer);
        expect_no_call(f);
        assert_true(varlink_conn_is_finished(f->conn));
}

static void test_clocks(void **state) {
        static const char text[] = "{\"method\":\"a.A\"}\0{\"method\":";
        Fixture *f = *state;
        VarlinkCall call;

        assert_int_equal(varlink_conn_active_usec(f->conn), 1);
        put(f, "{", 1);
        assert_int_equal(pump(f, 10), 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 10);
        /* More bytes do not buy more time. */
        put(f, " ", 1);
        assert_int_equal(pump(f, 20), 0);
        assert_int_equal(varlink_conn_partial_since_usec(f->conn), 10);
        assert_int_equal(varlink_conn_active_usec(f->conn), 20);
        put(f, text + 1, sizeof(text) - 2);
        assert_int_equal(pump(f, 30), 0);
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
        put_message(f, "{\"error\":\"a.E\"}");
        assert_int_equal(varlink_conn_wait(f->conn, UINT64_MAX), 1);
        assert_int_equal(varlink_conn_receive_reply(f->conn, &reply), 1);
        assert_string_equal(reply.error, "a.E");
        f->peer = fd_close(f->peer);
        assert_int_equal(varlink_conn_wait(f->conn, UINT64_MAX), 1);
        assert_true(varlink_conn_is_finished(f->conn));
}

#define conn_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                conn_test(test_one),
                conn_test(test_byte_at_a_time),
                conn_test(test_pipelining),
                conn_test(test_pipelining_is_bounded),
                conn_test(test_size),
                conn_test(test_large),
                conn_test(test_garbage),
                conn_test(test_fds),
                conn_test(test_fds_between_others),
                conn_test(test_fds_nobody_takes),
                conn_test(test_fds_at_the_wrong_byte),
                conn_test(test_too_many_fds),
                conn_test(test_send),
                conn_test(test_send_fds),
                conn_test(test_send_fds_behind_a_stall),
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection that gets hostile bytes, in pieces of any size and with descriptors, says the same as a reader that
 * has all of them at once.
 *
 * An input: one byte of flags, one byte for the size of pieces, one byte that says which of them have descriptors;
 * then the stream. */

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "fuzz.h"
#include "wire/base64.h"
#include "wire/conn-socket.h"
#include "wire/conn.h"

#define SMALL_MAX 200 /* so that messages above the limit are in reach */

#define ECHO_MAX 64

/* What the connection has been told to send, for its peer to compare. */
typedef struct Echo {
        json_t *messages[ECHO_MAX];
        size_t n, n_fds;
        bool is_on;
} Echo;

typedef struct Stream {
        const char *data; /* what the reader has not seen yet */
        size_t size;
        size_t message_max;
        bool is_server;
        Echo echo;
} Stream;

/* One message, by the rules of the specification and nothing else. */
typedef struct Message {
        VarlinkCall call;
        VarlinkReply reply;
} Message;

static void message_done(Message *m) {
        varlink_call_done(&m->call);
        varlink_reply_done(&m->reply);
}

/* Says again what was read, and reads that. */
static void check_round_trip(const Message *m, bool is_server) {
        _cleanup_(message_done) Message again = {};
        json_t *json;
        char *text;

        if (is_server)
                json = varlink_call_new(m->call.method, json_incref(m->call.parameters),
                                        m->call.more, m->call.oneway);
        else if (m->reply.error)
                json = varlink_error_new(m->reply.error, json_incref(m->reply.parameters));
        else
                json = varlink_reply_new(json_incref(m->reply.parameters), m->reply.continues);
        fuzz_check(json);
        text = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        fuzz_check(text);
        if (is_server) {
                fuzz_check(varlink_call_parse(text, strlen(text), &again.call) == 0);
                fuzz_check(strcmp(again.call.method, m->call.method) == 0);
                fuzz_check(json_equal(again.call.parameters, m->call.parameters));
                fuzz_check(again.call.more == m->call.more && again.call.oneway == m->call.oneway);
        } else {
                fuzz_check(varlink_reply_parse(text, strlen(text), &again.reply) == 0);
                fuzz_check(json_equal(again.reply.parameters, m->reply.parameters));
                fuzz_check(again.reply.continues == m->reply.continues);
        }
        free(text);
}

static int message_parse(const char *text, size_t size, bool is_server, Message *ret_message) {
        return is_server ? varlink_call_parse(text, size, &ret_message->call)
                         : varlink_reply_parse(text, size, &ret_message->reply);
}

/* 1, 0: no complete message is left, or -EBADMSG and its kind. */
static int stream_next(Stream *s, Message *ret_message) {
        const char *nul = s->size > 0 ? memchr(s->data, '\0', s->size) : NULL;
        size_t size = nul ? (size_t) (nul - s->data) : s->size;
        int r;

        if (size > s->message_max)
                return -EMSGSIZE;
        if (!nul)
                return 0;
        r = message_parse(s->data, size, s->is_server, ret_message);
        if (r < 0)
                return r;
        check_round_trip(ret_message, s->is_server);
        s->data += size + 1;
        s->size -= size + 1;
        return 1;
}

static void check_same(const Message *a, const Message *b, bool is_server) {
        if (is_server) {
                fuzz_check(strcmp(a->call.method, b->call.method) == 0);
                fuzz_check(json_equal(a->call.parameters, b->call.parameters));
                return;
        }
        fuzz_check(!a->reply.error == !b->reply.error);
        fuzz_check(json_equal(a->reply.parameters, b->reply.parameters));
}

/* Says again what it was told, some of it with a descriptor. */
static void echo_message(VarlinkConn *conn, Echo *echo, json_t *parameters) {
        VarlinkFds fds = {};

        if (!echo->is_on || echo->n == ECHO_MAX)
                return;
        if (echo->n % 3 == 1) {
                fds = (VarlinkFds){ .fds = { dup(STDERR_FILENO) }, .n = 1 };
                fuzz_check(fds.fds[0] >= 0);
                echo->n_fds++;
        }
        echo->messages[echo->n] = varlink_reply_new(json_incref(parameters), true);
        fuzz_check(varlink_conn_send(conn, json_incref(echo->messages[echo->n]), &fds) == 0);
        echo->n++;
}

/* The peer reads all of it, and it is what was sent. */
static void check_echo(VarlinkConn *conn, int peer, Echo *echo) {
        VarlinkConn *reader = NULL;
        size_t n = 0, n_fds = 0;

        fuzz_check(varlink_conn_new(peer, &varlink_server_limits, 1, &reader) >= 0);
        /* Until nothing moves any more: what one cannot send now, the other makes room for. */
        while (n < echo->n) {
                VarlinkReply reply = {};

                fuzz_check(varlink_conn_process(reader, POLLIN, 1) == 0);
                fuzz_check(varlink_conn_process(conn, POLLOUT, 1) == 0);
                if (varlink_conn_receive_reply(reader, &reply) != 1)
                        continue;
                fuzz_check(json_equal(reply.parameters,
                                      json_object_get(echo->messages[n], "parameters")));
                fuzz_check(reply.fds.n == (n % 3 == 1));
                n_fds += reply.fds.n;
                varlink_reply_done(&reply);
                json_decref(echo->messages[n++]);
        }
        fuzz_check(n_fds == echo->n_fds && varlink_conn_output_bytes(conn) == 0);
        fuzz_check(!varlink_conn_output_is_high(conn) &&
                   varlink_conn_stalled_since_usec(conn) == 0);
        varlink_conn_free(reader);
}

/* Takes what is there. Returns false once the connection has had enough. */
static bool take_messages(VarlinkConn *conn, Stream *s, size_t *n_fds) {
        for (;;) {
                _cleanup_(message_done) Message message = {}, expected = {};
                int r = s->is_server ? varlink_conn_receive_call(conn, &message.call)
                                     : varlink_conn_receive_reply(conn, &message.reply);

                if (r == 0)
                        return true;
                if (r < 0) {
                        /* The next one may be what is wrong: it was looked at as this one went. */
                        int e = stream_next(s, &expected);

                        if (e > 0)
                                fuzz_check(r == -EMSGSIZE &&
                                           stream_next(s, &(Message){}) == -EMSGSIZE);
                        else
                                fuzz_check(e == r);
                        return false;
                }
                *n_fds += message.call.fds.n;
                fuzz_check(stream_next(s, &expected) == 1);
                check_same(&message, &expected, s->is_server);
                echo_message(conn, &s->echo,
                             s->is_server ? message.call.parameters : message.reply.parameters);
        }
}

/* Reads until nothing is left in the socket. 0, or the error that ends the connection. */
static int pump(VarlinkConn *conn, Stream *s, size_t *n_fds) {
        for (;;) {
                struct pollfd p = { .fd = varlink_conn_get_fd(conn) };
                int r;

                if (!take_messages(conn, s, n_fds))
                        return -EBADMSG;
                p.events = (short) varlink_conn_get_events(conn);
                if (poll(&p, 1, 0) == 0 || varlink_conn_is_finished(conn))
                        return 0;
                r = varlink_conn_process(conn, p.revents, 1);
                if (r < 0)
                        return r;
        }
}

static void feed(VarlinkConn *conn, int peer, Stream *s, size_t piece_max, uint8_t fd_mask) {
        const char *bytes = s->data;
        size_t left = s->size, n_sent = 0, n_fds = 0, piece;
        int r = 0;

        for (unsigned i = 0; left > 0 && r == 0; i++, bytes += piece, left -= piece) {
                VarlinkFds fds = {};

                piece = MIN(left, piece_max);
                if (fd_mask & (1U << i % 8))
                        fds = (VarlinkFds){ .fds = { STDIN_FILENO, STDERR_FILENO }, .n = 2 };
                fuzz_check(conn_socket_write(peer, bytes, piece, &fds) == (ssize_t) piece);
                n_sent += fds.n;
                r = pump(conn, s, &n_fds);
        }
        (void) shutdown(peer, SHUT_WR);
        if (r == 0)
                r = pump(conn, s, &n_fds);
        fuzz_check(n_fds <= n_sent);
        if (r == 0) {
                _cleanup_(message_done) Message rest = {};

                fuzz_check(stream_next(s, &rest) == 0);
                fuzz_check(varlink_conn_is_finished(conn));
        } else if (r == -EMSGSIZE)
                fuzz_check(stream_next(s, &(Message){}) == -EMSGSIZE);
}

/* What decodes is what encoding makes; and everything that encoding makes decodes. */
static void check_base64(const char *text, size_t size) {
        char *data = NULL, *again;
        size_t n;

        if (base64_decode(text, size, &data, &n) == 0) {
                again = base64_encode(data, n);
                fuzz_check(again && strlen(again) == size && memcmp(again, text, size) == 0);
                free(again);
                free(data);
        }
        again = base64_encode(text, size);
        fuzz_check(again && base64_decode(again, strlen(again), &data, &n) == 0);
        fuzz_check(n == size && (n == 0 || memcmp(data, text, n) == 0));
        free(again);
        free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned before = fuzz_count_fds();
        int fds[2];
        FuzzInput in = { data, size };
        uint8_t flags = fuzz_byte(&in), piece = fuzz_byte(&in), fd_mask = fuzz_byte(&in);
        VarlinkConnLimits limits = varlink_server_limits;
        Stream s = {
                .data = (const char *) in.data,
                .size = in.size,
                .is_server = !(flags & 1),
                .echo = { .is_on = flags & 64 },
        };
        VarlinkConn *conn;

        if (flags & 2)
                limits.message_max_bytes = SMALL_MAX;
        if (flags & 4)
                limits.fds_max = 1;
        if (flags & 8)
                fd_mask = 0;
        s.message_max = limits.message_max_bytes;
        if (flags & 32)
                check_base64(s.data, s.size);
        fuzz_check(fd_socketpair(fds, SOCK_STREAM) >= 0);
        fuzz_check(varlink_conn_new(fds[0], &limits, 1, &conn) >= 0);
        feed(conn, fds[1], &s, flags & 16 ? (size_t) piece * 16 + 1 : (size_t) piece % 143 + 1,
             fd_mask);
        if (flags & 128) { /* nobody reads */
                (void) close(fds[1]);
                (void) varlink_conn_process(conn, POLLOUT | POLLHUP, 1);
                FOREACH_ARRAY(message, s.echo.messages, s.echo.n)
                        json_decref(*message);
        } else
                check_echo(conn, fds[1], &s.echo);
        varlink_conn_free(conn);
        fuzz_check(fuzz_count_fds() == before);
        return 0;
}

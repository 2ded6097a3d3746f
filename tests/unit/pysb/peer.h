/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The other end of a client's connection, played by the test: replies are written before the client
 * asks, since the socket keeps them, so that no second process is needed. */

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "pysb/pysb.h"

typedef struct Peer {
        PysbClient *client;
        int fd;
} Peer;

#define RESULT_JSON                                                            \
        "{\"job\":\"j1\",\"outcome\":\"success\",\"exitCode\":0,\"usage\":{}," \
        "\"degraded\":false}"

static inline int peer_setup(void **state) {
        static Peer peer;
        int pair[2];

        assert_int_equal(fd_socketpair(pair, SOCK_STREAM), 0);
        peer.fd = pair[1];
        assert_int_equal(pysb_client_new_from_fd(&peer.client, pair[0]), 0);
        *state = &peer;
        return 0;
}

static inline int peer_teardown(void **state) {
        Peer *peer = *state;

        peer->client = pysb_client_free(peer->client);
        peer->fd = fd_close(peer->fd);
        return 0;
}

/* Sends one message; its NUL comes along. */
static inline void peer_send(Peer *peer, const char *message) {
        assert_int_equal(io_write_full(peer->fd, message, strlen(message) + 1), 0);
}

/* Nothing more will come from the daemon. */
static inline void peer_hang_up(Peer *peer) {
        assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
}

/* The next message that the client sent, as JSON; the caller owns it. */
static inline json_t *peer_receive(Peer *peer) {
        char text[4096];
        size_t size = 0;
        json_t *json;

        do {
                assert_true(size < sizeof(text));
                assert_int_equal(read(peer->fd, text + size, 1), 1);
        } while (text[size++] != '\0');
        json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        return json;
}

/* The next message must be this one, whatever the order of its members. */
static inline void peer_expect(Peer *peer, const char *message) {
        json_t *got = peer_receive(peer), *expected = json_loads(message, 0, NULL);

        assert_non_null(expected);
        if (!json_equal(got, expected))
                fail_msg("sent %s instead of %s", json_dumps(got, 0), message);
        json_decref(got);
        json_decref(expected);
}

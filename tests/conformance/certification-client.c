/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The client of org.varlink.certification on our codec, for foreign servers:
 *
 *      certification-client PATH
 *
 * What one method returns is given to the next one. Exit status 0 if the server is content. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/clock.h"
#include "wire/conn.h"

#define PATIENCE_USEC (30 * USEC_PER_SEC)

static int
send_call(VarlinkConn *conn, const char *name, json_t *parameters, bool more, bool oneway) {
        char method[64];

        (void) snprintf(method, sizeof(method), "org.varlink.certification.%s", name);
        return varlink_conn_send(conn, varlink_call_new(method, parameters, more, oneway), NULL);
}

static int receive(VarlinkConn *conn, VarlinkReply *ret_reply) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        int r;

        while ((r = varlink_conn_receive_reply(conn, ret_reply)) == 0) {
                if (varlink_conn_is_finished(conn))
                        return -ECONNRESET;
                r = varlink_conn_wait(conn, deadline);
                if (r == 0)
                        return -ETIMEDOUT;
                if (r < 0)
                        return r;
        }
        if (r > 0 && ret_reply->error) {
                fprintf(stderr, "%s ", ret_reply->error);
                json_dumpf(ret_reply->parameters, stderr, 0);
                fputc('\n', stderr);
                return -EREMOTEIO;
        }
        return r < 0 ? r : 0;
}

/* Calls with the values and the client's id; *values becomes what the method returns. */
static int step(VarlinkConn *conn, const char *name, const char *id, json_t **values) {
        VarlinkReply reply = {};
        int r;

        json_object_set_new(*values, "client_id", json_string(id));
        r = send_call(conn, name, TAKE_PTR(*values), false, false);
        if (r < 0)
                return r;
        r = receive(conn, &reply);
        if (r < 0)
                return r;
        *values = json_incref(reply.parameters);
        varlink_reply_done(&reply);
        return 0;
}

/* Test10: several replies; *values becomes the argument of Test11. */
static int stream(VarlinkConn *conn, const char *id, json_t **values) {
        json_t *strings = json_array();
        bool continues = true;
        int r;

        json_object_set_new(*values, "client_id", json_string(id));
        r = send_call(conn, "Test10", TAKE_PTR(*values), true, false);
        while (r == 0 && continues) {
                _cleanup_(varlink_reply_done) VarlinkReply reply = {};

                r = receive(conn, &reply);
                if (r < 0)
                        break;
                continues = reply.continues;
                json_array_append(strings, json_object_get(reply.parameters, "string"));
        }
        *values = json_pack("{s:s, s:o}", "client_id", id, "last_more_replies", strings);
        return r;
}

static int run(VarlinkConn *conn) {
        static const char *const tests[] = { "Test01", "Test02", "Test03", "Test04", "Test05",
                                             "Test06", "Test07", "Test08", "Test09" };
        _cleanup_(varlink_reply_done) VarlinkReply start = {};
        json_t *values = json_object();
        const char *id;
        int r;

        r = send_call(conn, "Start", json_object(), false, false);
        if (r == 0)
                r = receive(conn, &start);
        id = json_string_value(json_object_get(start.parameters, "client_id"));
        if (!id)
                return r < 0 ? r : -EPROTO;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(tests); i++)
                r = step(conn, tests[i], id, &values);
        if (r == 0)
                r = stream(conn, id, &values);
        if (r == 0)
                r = send_call(conn, "Test11", TAKE_PTR(values), false, true);
        if (r < 0)
                return r;
        values = json_object();
        r = step(conn, "End", id, &values);
        if (r == 0 && !json_is_true(json_object_get(values, "all_ok")))
                r = -EREMOTEIO;
        json_decref(values);
        return r;
}

int main(int argc, char **argv) {
        _cleanup_(varlink_conn_freep) VarlinkConn *conn = NULL;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (argc != 2)
                return EXIT_FAILURE;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                perror(argv[1]);
                return EXIT_FAILURE;
        }
        r = varlink_conn_new(fd, &varlink_client_limits, clock_monotonic_usec(), &conn);
        if (r == 0) {
                TAKE_FD(fd);
                r = run(conn);
        }
        if (r < 0)
                fprintf(stderr, "certification failed: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

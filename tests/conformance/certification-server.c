/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.varlink.certification on our codec, for foreign clients:
 *
 *      certification-server PATH
 *
 * It serves one client after the other until it is killed. Each method wants what the one before it
 * has returned. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/clock.h"
#include "wire/conn.h"
#include "wire/dispatch.h"
#include "wire/interfaces.h"
#include "wire/service.h"

#define CLIENT_ID "client-1"
#define N_STRINGS 10

extern const char varlink_description_org_varlink_certification[];

/* What each method returns; the next one wants it, beside client_id. */
static const char *const returns[] = {
        "{}",
        "{\"bool\":true}",
        "{\"int\":-9007199254740993}",
        "{\"float\":1.5}",
        "{\"string\":\"ping \\\"\\u00e9\\ud83d\\ude00\\\\\\n\"}",
        "{\"bool\":false,\"int\":2,\"float\":3.1415926535897931,\"string\":\"a lot of string\"}",
        "{\"struct\":{\"bool\":false,\"int\":2,\"float\":3.1415926535897931,"
        "\"string\":\"a lot of string\"}}",
        "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}",
        "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}",
        "{\"mytype\":{\"object\":{\"method\":\"org.varlink.certification.Test09\","
        "\"parameters\":{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}},\"enum\":\"two\","
        "\"struct\":{\"first\":1,\"second\":\"2\"},\"array\":[\"one\",\"two\",\"three\"],"
        "\"dictionary\":{\"foo\":\"Foo\",\"bar\":\"Bar\"},"
        "\"stringset\":{\"one\":{},\"two\":{},\"three\":{}},"
        "\"interface\":{\"foo\":[null,{\"foo\":\"foo\",\"bar\":\"bar\"},null,"
        "{\"one\":\"foo\",\"two\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}}",
};

static size_t n_wrong;

static json_t *parse(const char *text) {
        json_t *value = NULL;

        return wire_json_parse(text, strlen(text), &value) < 0 ? NULL : value;
}

/* Clients send a nullable field as null or leave it out. */
static void drop_nulls(json_t *value) {
        const char *key;
        json_t *item;
        void *next;
        size_t i;

        json_array_foreach(value, i, item) drop_nulls(item);
        json_object_foreach_safe(value, next, key, item) {
                if (json_is_null(item))
                        json_object_del(value, key);
                else
                        drop_nulls(item);
        }
}

/* An error if the call has not these parameters beside the client's id, else NULL. Steals wants. */
static json_t *check(const VarlinkCall *call, json_t *wants) {
        json_t *got = call->parameters;
        const char *id = json_string_value(json_object_get(got, "client_id"));

        if (!id || strcmp(id, CLIENT_ID) != 0) {
                json_decref(wants);
                return varlink_error_new("org.varlink.certification.ClientIdError", json_object());
        }
        json_object_del(got, "client_id");
        drop_nulls(got);
        if (json_equal(got, wants)) {
                json_decref(wants);
                return NULL;
        }
        n_wrong++;
        fprintf(stderr, "%s: other parameters were expected\n", call->method);
        json_dumpf(wants, stderr, JSON_SORT_KEYS);
        fputc('\n', stderr);
        json_dumpf(got, stderr, JSON_SORT_KEYS);
        fputc('\n', stderr);
        return varlink_error_new("org.varlink.certification.CertificationError",
                                 json_pack("{s:o, s:O}", "wants", wants, "got", got));
}

static int handle_stream(VarlinkConn *conn, VarlinkCall *call) {
        json_t *error = check(call, parse(returns[9]));
        int r = 0;

        if (error)
                return varlink_conn_send(conn, error, NULL);
        for (int i = 1; r == 0 && i <= N_STRINGS; i++) {
                char text[32];

                (void) snprintf(text, sizeof(text), "Reply number %d", i);
                r = varlink_conn_send(
                        conn, varlink_reply_new(json_pack("{s:s}", "string", text), i < N_STRINGS),
                        NULL);
        }
        return r;
}

static json_t *last_more_replies(void) {
        json_t *strings = json_array();

        for (int i = 1; i <= N_STRINGS; i++)
                json_array_append_new(strings, json_sprintf("Reply number %d", i));
        return json_pack("{s:o}", "last_more_replies", strings);
}

static int handle_oneway(VarlinkConn *conn, VarlinkCall *call) {
        json_t *error = check(call, last_more_replies());

        if (!error && call->oneway)
                return 0;
        n_wrong++;
        if (call->oneway) {
                json_decref(error);
                return 0;
        }
        return varlink_conn_send(conn, error ?: varlink_reply_new(json_object(), false), NULL);
}

static int handle_start(VarlinkConn *conn, VarlinkCall *call) {
        n_wrong = 0;
        return varlink_conn_send(
                conn, varlink_reply_new(json_pack("{s:s}", "client_id", CLIENT_ID), false), NULL);
}

static int handle_end(VarlinkConn *conn, VarlinkCall *call) {
        json_t *error = check(call, json_object());

        return varlink_conn_send(
                conn, error ?: varlink_reply_new(json_pack("{s:b}", "all_ok", n_wrong == 0), false),
                NULL);
}

/* Test01 to Test09. */
static int handle_test(VarlinkConn *conn, VarlinkCall *call) {
        size_t number = (size_t) (call->method[strlen(call->method) - 1] - '0');
        json_t *error = check(call, parse(returns[number - 1]));

        return varlink_conn_send(conn, error ?: varlink_reply_new(parse(returns[number]), false),
                                 NULL);
}

typedef int (*Handler)(VarlinkConn *conn, VarlinkCall *call);

#define HANDLER(f) ((void (*)(void))(f))

static const VarlinkMethod methods[] = {
        { "Start", 0, HANDLER(handle_start) },
        { "Test01", 0, HANDLER(handle_test) },
        { "Test02", 0, HANDLER(handle_test) },
        { "Test03", 0, HANDLER(handle_test) },
        { "Test04", 0, HANDLER(handle_test) },
        { "Test05", 0, HANDLER(handle_test) },
        { "Test06", 0, HANDLER(handle_test) },
        { "Test07", 0, HANDLER(handle_test) },
        { "Test08", 0, HANDLER(handle_test) },
        { "Test09", 0, HANDLER(handle_test) },
        { "Test10", VARLINK_REQUIRES_MORE, HANDLER(handle_stream) },
        { "Test11", 0, HANDLER(handle_oneway) },
        { "End", 0, HANDLER(handle_end) },
        {},
};

static const VarlinkInterface interface = {
        .name = "org.varlink.certification",
        .description = varlink_description_org_varlink_certification,
        .methods = methods,
};

static const VarlinkService service = {
        .vendor = "pysb",
        .product = "certification server",
        .version = "1",
        .url = "https://varlink.org",
        .interfaces = &interface,
        .n_interfaces = 1,
};

static int handle(VarlinkConn *conn, VarlinkCall *call) {
        const VarlinkMethod *method;
        const char *text;
        json_t *reply;
        int r;

        r = varlink_service_resolve(&service, call, &method, &reply, &text);
        if (r == VARLINK_DESCRIBED)
                return call->oneway ? 0 : varlink_conn_send_text(conn, text);
        if (r == VARLINK_METHOD)
                return ((Handler) method->handler)(conn, call);
        if (r < 0)
                return r;
        if (call->oneway) {
                json_decref(reply);
                return 0;
        }
        return varlink_conn_send(conn, reply, NULL);
}

/* One client, to its end. */
static int serve(VarlinkConn *conn) {
        while (!varlink_conn_is_finished(conn)) {
                _cleanup_(varlink_call_done) VarlinkCall call = {};
                int r;

                r = varlink_conn_receive_call(conn, &call);
                if (r > 0)
                        r = handle(conn, &call);
                else if (r == 0)
                        r = varlink_conn_wait(conn, UINT64_MAX);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int listen_at(const char *path) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (fd < 0)
                return -errno;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 16) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int main(int argc, char **argv) {
        int fd = argc == 2 ? listen_at(argv[1]) : -EINVAL;

        if (fd < 0) {
                fprintf(stderr, "usage: certification-server PATH: %s\n", strerror(-fd));
                return EXIT_FAILURE;
        }
        for (;;) {
                _cleanup_(varlink_conn_freep) VarlinkConn *conn = NULL;
                int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC), r;

                if (client < 0)
                        return EXIT_FAILURE;
                r = varlink_conn_new(client, &varlink_server_limits, clock_monotonic_usec(), &conn);
                if (r >= 0)
                        r = serve(conn);
                if (r < 0)
                        fprintf(stderr, "the connection failed: %s\n", strerror(-r));
        }
}

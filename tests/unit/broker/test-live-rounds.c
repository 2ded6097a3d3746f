/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop's time is shared between tenants: who calls without end is answered in parts. Only root can be
 * several users. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/server.h"
#include "harness.h"
#include "proto/link.h"

#define CALL "{\"method\":\"io.pysb.sandbox.WhoAmI\"}"
#define CALLS 200

enum {
        HOSTILE = 12345,
        GOOD = 54321
};

static Harness *harness;
static Client *hostile, *good;

static int setup(void **state) {
        if (geteuid() != 0)
                return 0;
        harness = harness_new(&(HarnessOptions){ .slots = 2 });
        hostile = client_new(harness, HOSTILE);
        good = client_new(harness, GOOD);
        return 0;
}

static void begin_round(Harness *h) {
        assert_int_equal(sd_event_source_set_enabled(h->broker->server->rounder, SD_EVENT_ONESHOT),
                         0);
}

static int teardown(void **state) {
        if (geteuid() != 0)
                return 0;
        begin_round(harness); /* also where a test has failed */
        client_free(hostile);
        client_free(good);
        harness_free(harness);
        return 0;
}

static void need_root(void) {
        if (geteuid() == 0)
                return;
        print_message("skipped: only root can be two users\n");
        skip();
}

/* Calls without waiting for an answer; nobody has looked at them yet. */
static void flood(const Client *c, size_t n) {
        for (size_t i = 0; i < n; i++)
                assert_int_equal(send(varlink_conn_get_fd(c->conn), CALL, sizeof(CALL), 0),
                                 sizeof(CALL));
}

static size_t count_replies(Client *c) {
        VarlinkReply reply = {};
        size_t n = 0;

        while (client_try_reply(c, &reply) > 0) {
                assert_null(reply.error);
                varlink_reply_done(&reply);
                n++;
        }
        return n;
}

static bool is_held(const Harness *h) {
        return !list_is_empty(&h->broker->server->held);
}

/* Until somebody is held, or nothing is left to do: whether somebody is. Then no round begins. */
static bool run_until_held(Harness *h) {
        while (!is_held(h) && sd_event_run(h->event, 0) > 0)
                ;
        if (is_held(h))
                assert_int_equal(
                        sd_event_source_set_enabled(h->broker->server->rounder, SD_EVENT_OFF), 0);
        return is_held(h);
}

/* Beside somebody's job a flood is held, and the others are answered meanwhile. */
static void test_held(void **state) {
        BuilderReport ended = { .kind = BUILDER_ENDED, .facts.has_record = 1 };
        Box box;
        char byte;

        need_root();
        client_call(good, "Run", "{\"request\":{\"code\":\"1\"}}", false);
        box = builder_start(harness);
        builder_started(&box);
        ended.box = box.request.box;
        flood(hostile, CALLS);
        assert_true(run_until_held(harness));
        assert_true(tenants_find(&harness->broker->tenants, "uid:12345")->round_bytes <
                    2 * ROUND_BYTES_MAX);

        /* The end of the other one's job, and its answer, wait for no round. */
        assert_int_equal(recv(varlink_conn_get_fd(good->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT),
                         -1);
        assert_int_equal(link_send(harness->builder, &ended, sizeof(ended), NULL, 0), 0);
        while (recv(varlink_conn_get_fd(good->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0) {
                assert_true(is_held(harness));
                assert_int_equal(sd_event_run(harness->event, 0), 1);
        }
        begin_round(harness);
        json_decref(client_reply(good));
        assert_int_equal(count_replies(hostile), CALLS);
        FOREACH_ARRAY(fd, box.fds, BUILDER_START_FDS)
                fd_close(*fd);
}

/* Who is alone is never held, and nor is who has the only jobs. */
static void test_alone(void **state) {
        Box box;

        need_root();
        flood(hostile, CALLS);
        assert_false(run_until_held(harness));
        assert_int_equal(count_replies(hostile), CALLS);
        client_call(hostile, "Submit", "{\"request\":{\"code\":\"1\"}}", false);
        json_decref(client_reply(hostile));
        box = builder_start(harness);
        flood(hostile, CALLS);
        assert_false(run_until_held(harness));
        assert_int_equal(count_replies(hostile), CALLS);
        builder_exited(&box, 0);
}

/* A held client that goes away is gone with the next round. */
static void test_gone(void **state) {
        Box box;

        need_root();
        client_call(good, "Submit", "{\"request\":{\"code\":\"1\"}}", false);
        json_decref(client_reply(good));
        box = builder_start(harness);
        flood(hostile, CALLS);
        assert_true(run_until_held(harness));
        begin_round(harness);
        client_free(hostile);
        assert_false(is_held(harness));
        assert_null(tenants_find(&harness->broker->tenants, "uid:12345"));
        hostile = client_new(harness, HOSTILE);
        builder_exited(&box, 0);
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                LIVE(test_held),
                LIVE(test_alone),
                LIVE(test_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

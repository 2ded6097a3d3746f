/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile, slow, impatient and numerous clients. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/connection.h"
#include "broker/server.h"
#include "harness.h"

#define RUN "{\"request\":{\"code\":\"pass\"}}"
#define NODE "{\"method\":\"io.pysb.sandbox.GetNode\"}"

static Harness *harness; /* of the tests that make their own */

static void test_other_tenant(void **state) {
        Client *mine, *theirs;
        static const char *const methods[] = { "GetJob", "Wait", "Cancel" };
        json_t *r, *unknown;
        char p[128];
        Box box;

        if (geteuid() != 0) {
                print_message("skipped: only root can be two users\n");
                skip();
        }
        mine = client_new(*state, 12345);
        theirs = client_new(*state, 54321);
        r = client_ask(mine, "Submit", RUN);
        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\"}", reply_string(r, "job"));
        json_decref(r);
        box = builder_start(*state);
        client_call(theirs, "Wait", "{\"job\":\"nonsense\"}", false);
        unknown = client_error(theirs, "JobNotFound");
        FOREACH_ARRAY(m, methods, ELEMENTSOF(methods)) {
                json_t *e;

                client_call(theirs, *m, p, false);
                e = client_error(theirs, "JobNotFound");
                assert_int_equal(json_object_size(e), json_object_size(unknown));
                json_decref(e);
        }
        json_decref(unknown);
        client_call(theirs, "Attach", p, true);
        json_decref(client_error(theirs, "JobNotFound"));
        builder_expect_nothing(*state);
        r = client_ask(theirs, "ListJobs", "{}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 0);
        json_decref(r);
        r = client_ask(mine, "ListJobs", "{}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 1);
        assert_string_equal(reply_string(r, "jobs.0.tenant"), "uid:12345");
        json_decref(r);
        builder_exited(&box, 0);
        client_free(mine);
        client_free(theirs);
}

/* Whatever one client sends, only its own connection ends. */
static void test_garbage(void **state) {
        static const char *const garbage[] = {
                "hello",
                "{}",
                "[]",
                "{\"method\":5}",
                "{\"method\":\"io.pysb.sandbox.GetNode\",\"method\":\"x\"}",
                "{\"method\":\"io.pysb.sandbox.Run\",\"more\":true,\"oneway\":true}",
                "\xff\xfe",
                "",
                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        };
        Client *good = client_new(*state, geteuid());

        FOREACH_ARRAY(g, garbage, ELEMENTSOF(garbage)) {
                Client *c = client_new(*state, geteuid());

                client_send_raw(c, *g, strlen(*g) + 1);
                assert_true(client_is_closed(c));
                client_free(c);
        }
        json_decref(client_ask(good, "GetNode", "{}"));
        client_free(good);
}

/* Several calls in one write, and a call in single bytes. */
static void test_pipelining(void **state) {
        static const char three[] = NODE "\0{\"method\":\"io.pysb.sandbox.WhoAmI\"}\0" NODE;
        Client *c = client_new(*state, geteuid());
        json_t *r;

        client_send_raw(c, three, sizeof(three));
        r = client_reply(c);
        (void) reply_string(r, "kernel");
        json_decref(r);
        r = client_reply(c);
        (void) reply_string(r, "tenant");
        json_decref(r);
        for (size_t i = 0; i < sizeof(NODE); i++)
                client_send_raw(c, &NODE[i], 1);
        json_decref(client_reply(c));
        json_decref(client_reply(c));
        client_free(c);
}

/* Calls behind a Run wait for its end, and come then. */
static void test_pipelined_behind_run(void **state) {
        Client *c = client_new(*state, geteuid());
        VarlinkReply none = {};
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, false);
        client_call(c, "WhoAmI", "{}", false);
        assert_int_equal(client_try_reply(c, &none), 0);
        box = builder_start(*state);
        builder_exited(&box, 0);
        r = client_reply(c);
        (void) reply_string(r, "result.outcome");
        json_decref(r);
        r = client_reply(c);
        assert_int_equal(reply_int(r, "runningJobs"), 0);
        json_decref(r);
        client_free(c);
}

/* A thousand calls at once: all are answered, in turns. */
static void test_many_calls(void **state) {
        static const char call[] = "{\"method\":\"io.pysb.sandbox.WhoAmI\"}";
        Client *c = client_new(*state, geteuid());

        for (int i = 0; i < 1000; i++)
                client_send_raw(c, call, sizeof(call));
        for (int i = 0; i < 1000; i++)
                json_decref(client_reply(c));
        client_free(c);
}

static void test_oneway(void **state) {
        static const char call[] = "{\"method\":\"io.pysb.sandbox.Submit\",\"oneway\":true,"
                                   "\"parameters\":" RUN "}";
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_send_raw(c, call, sizeof(call));
        box = builder_start(*state);
        r = client_ask(c, "WhoAmI", "{}"); /* the first reply is this one's */
        assert_int_equal(reply_int(r, "runningJobs"), 1);
        json_decref(r);
        builder_exited(&box, 0);
        client_free(c);
}

static void test_queue(void **state) {
        Client *c[5];
        json_t *r;
        Box one, two;

        harness = harness_new(&(HarnessOptions){ .slots = 1, .max_queued_jobs = 4 });
        for (size_t i = 0; i < 5; i++)
                c[i] = client_new(harness, geteuid());
        client_call(c[0], "Run", RUN, false);
        one = builder_start(harness);
        client_call(c[1], "Run", RUN, true);
        client_call(c[2], "Run", RUN, true);
        json_decref(client_reply(c[2])); /* accepted */
        r = client_reply(c[2]);
        assert_string_equal(reply_string(r, "event.kind"), "queued");
        assert_int_equal(reply_int(r, "event.position"), 1);
        json_decref(r);
        client_call(c[3], "Run", RUN, false);
        r = client_error(c[3], "QueueFull"); /* half of the queue is another user's */
        assert_string_equal(reply_string(r, "scope"), "tenant");
        assert_int_equal(reply_int(r, "queued"), 2);
        json_decref(r);
        builder_expect_nothing(harness);
        /* The first one in is the first one out, and the other moves up. */
        builder_exited(&one, 0);
        two = builder_start(harness);
        r = client_reply(c[2]);
        assert_int_equal(reply_int(r, "event.position"), 0);
        json_decref(r);
        r = client_ask(c[4], "GetNode", "{}");
        assert_int_equal(reply_int(r, "runningJobs"), 1);
        assert_int_equal(reply_int(r, "queuedJobs"), 1);
        json_decref(r);
        builder_exited(&two, 0);
        one = builder_start(harness);
        builder_exited(&one, 0);
        for (size_t i = 0; i < 5; i++)
                client_free(c[i]);
        harness_free(harness);
}

static void test_queue_timeout(void **state) {
        Client *a, *b;
        json_t *r;
        Box box;

        harness = harness_new(&(HarnessOptions){ .slots = 1 });
        a = client_new(harness, geteuid());
        b = client_new(harness, geteuid());
        client_call(a, "Run", RUN, false);
        box = builder_start(harness);
        client_call(b, "Run", "{\"request\":{\"code\":\"\",\"queueTimeoutUSec\":3000000}}", false);
        harness_advance(harness, 2 * USEC_PER_SEC);
        harness_advance(harness, 2 * USEC_PER_SEC);
        r = client_reply(b);
        assert_string_equal(reply_string(r, "result.outcome"), "expired");
        json_decref(r);
        builder_exited(&box, 0);
        builder_expect_nothing(harness);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

/* A place that is free is taken, however short the time is. */
static void test_queue_timeout_zero(void **state) {
        Client *a, *b;
        json_t *r;
        Box box;

        harness = harness_new(&(HarnessOptions){ .slots = 1 });
        a = client_new(harness, geteuid());
        b = client_new(harness, geteuid());
        client_call(a, "Run", "{\"request\":{\"code\":\"\",\"queueTimeoutUSec\":0}}", false);
        box = builder_start(harness);
        client_call(b, "Run", "{\"request\":{\"code\":\"\",\"queueTimeoutUSec\":0}}", false);
        harness_advance(harness, 1);
        r = client_reply(b);
        assert_string_equal(reply_string(r, "result.outcome"), "expired");
        /* Nothing ran, nothing protected it. */
        assert_null(json_object_get(reply_get(r, "result"), "isolation"));
        assert_null(json_object_get(reply_get(r, "result"), "engine"));
        json_decref(r);
        builder_exited(&box, 0);
        r = client_reply(a);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        (void) reply_string(r, "result.engine");
        json_decref(r);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

/* One user leaves half of the queue to the others. */
static void test_queue_of_user(void **state) {
        Client *a, *b;
        json_t *e;
        Box box;

        if (geteuid() != 0) {
                print_message("skipped: only root can be two users\n");
                skip();
        }
        harness = harness_new(&(HarnessOptions){ .slots = 1, .max_queued_jobs = 4 });
        a = client_new(harness, 12345);
        b = client_new(harness, 54321);
        json_decref(client_ask(a, "Submit", RUN));
        box = builder_start(harness);
        json_decref(client_ask(a, "Submit", RUN));
        json_decref(client_ask(a, "Submit", RUN));
        client_call(a, "Submit", RUN, false);
        e = client_error(a, "QueueFull");
        assert_string_equal(reply_string(e, "scope"), "tenant");
        json_decref(e);
        json_decref(client_ask(b, "Submit", RUN));
        json_decref(client_ask(b, "Submit", RUN));
        client_call(b, "Submit", RUN, false);
        e = client_error(b, "QueueFull");
        assert_string_equal(reply_string(e, "scope"), "node");
        json_decref(e);
        builder_exited(&box, 0);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

/* Whoever has only promised to send nothing more still waits for the answer. */
static void test_half_close(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        assert_int_equal(shutdown(varlink_conn_get_fd(c->conn), SHUT_WR), 0);
        (void) harness_spin(*state);
        builder_expect_nothing(*state);
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        assert_true(client_is_closed(c));
        client_free(c);
        /* And then the rest of it goes away. */
        c = client_new(*state, geteuid());
        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        assert_int_equal(shutdown(varlink_conn_get_fd(c->conn), SHUT_WR), 0);
        (void) harness_spin(*state);
        client_free(c);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
}

static void test_upgrade(void **state) {
        static const char call[] = "{\"method\":\"io.pysb.sandbox.GetNode\",\"upgrade\":true}";
        Client *c = client_new(*state, geteuid());

        client_send_raw(c, call, sizeof(call));
        json_decref(client_error(c, "org.varlink.service.MethodNotImplemented"));
        json_decref(client_ask(c, "GetNode", "{}"));
        client_free(c);
}

/* What comes back in an error would not be the number that was sent. */
static void test_large_number(void **state) {
        Client *c = client_new(*state, geteuid());

        client_call(c, "Run",
                    "{\"request\":{\"code\":\"\",\"limits\":{\"memoryBytes\":9007199254740992}}}",
                    false);
        json_decref(client_error(c, "org.varlink.service.InvalidParameter"));
        client_call(c, "Run",
                    "{\"request\":{\"code\":\"\",\"limits\":{\"memoryBytes\":9007199254740991}}}",
                    false);
        json_decref(client_error(c, "LimitExceeded"));
        client_free(c);
}

/* Before the builder has said how many boxes there can be, jobs wait. */
static void test_waits_for_node(void **state) {
        Client *c;

        harness = harness_new(&(HarnessOptions){});
        c = client_new(harness, geteuid());
        client_call(c, "Run", RUN, false);
        builder_expect_nothing(harness);
        client_free(c);
        harness_free(harness);
}

static void test_idle_connection(void **state) {
        Client *idle = client_new(*state, geteuid()), *busy = client_new(*state, geteuid());
        Box box;

        client_call(busy, "Run", RUN, false);
        box = builder_start(*state);
        harness_advance(*state, CONNECTION_IDLE_USEC_MAX - USEC_PER_SEC);
        assert_false(client_is_closed(idle));
        harness_advance(*state, 2 * USEC_PER_SEC);
        assert_true(client_is_closed(idle));
        builder_exited(&box, 0); /* the one with a call was not idle */
        json_decref(client_reply(busy));
        client_free(idle);
        client_free(busy);
}

static void test_half_message(void **state) {
        Client *c = client_new(*state, geteuid());

        client_send_raw(c, "{\"method\"", 9);
        harness_advance(*state, CONNECTION_PARTIAL_USEC_MAX / 2);
        client_send_raw(c, ":", 1); /* more bytes do not make it younger */
        assert_false(client_is_closed(c));
        harness_advance(*state, CONNECTION_PARTIAL_USEC_MAX / 2 + USEC_PER_SEC);
        assert_true(client_is_closed(c));
        client_free(c);
}

static void test_too_large(void **state) {
        Client *c = client_new(*state, geteuid());
        size_t sent = 0;
        char junk[4096];

        memset(junk, ' ', sizeof(junk));
        while (sent < VARLINK_MESSAGE_MAX_BYTES + 2 * sizeof(junk)) {
                ssize_t n = send(varlink_conn_get_fd(c->conn), junk, sizeof(junk), MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        break;
                sent += n > 0 ? (size_t) n : 0;
                (void) harness_spin(*state);
        }
        assert_true(sent > VARLINK_MESSAGE_MAX_BYTES);
        assert_true(client_is_closed(c));
        assert_int_equal(((Harness *) *state)->broker->tenants.used[QUOTA_BUFFERED_BYTES], 0);
        client_free(c);
}

/* A reader that does not read delays its own events; the daemon's memory stays bounded. */
static void test_slow_reader(void **state) {
        Harness *h = *state;
        Client *slow = client_new(h, geteuid()), *other = client_new(h, geteuid());
        static char block[64 * 1024];
        json_t *r = NULL;
        int64_t seen = 0;
        Box box;

        memset(block, 'x', sizeof(block));
        client_call(slow, "Run", RUN, true);
        box = builder_start(h);
        builder_started(&box);
        for (int i = 0; i < 60; i++) {
                assert_int_equal(write(box.fds[BOX_STDOUT], block, sizeof(block)), sizeof(block));
                (void) harness_spin(h);
                assert_true(h->broker->tenants.used[QUOTA_BUFFERED_BYTES] < 4 * MIB);
        }
        json_decref(client_ask(other, "GetNode", "{}"));
        builder_exited(&box, 0);
        for (;;) {
                r = client_reply(slow);
                if (reply_get(r, "result"))
                        break;
                if (strcmp(reply_string(r, "event.kind"), "output") == 0) {
                        assert_int_equal(reply_int(r, "event.output.offset"), seen);
                        seen += (int64_t) strlen(reply_string(r, "event.output.text"));
                }
                json_decref(r);
        }
        assert_int_equal(seen, 60 * sizeof(block)); /* nothing is dropped */
        json_decref(r);
        client_free(slow);
        client_free(other);
}

/* Output that nobody takes does not stay for ever. */
static void test_stalled_reader(void **state) {
        Harness *h = *state;
        Client *slow = client_new(h, geteuid());
        static char block[64 * 1024];
        Box box;

        memset(block, 'x', sizeof(block));
        client_call(slow, "Run", RUN, true);
        box = builder_start(h);
        builder_started(&box);
        for (int i = 0; i < 60; i++) {
                assert_int_equal(write(box.fds[BOX_STDOUT], block, sizeof(block)), sizeof(block));
                (void) harness_spin(h);
        }
        assert_int_equal(h->broker->tenants.used[QUOTA_CONNECTIONS], 1);
        harness_advance(h, CONNECTION_STALL_USEC_MAX + USEC_PER_SEC);
        assert_int_equal(h->broker->tenants.used[QUOTA_CONNECTIONS], 0);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
        client_free(slow);
}

static void test_connections_per_user(void **state) {
        Client *c[4];

        harness = harness_new(&(HarnessOptions){ .slots = 1, .max_connections_per_user = 3 });
        for (size_t i = 0; i < 4; i++)
                c[i] = client_new(harness, geteuid());
        json_decref(client_error(c[3], "io.pysb.sandbox.QuotaExceeded"));
        assert_true(client_is_closed(c[3]));
        client_free(c[3]);
        client_free(c[0]);
        c[0] = client_new(harness, geteuid()); /* one place is free again */
        for (size_t i = 0; i < 3; i++) {
                json_decref(client_ask(c[i], "WhoAmI", "{}"));
                client_free(c[i]);
        }
        assert_true(list_is_empty(&harness->broker->tenants.all));
        harness_free(harness);
}

/* Descriptors that no method asked for are closed; the teardown counts. */
static void test_unwanted_descriptors(void **state) {
        Client *c = client_new(*state, geteuid());

        client_call_fd(c, "GetNode", "{}", open("/dev/null", O_RDONLY | O_CLOEXEC));
        json_decref(client_reply(c));
        client_call_fd(c, "Submit", "{\"request\":{\"code\":5}}",
                       open("/dev/null", O_RDONLY | O_CLOEXEC));
        json_decref(client_error(c, "org.varlink.service.InvalidParameter"));
        client_free(c);
}

static void test_idle_exit(void **state) {
        Client *c;
        int code = -1;

        harness = harness_new(&(HarnessOptions){ .slots = 1, .idle_exit_usec = 30 * USEC_PER_SEC });
        c = client_new(harness, geteuid());
        harness_advance(harness, 40 * USEC_PER_SEC);
        assert_true(harness_spin(harness)); /* a connection is no idleness */
        client_free(c);
        harness_advance(harness, 20 * USEC_PER_SEC);
        assert_true(harness_spin(harness));
        harness_advance(harness, 20 * USEC_PER_SEC);
        assert_false(harness_spin(harness));
        assert_int_equal(sd_event_get_exit_code(harness->event, &code), 0);
        assert_int_equal(code, 0);
        harness_free(harness);
}

/* A result that waits to be fetched keeps the daemon, until its time is over. */
static void test_idle_exit_retained(void **state) {
        Client *c;
        Box box;

        harness = harness_new(&(HarnessOptions){ .slots = 1, .idle_exit_usec = 5 * USEC_PER_SEC });
        c = client_new(harness, geteuid());
        json_decref(client_ask(c, "Submit", RUN));
        box = builder_start(harness);
        builder_exited(&box, 0);
        client_free(c);
        harness_advance(harness, 50 * USEC_PER_SEC);
        assert_true(harness_spin(harness));
        harness_advance(harness, 15 * USEC_PER_SEC);
        harness_advance(harness, 6 * USEC_PER_SEC);
        assert_false(harness_spin(harness));
        harness_free(harness);
}

/* An embedded daemon belongs to whoever has the other end of the socket that it was started with: jobs end
 * with that one, and then the daemon, whoever else is there. */
static void test_embedded(void **state) {
        Client *c, *other;
        Box box;

        harness = harness_new(&(HarnessOptions){ .slots = 1, .embedded = true });
        c = client_new_embedded(harness);
        /* Its user is the operator: every profile is his. */
        json_decref(client_ask(c, "Submit", "{\"request\":{\"code\":\"\",\"profile\":\"raw\"}}"));
        box = builder_start(harness);
        assert_int_equal(box.request.plan, 1);
        client_free(client_new(harness, geteuid()));
        assert_true(harness_spin(harness)); /* others come and go */
        other = client_new(harness, geteuid());
        client_free(c);
        builder_expect_kill(&box, END_CANCEL);
        assert_true(harness_spin(harness));
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
        harness_advance(harness, 0);
        assert_false(harness_spin(harness));
        client_free(other);
        harness_free(harness);
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LIVE(test_other_tenant),
                LIVE(test_garbage),
                LIVE(test_pipelining),
                LIVE(test_pipelined_behind_run),
                LIVE(test_many_calls),
                LIVE(test_oneway),
                cmocka_unit_test(test_queue),
                cmocka_unit_test(test_queue_timeout),
                cmocka_unit_test(test_queue_timeout_zero),
                cmocka_unit_test(test_queue_of_user),
                LIVE(test_half_close),
                LIVE(test_upgrade),
                LIVE(test_large_number),
                cmocka_unit_test(test_waits_for_node),
                LIVE(test_idle_connection),
                LIVE(test_half_message),
                LIVE(test_too_large),
                LIVE(test_slow_reader),
                LIVE(test_stalled_reader),
                cmocka_unit_test(test_connections_per_user),
                LIVE(test_unwanted_descriptors),
                cmocka_unit_test(test_idle_exit),
                cmocka_unit_test(test_idle_exit_retained),
                cmocka_unit_test(test_embedded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may connect, whose connection it is, and what becomes of it. Only root can be several users. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <grp.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "broker/server.h"
#include "harness.h"

#define RUN "{\"request\":{\"code\":\"1\"}}"
#define BOUND "{\"bindToConnection\":true}"
#define GROUPS 300

enum {
        ALICE = 12345,
        BOB = 54321,
        CREW = 777
};

static Harness *harness;

static void start(const char *config) {
        if (geteuid() != 0) {
                print_message("skipped: only root can be two users\n");
                skip();
        }
        harness = harness_new(&(HarnessOptions){ .slots = 4, .config = config });
}

static void expect_turned_away(Client *c, const char *scope) {
        json_t *r = client_error(c, "QuotaExceeded");

        assert_string_equal(reply_string(r, "quota"), "connections");
        assert_string_equal(reply_string(r, "scope"), scope);
        json_decref(r);
        client_free(c);
}

/* Who has many idle connections keeps nobody out; what is of use stays. */
static void test_idle_makes_room(void **state) {
        static const char rest[] = "\"method\":\"io.pysb.sandbox.GetNode\"}";
        Client *a[4], *b[2];
        Box cell, job;

        start("d:1: daemon.max_connections = 4\n");
        FOREACH_ARRAY(c, a, ELEMENTSOF(a))
                *c = client_new(harness, ALICE);
        client_call(a[0], "Run", RUN, false);
        job = builder_start(harness);
        client_call(a[1], "OpenSession", BOUND, false);
        cell = builder_start(harness);
        builder_started(&cell);
        json_decref(client_reply(a[1]));
        client_send_raw(a[2], "{", 1);
        b[0] = client_new(harness, BOB);
        json_decref(client_ask(b[0], "WhoAmI", "{}"));
        assert_true(client_is_closed(a[3]));
        client_free(a[3]);
        /* The others are not idle. */
        expect_turned_away(client_new(harness, BOB), "node");
        client_send_raw(a[2], rest, sizeof(rest));
        json_decref(client_reply(a[2]));
        b[1] = client_new(harness, BOB);
        json_decref(client_ask(b[1], "WhoAmI", "{}"));
        assert_true(client_is_closed(a[2]));
        client_free(a[2]);
        /* Nobody has more than he has. */
        expect_turned_away(client_new(harness, BOB), "node");
        expect_turned_away(client_new(harness, ALICE), "node");
        builder_exited(&job, 0);
        json_decref(client_reply(a[0]));
        client_free(a[0]);
        client_free(a[1]);
        builder_expect_kill(&cell, END_CANCEL);
        builder_ended(&cell, &(BoxFacts){ .end_reason = END_CANCEL });
        FOREACH_ARRAY(c, b, ELEMENTSOF(b))
                client_free(*c);
        harness_free(harness);
}

/* The socket of administrators is open when all others are not. */
static void test_manager(void **state) {
        Client *a, *b;
        Box box;

        start("d:1: daemon.max_connections = 1\nd:2: daemon.max_connections_per_user = 1\n");
        a = client_new(harness, geteuid());
        client_call(a, "Run", RUN, false);
        box = builder_start(harness);
        expect_turned_away(client_new(harness, geteuid()), "tenant");
        harness->broker->server->listeners[0].is_manager = true;
        b = client_new(harness, geteuid());
        json_decref(client_ask(b, "io.pysb.manager.GetStatus", "{}"));
        client_free(b);
        client_free(a);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
        harness_free(harness);
}

/* As many groups as the kernel allows, the one that counts at the end. */
static void test_many_groups(void **state) {
        gid_t before[64], many[GROUPS];
        int n_before = getgroups(ELEMENTSOF(before), before);
        Client *a;
        json_t *r;

        start("== crew\nt:1: tenant.groups = 777\n");
        assert_true(n_before >= 0);
        for (size_t i = 0; i < GROUPS; i++)
                many[i] = (gid_t) (1000 + i);
        many[GROUPS - 1] = CREW;
        assert_int_equal(setgroups(GROUPS, many), 0);
        a = client_new(harness, ALICE);
        assert_int_equal(setgroups((size_t) n_before, before), 0);
        r = client_ask(a, "WhoAmI", "{}");
        assert_string_equal(reply_string(r, "tenant"), "crew");
        json_decref(r);
        client_free(a);
        harness_free(harness);
}

/* Whoever has connected and asked before the daemon stops has an answer. */
static void test_stop_answers(void **state) {
        static const char *const methods[] = { "Wait", "Attach", "Run" };
        Client *first, *c[ELEMENTSOF(methods)];
        char parameters[128];
        json_t *r;
        Box box;

        start(NULL);
        first = client_new(harness, ALICE);
        r = client_ask(first, "Submit", RUN);
        (void) snprintf(parameters, sizeof(parameters), "{\"job\":\"%s\"}", reply_string(r, "job"));
        json_decref(r);
        box = builder_start(harness);
        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                c[i] = client_new_unseen(harness, ALICE);
                client_send(c[i], methods[i], i < 2 ? parameters : RUN, i == 1);
        }
        broker_stop(harness->broker);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
        client_send(first, "Wait", parameters, false); /* the last moment */
        harness_advance(harness, 0);
        r = client_reply(c[0]);
        assert_string_equal(reply_string(r, "result.outcome"), "cancelled");
        json_decref(r);
        do {
                r = client_reply(c[1]);
                if (reply_get(r, "result"))
                        break;
                json_decref(r);
        } while (true);
        assert_string_equal(reply_string(r, "result.outcome"), "cancelled");
        json_decref(r);
        json_decref(client_error(c[2], "ShuttingDown"));
        r = client_reply(first);
        assert_string_equal(reply_string(r, "result.outcome"), "cancelled");
        json_decref(r);
        harness_advance(harness, 0);
        assert_false(harness_spin(harness));
        FOREACH_ARRAY(client, c, ELEMENTSOF(c))
                client_free(*client);
        client_free(first);
        harness_free(harness);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_idle_makes_room),
                cmocka_unit_test(test_manager),
                cmocka_unit_test(test_many_groups),
                cmocka_unit_test(test_stop_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

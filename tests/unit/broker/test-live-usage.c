/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a job uses while it runs: who asks the builder, how often, and who is told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "harness.h"
#include "proto/link.h"

#define LIST "io.pysb.manager.ListJobs"
#define INTERVAL_USEC 200000

static Box start(Harness *h, Client *c, const char *parameters) {
        Box box;

        client_call(c, "Run", parameters, true);
        box = builder_start(h);
        builder_started(&box);
        return box;
}

static void expect_question(const Box *b) {
        BuilderRequest request;

        assert_true(builder_next(b->h, &request));
        assert_int_equal(request.verb, BUILDER_USAGE);
        assert_int_equal(request.box, b->request.box);
}

static void answer(const Box *b, uint64_t cpu_usec, uint64_t memory_bytes) {
        const BuilderReport report = {
                .kind = BUILDER_USED,
                .box = b->request.box,
                .memory_bytes = memory_bytes,
                .facts = { .cpu_user_usec = cpu_usec,
                           .cpu_system_usec = 1,
                           .memory_peak_bytes = 99 },
        };

        assert_int_equal(link_send(b->h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(b->h);
}

/* The next event of that kind. */
static json_t *next_event(Client *c, const char *kind) {
        for (;;) {
                json_t *r = client_reply(c);

                if (strcmp(reply_string(r, "event.kind"), kind) == 0)
                        return r;
                json_decref(r);
        }
}

static void expect_no_reply(Client *c) {
        VarlinkReply none = {};

        assert_int_equal(client_try_reply(c, &none), 0);
}

static void expect_success(Client *c) {
        json_t *r;

        do {
                r = client_reply(c);
                if (json_object_get(r, "result"))
                        break;
                json_decref(r);
        } while (true);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
}

static void finish(Box *box, Client *c) {
        builder_exited(box, 0);
        expect_success(c);
}

static void test_event(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box = start(*state, c, "{\"request\":{\"code\":\"\",\"usageIntervalUSec\":200000}}");
        json_t *r = next_event(c, "started");

        json_decref(r);
        builder_expect_nothing(*state);
        for (int i = 1; i < 4; i++) {
                harness_advance(*state, INTERVAL_USEC);
                expect_question(&box);
                builder_expect_nothing(*state);
                expect_no_reply(c);
                answer(&box, (uint64_t) i * 1000, (uint64_t) i << 20);
                r = client_reply(c);
                assert_string_equal(reply_string(r, "event.kind"), "usage");
                assert_int_equal(reply_int(r, "event.sequence"), 2);
                assert_true(reply_int(r, "event.usage.wallTimeUSec") >= i * INTERVAL_USEC);
                assert_int_equal(reply_int(r, "event.usage.cpuUserUSec"), i * 1000);
                assert_int_equal(reply_int(r, "event.usage.cpuSystemUSec"), 1);
                assert_int_equal(reply_int(r, "event.usage.memoryBytes"), i << 20);
                assert_int_equal(reply_int(r, "event.usage.memoryPeakBytes"), 99);
                json_decref(r);
        }
        finish(&box, c);
        client_free(c);
}

/* Who does not want to know it costs the builder nothing. */
static void test_not_asked(void **state) {
        static const char *const kinds = "{\"job\":\"%s\",\"kinds\":[\"output\"]}";
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        Box box = start(*state, c, "{\"request\":{\"code\":\"\",\"heartbeatUSec\":1000000}}");
        char parameters[128];
        json_t *r;

        for (int i = 0; i < 5; i++) {
                harness_advance(*state, 1000000);
                builder_expect_nothing(*state);
        }
        finish(&box, c);
        client_call(c, "Submit", "{\"request\":{\"code\":\"\",\"usageIntervalUSec\":100000}}",
                    false);
        r = client_reply(c);
        box = builder_start(*state);
        builder_started(&box);
        (void) snprintf(parameters, sizeof(parameters), kinds, reply_string(r, "job"));
        client_call(other, "Attach", parameters, true);
        json_decref(r);
        for (int i = 0; i < 5; i++) {
                harness_advance(*state, 1000000);
                builder_expect_nothing(*state);
        }
        finish(&box, other);
        client_free(c);
        client_free(other);
}

/* Several who want to know it, and one answer. */
static void test_shared(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        Box box = start(*state, c, "{\"request\":{\"code\":\"\",\"usageIntervalUSec\":200000}}");
        json_t *r = next_event(c, "accepted");
        char parameters[128];

        (void) snprintf(parameters, sizeof(parameters), "{\"job\":\"%s\"}",
                        reply_string(r, "event.job"));
        json_decref(r);
        client_call(other, "Attach", parameters, true);
        harness_advance(*state, INTERVAL_USEC);
        expect_question(&box);
        builder_expect_nothing(*state);
        /* The answer takes its time, and nobody asks again */
        harness_advance(*state, 3 * INTERVAL_USEC);
        builder_expect_nothing(*state);
        answer(&box, 7, 7);
        json_decref(next_event(c, "usage"));
        json_decref(next_event(other, "usage"));
        finish(&box, c);
        expect_success(other);
        client_free(c);
        client_free(other);
}

/* The end of the job comes before the answer. */
static void test_end_first(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box = start(*state, c, "{\"request\":{\"code\":\"\",\"usageIntervalUSec\":200000}}");
        Box again;
        json_t *r;

        harness_advance(*state, INTERVAL_USEC);
        expect_question(&box);
        finish(&box, c);
        answer(&box, 7, 7);
        expect_no_reply(c);
        again = start(*state, c, "{\"request\":{\"code\":\"\",\"usageIntervalUSec\":200000}}");
        harness_advance(*state, INTERVAL_USEC);
        expect_question(&again);
        answer(&again, 8, 8);
        r = next_event(c, "usage");
        assert_int_equal(reply_int(r, "event.usage.cpuUserUSec"), 8);
        json_decref(r);
        finish(&again, c);
        client_free(c);
}

static Harness *embedded_new(void) {
        return harness_new(
                &(HarnessOptions){ .slots = 2, .max_queued_jobs = 10, .embedded = true });
}

/* ListJobs of an administrator: of what runs, at once, and not so soon again. */
static void test_list(void **state) {
        Harness *h = embedded_new();
        Client *c = client_new_embedded(h);
        Box boxes[2];
        json_t *r;

        r = client_ask(c, LIST, "{}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 0);
        json_decref(r);
        for (int i = 0; i < 3; i++)
                json_decref(client_ask(c, "Submit", "{\"request\":{\"code\":\"\"}}"));
        for (int i = 0; i < 2; i++)
                boxes[i] = builder_start(h);
        builder_started(&boxes[0]);
        builder_started(&boxes[1]);
        client_call(c, LIST, "{}", false);
        expect_question(&boxes[0]);
        expect_question(&boxes[1]);
        builder_expect_nothing(h);
        answer(&boxes[0], 9, 4096);
        expect_no_reply(c);
        /* Where memory is not known */
        answer(&boxes[1], 99, 0);
        for (int i = 0; i < 2; i++) {
                r = i == 0 ? client_reply(c) : client_ask(c, LIST, "{}");
                assert_int_equal(json_array_size(reply_get(r, "jobs")), 3);
                assert_int_equal(reply_int(r, "jobs.0.cpuTimeUSec"), 10);
                assert_int_equal(reply_int(r, "jobs.0.memoryBytes"), 4096);
                assert_int_equal(reply_int(r, "jobs.1.cpuTimeUSec"), 100);
                assert_null(reply_get(r, "jobs.1.memoryBytes"));
                assert_null(reply_get(r, "jobs.2.cpuTimeUSec"));
                json_decref(r);
        }
        builder_expect_nothing(h);
        builder_exited(&boxes[0], 0);
        boxes[0] = builder_start(h); /* the third one */
        harness_advance(h, INTERVAL_USEC);
        client_call(c, LIST, "{\"maxEntries\":1}", false);
        expect_question(&boxes[1]);
        builder_expect_nothing(h);
        /* Its end is no answer, but the builder has one for what it does not know any more */
        builder_exited(&boxes[1], 0);
        expect_no_reply(c);
        answer(&boxes[1], 0, 0);
        r = client_reply(c);
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 1);
        assert_null(reply_get(r, "jobs.0.cpuTimeUSec"));
        json_decref(r);
        builder_exited(&boxes[0], 0);
        client_free(c);
        harness_free(h);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_event, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_not_asked, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_shared, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_end_first, harness_setup, harness_teardown),
                cmocka_unit_test(test_list),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

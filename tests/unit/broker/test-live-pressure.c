/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What memory has to say about who may start: the machine's, and that of results which nobody reads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "harness.h"
#include "proto/link.h"

#define SUBMIT "{\"request\":{\"code\":\"1\"}}"
#define WITH_MEMORY(n) "{\"request\":{\"code\":\"1\",\"limits\":{\"memoryBytes\":" #n "}}}"

static void say_pressure(Harness *h) {
        const BuilderReport report = { .kind = BUILDER_PRESSURE };

        assert_int_equal(link_send(h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(h);
}

static json_t *submit(Client *c, const char *parameters) {
        return client_ask(c, "Submit", parameters);
}

static void expect_queued(Harness *h, Client *c, const char *parameters) {
        json_t *r = submit(c, parameters);

        assert_int_equal(reply_int(r, "position"), 0);
        builder_expect_nothing(h);
        json_decref(r);
}

/* As long as the kernel says so, and two windows longer, what comes waits. */
static void test_waits(void **state) {
        Harness *h = harness_new(&(HarnessOptions){ .slots = 4 });
        Client *c = client_new(h, geteuid());
        Box first, second;

        json_decref(submit(c, SUBMIT));
        first = builder_start(h);
        say_pressure(h);
        expect_queued(h, c, SUBMIT);
        harness_advance(h, PRESSURE_WINDOW_USEC);
        builder_expect_nothing(h);
        say_pressure(h);
        harness_advance(h, PRESSURE_WINDOW_USEC);
        builder_expect_nothing(h);
        harness_advance(h, 2 * PRESSURE_WINDOW_USEC);
        second = builder_start(h);
        /* And it is over. */
        builder_exited(&first, 0);
        builder_exited(&second, 0);
        json_decref(submit(c, SUBMIT));
        first = builder_start(h);
        builder_exited(&first, 0);
        client_free(c);
        harness_free(h);
}

/* One runs in any case: what is short may be somebody else's doing, and never end. */
static void test_goes_on(void **state) {
        Harness *h = harness_new(&(HarnessOptions){ .slots = 4 });
        Client *c = client_new(h, geteuid());
        Box box;

        say_pressure(h);
        json_decref(submit(c, SUBMIT));
        box = builder_start(h);
        expect_queued(h, c, SUBMIT);
        builder_exited(&box, 0);
        box = builder_start(h);
        builder_exited(&box, 0);
        client_free(c);
        harness_free(h);
}

/* A full queue refuses with a time to come again, too. */
static void test_refuses(void **state) {
        Harness *h = harness_new(&(HarnessOptions){ .slots = 4, .max_queued_jobs = 1 });
        Client *c = client_new(h, geteuid());
        json_t *r;
        Box box;

        json_decref(submit(c, SUBMIT));
        box = builder_start(h);
        say_pressure(h);
        expect_queued(h, c, SUBMIT);
        client_call(c, "Submit", SUBMIT, false);
        r = client_error(c, "QueueFull");
        assert_string_equal(reply_string(r, "scope"), "node");
        assert_true(reply_int(r, "retryAfterUSec") > 0);
        json_decref(r);
        builder_exited(&box, 0);
        box = builder_start(h);
        builder_exited(&box, 0);
        client_free(c);
        harness_free(h);
}

/* Without max_memory the sum of the limits is what the builder says that there is. */
static void test_default_maximum(void **state) {
        Harness *h = harness_new(&(HarnessOptions){ .slots = 4, .memory_bytes = 200 * MIB });
        Client *c = client_new(h, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Submit", WITH_MEMORY(209715201), false);
        r = client_error(c, "QuotaExceeded");
        assert_string_equal(reply_string(r, "quota"), "memory");
        assert_int_equal(reply_int(r, "maximum"), 200 * MIB);
        json_decref(r);
        json_decref(submit(c, WITH_MEMORY(209715200)));
        box = builder_start(h);
        expect_queued(h, c, WITH_MEMORY(20000000));
        builder_exited(&box, 0);
        box = builder_start(h);
        builder_exited(&box, 0);
        client_free(c);
        harness_free(h);
        /* What the operator says counts, also if it is more. */
        h = harness_new(&(HarnessOptions){
                .slots = 4,
                .memory_bytes = 200 * MIB,
                .config = "f:1: daemon.max_memory = \"1G\"\n",
        });
        c = client_new(h, geteuid());
        json_decref(submit(c, WITH_MEMORY(209715201)));
        box = builder_start(h);
        builder_exited(&box, 0);
        client_free(c);
        harness_free(h);
}

/* Results that clients do not read, and that cannot go, are no way to more of them than max_bytes and those that run. */
static void test_results_that_nobody_reads(void **state) {
        Harness *h = harness_new(&(HarnessOptions){ .slots = 2 });
        Client *slow = client_new(h, geteuid()), *c = client_new(h, geteuid());
        static char block[64 * KIB];
        Box box, other;

        memset(block, 'x', sizeof(block));
        h->broker->default_policy.maximum[QUOTA_RETAINED_BYTES] = MIB;
        client_call(slow, "Run", SUBMIT, true);
        box = builder_start(h);
        builder_started(&box);
        for (int i = 0; i < 60; i++) {
                assert_int_equal(write(box.fds[BOX_STDOUT], block, sizeof(block)), sizeof(block));
                (void) harness_spin(h);
        }
        json_decref(submit(c, SUBMIT)); /* what runs is no result yet */
        other = builder_start(h);
        builder_exited(&box, 0);
        builder_exited(&other, 0);
        expect_queued(h, c, SUBMIT);
        client_free(slow);
        (void) harness_spin(h);
        harness_advance(h, 0);
        box = builder_start(h);
        builder_exited(&box, 0);
        client_free(c);
        harness_free(h);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_waits),
                cmocka_unit_test(test_goes_on),
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_default_maximum),
                cmocka_unit_test(test_results_that_nobody_reads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

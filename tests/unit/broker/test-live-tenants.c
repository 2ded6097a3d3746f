/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tenants of a table, and who of them is next. Only root can be several users. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/scheduler.h"
#include "harness.h"

#define RUN "{\"request\":{\"code\":\"1\"}}"
#define RUN_WITH(member) "{\"request\":{\"code\":\"1\"," member "}}"

enum {
        ALICE = 12345,
        BOB = 54321,
        OTHER = 2222
};

static Harness *harness;

static void need_root(void) {
        if (geteuid() == 0)
                return;
        print_message("skipped: only root can be two users\n");
        skip();
}

static void start(const char *config) {
        need_root();
        harness = harness_new(&(HarnessOptions){ .slots = 1, .config = config });
}

static void submit(Client *c, const char *parameters) {
        json_decref(client_ask(c, "Submit", parameters));
}

/* Ends the box; the memory limit of the next one tells who sent it. */
static uint64_t next_memory(Box *box) {
        builder_exited(box, 0);
        *box = builder_start(harness);
        return box->request.limits.value[LIMIT_MEMORY];
}

#define MEMORY(n) "\"limits\":{\"memoryBytes\":" #n "}"

static void test_weights(void **state) {
        unsigned n_alice = 0;
        Client *a, *b;
        Box box;

        start("== alice\nt:1: tenant.uids = 12345\nt:2: tenant.weight = 300\n");
        a = client_new(harness, ALICE);
        b = client_new(harness, BOB);
        submit(b, RUN);
        box = builder_start(harness);
        for (int i = 0; i < 40; i++) {
                submit(b, RUN_WITH(MEMORY(20000000)));
                submit(a, RUN_WITH(MEMORY(30000000)));
        }
        for (int i = 0; i < 40; i++)
                n_alice += next_memory(&box) == 30000000;
        assert_in_range(n_alice, 29, 31); /* three of four */
        builder_exited(&box, 0);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

static void test_priority(void **state) {
        Client *a;
        json_t *r;
        Box box;

        start(NULL);
        a = client_new(harness, ALICE);
        submit(a, RUN);
        box = builder_start(harness);
        submit(a, RUN_WITH(MEMORY(20000000)));
        submit(a, RUN_WITH("\"priority\":0," MEMORY(30000000)));
        submit(a, RUN_WITH("\"priority\":9," MEMORY(40000000)));
        submit(a, RUN_WITH("\"priority\":9," MEMORY(50000000)));
        r = client_ask(a, "ListJobs", "{\"maxEntries\":1}");
        assert_int_equal(reply_int(r, "jobs.0.priority"), 9);
        assert_int_equal(reply_int(r, "jobs.0.position"), 1);
        json_decref(r);
        assert_int_equal(next_memory(&box), 40000000);
        assert_int_equal(next_memory(&box), 50000000);
        assert_int_equal(next_memory(&box), 20000000);
        assert_int_equal(next_memory(&box), 30000000);
        client_call(a, "Run", RUN_WITH("\"priority\":10"), false);
        r = client_error(a, "InvalidRequest");
        assert_string_equal(reply_string(r, "field"), "priority");
        json_decref(r);
        builder_exited(&box, 0);
        client_free(a);
        harness_free(harness);
}

/* Whoever is at a maximum of his own keeps nobody waiting. */
static void test_maximum_running(void **state) {
        Client *a, *b;
        Box first, second;
        json_t *r;

        need_root();
        harness = harness_new(&(HarnessOptions){
                .slots = 2,
                .config = "== alice\nt:1: tenant.uids = 12345\nt:2: tenant.max_running = 1\n",
        });
        a = client_new(harness, ALICE);
        b = client_new(harness, BOB);
        submit(a, RUN);
        first = builder_start(harness);
        submit(a, RUN);
        builder_expect_nothing(harness);
        r = client_ask(a, "WhoAmI", "{}");
        assert_string_equal(reply_string(r, "tenant"), "alice");
        assert_int_equal(reply_int(r, "runningJobs"), 1);
        assert_int_equal(reply_int(r, "maxRunningJobs"), 1);
        assert_int_equal(reply_int(r, "queuedJobs"), 1);
        json_decref(r);
        submit(b, RUN);
        second = builder_start(harness);
        builder_exited(&first, 0);
        first = builder_start(harness);
        builder_exited(&first, 0);
        builder_exited(&second, 0);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

static void test_memory(void **state) {
        Client *a;
        json_t *r;
        Box box;

        need_root();
        harness = harness_new(&(HarnessOptions){
                .slots = 2,
                .config = "== default\nt:2: tenant.max_memory = \"100M\"\n",
        });
        a = client_new(harness, ALICE);
        client_call(a, "Submit", RUN_WITH(MEMORY(104857601)), false);
        r = client_error(a, "QuotaExceeded");
        assert_string_equal(reply_string(r, "quota"), "memory");
        assert_int_equal(reply_int(r, "maximum"), 100 * MIB);
        assert_null(reply_get(r, "retryAfterUSec")); /* never */
        json_decref(r);
        submit(a, RUN_WITH(MEMORY(60000000)));
        box = builder_start(harness);
        submit(a, RUN_WITH(MEMORY(60000000)));
        builder_expect_nothing(harness); /* there is a place, and no memory */
        builder_exited(&box, 0);
        box = builder_start(harness);
        builder_exited(&box, 0);
        client_free(a);
        harness_free(harness);
}

static void test_submits(void **state) {
        Client *a;
        json_t *r;
        Box box;

        start("== default\nt:1: tenant.submits_per_second = 2\n");
        a = client_new(harness, ALICE);
        submit(a, RUN);
        box = builder_start(harness);
        submit(a, RUN);
        client_call(a, "Submit", RUN, false);
        r = client_error(a, "QuotaExceeded");
        assert_string_equal(reply_string(r, "quota"), "submits");
        assert_in_range(reply_int(r, "retryAfterUSec"), 1, 500000);
        json_decref(r);
        harness_advance(harness, USEC_PER_SEC / 2);
        submit(a, RUN);
        builder_exited(&box, 0);
        for (int i = 0; i < 2; i++) {
                box = builder_start(harness);
                builder_exited(&box, 0);
        }
        client_free(a);
        harness_free(harness);
}

/* The table of a tenant says which profiles it may use, whatever the profile says itself. */
static void test_profiles(void **state) {
        Client *a, *b;
        Box box;

        start("== alice\nt:1: tenant.uids = 12345\nt:2: tenant.profiles = \"raw\"\n"
              "t:3: tenant.default_profile = \"raw\"\n");
        a = client_new(harness, ALICE);
        b = client_new(harness, BOB);
        submit(a, RUN);
        box = builder_start(harness);
        assert_int_equal(box.request.plan, 1);
        client_call(a, "Submit", RUN_WITH("\"profile\":\"default\""), false);
        json_decref(client_error(a, "ProfileDenied"));
        client_call(b, "Submit", RUN_WITH("\"profile\":\"raw\""), false);
        json_decref(client_error(b, "ProfileDenied"));
        builder_exited(&box, 0);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

static void test_unknown_uid(void **state) {
        Client *a, *b;
        json_t *r;

        start("d:1: daemon.unknown_uid = \"deny\"\n== alice\nt:1: tenant.uids = 12345\n");
        a = client_new(harness, ALICE);
        b = client_new(harness, OTHER);
        json_decref(client_ask(a, "GetNode", "{}"));
        client_call(b, "WhoAmI", "{}", false);
        r = client_error(b, "TenantDenied");
        assert_string_equal(reply_string(r, "tenant"), "uid:2222");
        json_decref(r);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

/* Nobody learns whether an id is somebody else's: the replies differ in nothing but the id. */
static void test_foreign_id(void **state) {
        static const char none[] = "00000000000000000000000000000000";
        char parameters[64], *texts[2];
        Client *a, *b;
        json_t *r;
        Box box;

        start(NULL);
        a = client_new(harness, ALICE);
        b = client_new(harness, BOB);
        r = client_ask(a, "Submit", RUN);
        box = builder_start(harness);
        for (size_t i = 0; i < 2; i++) {
                json_t *e;

                (void) snprintf(parameters, sizeof(parameters), "{\"job\":\"%s\"}",
                                i == 0 ? reply_string(r, "job") : none);
                client_call(b, "GetJob", parameters, false);
                e = client_error(b, "JobNotFound");
                assert_int_equal(json_object_set_new(e, "job", json_string("")), 0);
                texts[i] = json_dumps(e, 0);
                json_decref(e);
        }
        assert_string_equal(texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
        json_decref(r);
        builder_exited(&box, 0);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

/* The same request makes one job, however often and by whichever method it comes. */
static void test_request_id(void **state) {
        static const char request[] = RUN_WITH("\"requestId\":\"7\"");
        Client *a, *b;
        json_t *first, *r;
        Box box;

        start(NULL);
        a = client_new(harness, ALICE);
        b = client_new(harness, BOB);
        first = client_ask(a, "Submit", request);
        assert_true(json_is_true(json_object_get(first, "created")));
        box = builder_start(harness);
        r = client_ask(a, "Submit", "{\"request\":{\"requestId\":\"7\",\"code\":\"1\"}}");
        assert_true(json_is_false(json_object_get(r, "created")));
        assert_string_equal(reply_string(r, "job"), reply_string(first, "job"));
        json_decref(r);
        client_call(a, "Submit", RUN_WITH("\"requestId\":\"7\",\"seed\":1"), false);
        r = client_error(a, "RequestConflict");
        assert_string_equal(reply_string(r, "requestId"), "7");
        assert_string_equal(reply_string(r, "job"), reply_string(first, "job"));
        json_decref(r);
        r = client_ask(a, "ListJobs", "{\"requestId\":\"7\"}");
        assert_string_equal(reply_string(r, "jobs.0.job"), reply_string(first, "job"));
        assert_string_equal(reply_string(r, "jobs.0.requestId"), "7");
        json_decref(r);
        r = client_ask(a, "ListJobs", "{\"requestId\":\"8\"}");
        assert_null(reply_get(r, "jobs.0"));
        json_decref(r);
        /* Somebody else's is somebody else's. */
        r = client_ask(b, "Submit", request);
        assert_true(json_is_true(json_object_get(r, "created")));
        json_decref(r);
        builder_exited(&box, 0);
        box = builder_start(harness);
        builder_exited(&box, 0);
        /* Forgotten, it is as if it had never been. */
        harness_advance(harness, 61 * USEC_PER_SEC);
        broker_sweep(harness->broker);
        r = client_ask(a, "Submit", request);
        assert_true(json_is_true(json_object_get(r, "created")));
        assert_string_not_equal(reply_string(r, "job"), reply_string(first, "job"));
        json_decref(r);
        box = builder_start(harness);
        builder_exited(&box, 0);
        json_decref(first);
        client_free(a);
        client_free(b);
        harness_free(harness);
}

static void call_with_bytes(Client *c, const char *bytes) {
        static const char request[] =
                RUN_WITH("\"requestId\":\"7\",\"files\":[{\"path\":\"a\",\"fileDescriptor\":0}]");

        client_call_fd(c, "Submit", request, fd_new_sealed("file", bytes, strlen(bytes)));
}

/* The same bytes from another descriptor are the same request, others from one with the same index are not. */
static void test_request_id_descriptors(void **state) {
        json_t *first, *again;
        Client *c;
        Box box;

        harness = harness_new(&(HarnessOptions){ .slots = 1 });
        c = client_new(harness, geteuid());
        call_with_bytes(c, "one");
        first = client_reply(c);
        box = builder_start(harness);
        call_with_bytes(c, "one");
        again = client_reply(c);
        assert_true(json_is_false(json_object_get(again, "created")));
        assert_string_equal(reply_string(again, "job"), reply_string(first, "job"));
        call_with_bytes(c, "two");
        json_decref(client_error(c, "RequestConflict"));
        builder_exited(&box, 0);
        json_decref(first);
        json_decref(again);
        client_free(c);
        harness_free(harness);
}

/* Who repeats a request and goes away cancels nothing. */
static void test_request_id_gone(void **state) {
        static const char request[] = RUN_WITH("\"requestId\":\"7\"");
        Client *first, *second;
        Box box;

        start(NULL);
        first = client_new(harness, ALICE);
        second = client_new(harness, ALICE);
        client_call(first, "Run", request, false);
        box = builder_start(harness);
        client_call(second, "Run", request, false);
        (void) harness_spin(harness);
        client_free(second);
        builder_expect_nothing(harness);
        builder_exited(&box, 0);
        client_free(first);
        harness_free(harness);
}

/* The connection of the first is lost, and with it its job: the repeat is told so. */
static void test_request_id_cancelled(void **state) {
        static const char request[] = RUN_WITH("\"requestId\":\"7\"");
        Client *first, *second;
        json_t *r;
        Box box;

        start(NULL);
        first = client_new(harness, ALICE);
        second = client_new(harness, ALICE);
        client_call(first, "Run", request, false);
        box = builder_start(harness);
        client_free(first);
        builder_expect_kill(&box, END_CANCEL);
        client_call(second, "Run", request, false);
        (void) harness_spin(harness);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
        for (size_t i = 0; i < 2; i++) {
                if (i > 0)
                        client_call(second, "Run", request, false);
                r = client_reply(second);
                assert_string_equal(reply_string(r, "result.outcome"), "cancelled");
                assert_string_equal(reply_string(r, "result.message"),
                                    "cancelled: the client went away");
                json_decref(r);
        }
        builder_expect_nothing(harness);
        client_free(second);
        harness_free(harness);
}

/* Who keeps few results loses none because others keep as many as they may. */
static void test_retained_of_others(void **state) {
        static const char many[] = "{\"request\":{\"code\":\"1\",\"queueTimeoutUSec\":0,"
                                   "\"retainUSec\":3600000000}}";
        char parameters[128];
        Client *a, *others;
        json_t *r;
        Box box;

        start(NULL);
        a = client_new(harness, ALICE);
        r = client_ask(a, "Submit", RUN_WITH("\"requestId\":\"7\",\"retainUSec\":3600000000"));
        (void) snprintf(parameters, sizeof(parameters), "{\"job\":\"%s\"}", reply_string(r, "job"));
        json_decref(r);
        box = builder_start(harness);
        builder_exited(&box, 0);
        submit(a, RUN);
        box = builder_start(harness); /* the only place */
        for (unsigned i = 0; i < 5; i++) {
                others = client_new(harness, OTHER + i);
                for (unsigned k = 0; k < RETAINED_JOBS_PER_TENANT_MAX + 5; k++)
                        submit(others, many);
                harness_advance(harness, 1);
                client_free(others);
        }
        submit(a, RUN);
        assert_true(harness->broker->tenants.used[QUOTA_RETAINED] <= RETAINED_JOBS_MAX);
        r = client_ask(a, "Wait", parameters);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        builder_exited(&box, 0);
        box = builder_start(harness);
        builder_exited(&box, 0);
        client_free(a);
        harness_free(harness);
}

/* What was accepted and has become too large ends, and what is behind it starts. */
static void test_memory_is_lowered(void **state) {
        static const char large[] = "cancelled before it started: its memory limit is 512 MiB, "
                                    "and the quota of memory of its tenant is 256 MiB now";
        Client *a, *b;
        Tenant *tenant;
        json_t *r;
        Box box;

        start(NULL);
        a = client_new(harness, ALICE);
        b = client_new(harness, ALICE);
        submit(a, RUN);
        box = builder_start(harness);
        client_call(b, "Run", RUN_WITH(MEMORY(536870912)), false);
        submit(a, RUN_WITH(MEMORY(60000000)));
        tenant = tenants_find(&harness->broker->tenants, "uid:12345");
        tenant_change_policy(tenant)->maximum[QUOTA_MEMORY] = 256 * MIB;
        scheduler_start_waiting(harness->broker);
        r = client_reply(b);
        assert_string_equal(reply_string(r, "result.outcome"), "cancelled");
        assert_string_equal(reply_string(r, "result.message"), large);
        json_decref(r);
        assert_int_equal(next_memory(&box), 60000000);
        builder_exited(&box, 0);
        client_free(a);
        client_free(b);
        tenant_set_policy(tenant, &harness->broker->default_policy);
        harness_free(harness);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_weights),
                cmocka_unit_test(test_priority),
                cmocka_unit_test(test_maximum_running),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_submits),
                cmocka_unit_test(test_retained_of_others),
                cmocka_unit_test(test_memory_is_lowered),
                cmocka_unit_test(test_profiles),
                cmocka_unit_test(test_unknown_uid),
                cmocka_unit_test(test_foreign_id),
                cmocka_unit_test(test_request_id),
                cmocka_unit_test(test_request_id_descriptors),
                cmocka_unit_test(test_request_id_gone),
                cmocka_unit_test(test_request_id_cancelled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

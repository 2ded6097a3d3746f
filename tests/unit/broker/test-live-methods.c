/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "broker/job-store.h"
#include "harness.h"

static void test_node(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r = client_ask(c, "GetNode", "{}");
        size_t degraded = 0, i;
        json_t *layer;

        assert_string_equal(reply_string(r, "pythonVersion"), "3.11.2");
        assert_int_equal(reply_int(r, "maxRunningJobs"), 2);
        assert_true(json_is_true(reply_get(r, "degraded")));
        assert_true(strlen(reply_string(r, "kernel")) > 0);
        json_array_foreach(reply_get(r, "isolation"), i, layer) {
                if (strcmp(reply_string(layer, "state"), "enforced") == 0)
                        continue;
                degraded++;
                assert_string_equal(reply_string(layer, "layer"), "cgroup-cpu");
                assert_string_equal(reply_string(layer, "state"), "degraded");
                (void) reply_string(layer, "detail");
        }
        assert_int_equal(degraded, 1);
        assert_string_equal(reply_string(r, "counters"),
                            "none (perf_event_open: EACCES: allow it by sysctl "
                            "kernel.perf_event_paranoid=2)");
        json_decref(r);
        client_free(c);
}

static void test_who_am_i(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r = client_ask(c, "WhoAmI", "{}");
        char tenant[32];

        (void) snprintf(tenant, sizeof(tenant), "uid:%u", geteuid());
        assert_int_equal(reply_int(r, "uid"), geteuid());
        assert_int_equal(reply_int(r, "gid"), getegid());
        assert_string_equal(reply_string(r, "tenant"), tenant);
        assert_int_equal(reply_int(r, "connections"), 1);
        json_decref(r);
        client_free(c);
}

static void test_profiles(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r = client_ask(c, "ListProfiles", "{}");

        assert_int_equal(json_array_size(reply_get(r, "profiles")), 2);
        assert_string_equal(reply_string(r, "profiles.0.name"), "default");
        assert_true(json_is_true(reply_get(r, "profiles.0.allowed")));
        assert_true(json_is_true(reply_get(r, "profiles.0.isDefault")));
        assert_true(json_is_false(reply_get(r, "profiles.1.allowed")));
        json_decref(r);
        r = client_ask(c, "GetProfile", "{\"profile\":\"default\"}");
        assert_int_equal(reply_int(r, "maximum.memoryBytes"), 512 * MIB);
        assert_int_equal(reply_int(r, "defaults.resultBytes"), 1000);
        assert_string_equal(reply_string(r, "deniedModules.0"), "ctypes");
        assert_string_equal(reply_string(r, "preloadedModules.0"), "json");
        assert_string_equal(reply_string(r, "environment.HOME"), "/app");
        assert_int_equal(strlen(reply_string(r, "digest")), 64);
        json_decref(r);
        client_call(c, "GetProfile", "{\"profile\":\"../raw\"}", false);
        r = client_error(c, "ProfileNotFound");
        assert_string_equal(reply_string(r, "profile"), "../raw");
        json_decref(r);
        client_free(c);
}

static void test_service(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r = client_ask(c, "org.varlink.service.GetInfo", "{}");

        assert_string_equal(reply_string(r, "product"), "pysbd");
        json_decref(r);
        r = client_ask(c, "org.varlink.service.GetInterfaceDescription",
                       "{\"interface\":\"io.pysb.sandbox\"}");
        assert_non_null(strstr(reply_string(r, "description"), "method Run("));
        json_decref(r);
        client_call(c, "Nonsense", "{}", false);
        json_decref(client_error(c, "org.varlink.service.MethodNotFound"));
        client_call(c, "com.example.Nonsense", "{}", false);
        json_decref(client_error(c, "org.varlink.service.InterfaceNotFound"));
        client_call(c, "Attach", "{\"job\":\"x\"}", false);
        json_decref(client_error(c, "org.varlink.service.ExpectedMore"));
        client_free(c);
}

typedef struct RefusedCall {
        const char *request, *error, *key, *value;
} RefusedCall;

static const RefusedCall refusals[] = {
        { "{}", "org.varlink.service.InvalidParameter", "parameter", "request" },
        { "{\"request\":{}}", "InvalidRequest", "field", "code" },
        { "{\"request\":{\"code\":\"\",\"limits\":{\"memoryBytes\":\"1\"}}}",
          "org.varlink.service.InvalidParameter", "parameter", "request.limits.memoryBytes" },
        { "{\"request\":{\"code\":\"\",\"limits\":{\"memoryBytes\":1073741824}}}", "LimitExceeded",
          "limit", "memoryBytes" },
        { "{\"request\":{\"code\":\"\",\"limits\":{\"memoryBytes\":1}}}", "InvalidRequest", "field",
          "limits.memoryBytes" },
        { "{\"request\":{\"code\":\"\",\"profile\":\"raw\"}}", "ProfileDenied", "profile", "raw" },
        { "{\"request\":{\"code\":\"\",\"profile\":\"none\"}}", "ProfileNotFound", "profile",
          "none" },
        { "{\"request\":{\"code\":\"\",\"environment\":{\"LD_PRELOAD\":\"x\"}}}", "InvalidRequest",
          "field", "environment.LD_PRELOAD" },
};

/* Run and Submit refuse alike, with the name of what is wrong, and ask nothing of the builder. */
static void test_refusals(void **state) {
        Client *c = client_new(*state, geteuid());

        FOREACH_ARRAY(q, refusals, ELEMENTSOF(refusals)) {
                static const char *const methods[] = { "Run", "Submit", "Check" };

                FOREACH_ARRAY(m, methods, ELEMENTSOF(methods)) {
                        json_t *e;

                        client_call(c, *m, q->request, false);
                        e = client_error(c, q->error);
                        assert_string_equal(reply_string(e, q->key), q->value);
                        json_decref(e);
                }
        }
        builder_expect_nothing(*state);
        client_free(c);
}

static json_t *submit(Client *c, const char *labels) {
        char p[256];

        (void) snprintf(p, sizeof(p), "{\"request\":{\"code\":\"\",\"labels\":%s}}", labels);
        return client_ask(c, "Submit", p);
}

static void test_list(void **state) {
        Client *c = client_new(*state, geteuid());
        char cursor[64];
        json_t *first, *r;
        Box one, two;

        first = submit(c, "{\"colour\":\"red\"}");
        json_decref(submit(c, "{\"colour\":\"blue\"}"));
        r = submit(c, "{\"colour\":\"red\",\"size\":\"1\"}");
        assert_int_equal(reply_int(r, "position"), 0);
        json_decref(r);
        one = builder_start(*state);
        two = builder_start(*state);
        r = client_ask(c, "ListJobs", "{\"maxEntries\":2}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 2);
        assert_string_equal(reply_string(r, "jobs.0.state"), "queued"); /* newest first */
        assert_int_equal(reply_int(r, "jobs.0.position"), 0);
        assert_string_equal(reply_string(r, "jobs.0.labels.size"), "1");
        (void) snprintf(cursor, sizeof(cursor), "{\"cursor\":\"%s\"}",
                        reply_string(r, "nextCursor"));
        json_decref(r);
        r = client_ask(c, "ListJobs", cursor);
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 1);
        assert_string_equal(reply_string(r, "jobs.0.job"), reply_string(first, "job"));
        assert_null(reply_get(r, "nextCursor"));
        json_decref(r);
        r = client_ask(c, "ListJobs", "{\"labels\":{\"colour\":\"red\"}}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 2);
        json_decref(r);
        builder_exited(&one, 5);
        r = client_ask(c, "ListJobs", "{\"states\":[\"finished\"]}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 1);
        assert_string_equal(reply_string(r, "jobs.0.outcome"), "exit_nonzero");
        assert_true(reply_int(r, "jobs.0.retainedUntilUSec") >
                    reply_int(r, "jobs.0.finishedAtUSec"));
        json_decref(r);
        client_call(c, "ListJobs", "{\"maxEntries\":0}", false);
        json_decref(client_error(c, "InvalidRequest"));
        client_call(c, "ListJobs", "{\"cursor\":\"x\"}", false);
        json_decref(client_error(c, "InvalidRequest"));
        builder_exited(&two, 0);
        one = builder_start(*state);
        builder_exited(&one, 0);
        json_decref(first);
        client_free(c);
}

static void test_get_job(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *job = submit(c, "{}"), *r;
        char p[128];
        Box box = builder_start(*state);

        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\"}", reply_string(job, "job"));
        builder_started(&box);
        r = client_ask(c, "GetJob", p);
        assert_string_equal(reply_string(r, "info.state"), "running");
        assert_string_equal(reply_string(r, "info.profile"), "default");
        (void) reply_int(r, "info.startedAtUSec");
        assert_null(reply_get(r, "info.outcome"));
        json_decref(r);
        builder_exited(&box, 0);
        r = client_ask(c, "GetJob", p);
        assert_string_equal(reply_string(r, "info.outcome"), "success");
        assert_int_equal(reply_int(r, "info.usage.memoryPeakBytes"), 5 * MIB);
        json_decref(r);
        json_decref(job);
        client_free(c);
}

/* Jobs that have ended, one behind the other. */
static void end_many(Harness *h, Client *c, int n) {
        for (int i = 0; i < n; i++) {
                json_t *r = submit(c, "{}");
                Box box = builder_start(h);

                builder_exited(&box, 0);
                json_decref(r);
        }
}

static uint64_t count_jobs(const Harness *h) {
        uint64_t n = 0;

        LIST_FOREACH(l, &h->broker->jobs)
                n++;
        return n;
}

/* Results that nobody fetches: the oldest goes, so that the memory stays bounded. */
static void test_retained_bound(void **state) {
        Harness *h = *state;
        Client *c = client_new(h, geteuid());
        json_t *first = submit(c, "{}");
        Box box = builder_start(h);
        char p[128];

        builder_exited(&box, 0);
        end_many(h, c, RETAINED_JOBS_PER_TENANT_MAX + 9);
        assert_in_range(count_jobs(h), RETAINED_JOBS_PER_TENANT_MAX,
                        RETAINED_JOBS_PER_TENANT_MAX + 1);
        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\"}", reply_string(first, "job"));
        client_call(c, "GetJob", p, false);
        json_decref(client_error(c, "JobNotFound"));
        json_decref(first);
        client_free(c);
}

#define ONCE "{\"request\":{\"code\":\"1\",\"requestId\":\"once\"}}"

/* What it made goes like that of others; that it has run is known until its time is over. */
static void test_request_is_remembered(void **state) {
        Harness *h = *state;
        Client *c = client_new(h, geteuid());
        json_t *first = client_ask(c, "Submit", ONCE), *r;
        Box box = builder_start(h);
        char p[128];

        builder_exited(&box, 0);
        end_many(h, c, RETAINED_JOBS_PER_TENANT_MAX + 10);
        r = client_ask(c, "Submit", ONCE);
        assert_true(json_is_false(json_object_get(r, "created")));
        assert_string_equal(reply_string(r, "job"), reply_string(first, "job"));
        json_decref(r);
        builder_expect_nothing(h);
        r = client_ask(c, "Run", ONCE);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        assert_string_equal(reply_string(r, "result.resultProblem.type"), "ResultDropped");
        json_decref(r);
        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\",\"afterSequence\":2}",
                        reply_string(first, "job"));
        client_call(c, "Attach", p, true);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        harness_advance(h, 61 * USEC_PER_SEC);
        broker_sweep(h->broker);
        r = client_ask(c, "Submit", ONCE);
        assert_true(json_is_true(json_object_get(r, "created")));
        json_decref(r);
        box = builder_start(h);
        builder_exited(&box, 0);
        json_decref(first);
        client_free(c);
}

/* More than can be remembered are refused, rather than run twice. */
static void test_requests_bound(void **state) {
        Harness *h = *state;
        Client *c = client_new(h, geteuid());
        char request[128];
        json_t *r;

        for (int i = 0; i <= REQUESTS_PER_TENANT_MAX; i++) {
                Box box;

                (void) snprintf(request, sizeof(request),
                                "{\"request\":{\"code\":\"1\",\"requestId\":\"%d\"}}", i);
                if (i == REQUESTS_PER_TENANT_MAX)
                        break;
                json_decref(client_ask(c, "Submit", request));
                box = builder_start(h);
                builder_exited(&box, 0);
        }
        client_call(c, "Submit", request, false);
        r = client_error(c, "QuotaExceeded");
        assert_string_equal(reply_string(r, "scope"), "tenant");
        assert_string_equal(reply_string(r, "quota"), "requests");
        assert_int_equal(reply_int(r, "used"), REQUESTS_PER_TENANT_MAX);
        assert_true(reply_int(r, "retryAfterUSec") > 0);
        json_decref(r);
        assert_int_equal(count_jobs(h), REQUESTS_PER_TENANT_MAX);
        end_many(h, c, 1);
        client_free(c);
}

static void test_denied_calls(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
        box = builder_start(*state);
        builder_ended(&box,
                      &(BoxFacts){
                              .has_record = 1,
                              .n_denied = 2,
                              .denied = { { .number = 101, .count = 3 }, { .number = 100000 } },
                      });
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.violations.0.subject"), "ptrace");
        assert_string_equal(reply_string(r, "result.violations.0.layer"), "seccomp");
        assert_int_equal(reply_int(r, "result.violations.0.count"), 3);
        assert_string_equal(reply_string(r, "result.violations.1.subject"), "100000");
        json_decref(r);
        client_free(c);
}

/* Runs a job to this end; the result that its client gets. */
static json_t *run_to(Harness *h, Client *c, const BoxFacts *facts) {
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
        box = builder_start(h);
        builder_started(&box);
        box_write(&box, BOX_STDOUT, "out");
        builder_ended(&box, facts);
        return client_reply(c);
}

static void test_usage(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r = run_to(*state, c,
                           &(BoxFacts){
                                   .has_record = 1,
                                   .pids_peak = 2,
                                   .wall_usec = 3,
                                   .cpu_user_usec = 4,
                                   .cpu_system_usec = 5,
                                   .memory_peak_bytes = 6,
                                   .disk_bytes = 7,
                                   .disk_files = 8,
                                   .instructions = 9,
                           });
        static const char *const figures[] = {
                "processesPeak",   "wallTimeUSec", "cpuUserUSec", "cpuSystemUSec",
                "memoryPeakBytes", "diskBytes",    "diskFiles",   "instructions",
        };

        for (size_t i = 0; i < ELEMENTSOF(figures); i++)
                assert_int_equal(json_integer_value(
                                         json_object_get(reply_get(r, "result.usage"), figures[i])),
                                 2 + i);
        assert_int_equal(reply_int(r, "result.usage.stdoutBytes"), 3);
        assert_int_equal(reply_int(r, "result.usage.stderrBytes"), 0);
        /* The request has no tools. */
        assert_int_equal(reply_int(r, "result.usage.toolCalls"), 0);
        assert_int_equal(reply_int(r, "result.usage.toolWaitUSec"), 0);
        assert_null(json_object_get(reply_get(r, "result"), "limits"));
        json_decref(r);
        client_free(c);
}

/* A box that was killed late has no record: nobody looked at its disk. */
static void test_usage_unknown(void **state) {
        static const char *const absent[] = {
                "memoryPeakBytes", "processesPeak", "diskBytes",
                "diskFiles",       "instructions",  "cpuThrottledUSec"
        };
        Client *c = client_new(*state, geteuid());
        json_t *r = run_to(*state, c, &(BoxFacts){ .end_reason = END_WALL_TIME, .wall_usec = 1 });

        FOREACH_ARRAY(name, absent, ELEMENTSOF(absent))
                assert_null(json_object_get(reply_get(r, "result.usage"), *name));
        /* What ended it is known all the same. */
        assert_non_null(strstr(reply_string(r, "result.limits"), "raise limits.wall_time"));
        json_decref(r);
        client_free(c);
}

static void test_advice(void **state) {
        Client *c = client_new(*state, geteuid());
        const BoxFacts too_much = { .has_record = 1, .memory_peak_bytes = 100000 * MIB };
        json_t *r = run_to(*state, c, &too_much);

        assert_non_null(strstr(reply_string(r, "result.limits"), "raise limits.memory"));
        json_decref(r);
        client_free(c);
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LIVE(test_node),
                LIVE(test_who_am_i),
                LIVE(test_profiles),
                LIVE(test_service),
                LIVE(test_refusals),
                LIVE(test_list),
                LIVE(test_get_job),
                LIVE(test_retained_bound),
                LIVE(test_request_is_remembered),
                LIVE(test_requests_bound),
                LIVE(test_denied_calls),
                LIVE(test_usage),
                LIVE(test_usage_unknown),
                LIVE(test_advice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

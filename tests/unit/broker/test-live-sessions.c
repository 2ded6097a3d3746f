/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sessions in a whole broker, whose builder and interpreter are the test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/io.h"
#include "basic/macro.h"
#include "broker/session.h"
#include "harness.h"
#include "proto/link.h"
#include "session-harness.h"

static void test_cells(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);

        assert_int_equal(used(*state, QUOTA_SESSIONS), 1);
        for (int i = 1; i <= 3; i++) {
                execute(c, &box, id, ",\"code\":\"1\"");
                box_write(&box, BOX_STDOUT, "out");
                end_cell(&box, 0);
                expect_result(c, "success", i, true);
                /* A cell has no place of its own. */
                assert_int_equal(used(*state, QUOTA_RUNNING), 1);
        }
        execute(c, &box, id, ",\"code\":\"1\"");
        end_cell(&box, 7);
        expect_result(c, "exit_nonzero", 4, true);
        close_session(c, &box, id);
        call(c, "GetSession", id, "");
        expect_error(c, "SessionNotFound");
        client_free(c);
}

static void test_line(void **state) {
        Client *first = client_new(*state, geteuid()), *second = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(first, "{}", id);
        BuilderRequest request;

        execute(first, &box, id, ",\"code\":\"1\"");
        assert_int_equal(used(*state, QUOTA_QUEUED_BYTES), 0);
        call(second, "Execute", id, ",\"code\":\"2\"");
        expect_error(second, "SessionBusy");
        call(second, "Execute", id, ",\"code\":\"2\",\"queue\":true");
        builder_expect_nothing(*state);
        assert_true(used(*state, QUOTA_QUEUED_BYTES) > 0);
        end_cell(&box, 0);
        expect_result(first, "success", 1, true);
        expect_verb(&box, BUILDER_CELL, &request);
        assert_int_equal(used(*state, QUOTA_QUEUED_BYTES), 0);
        end_cell(&box, 0);
        expect_result(second, "success", 2, true);
        close_session(first, &box, id);
        client_free(first);
        client_free(second);
}

/* Before the program runs nobody is interrupted, and one that is over is not either. */
static void test_interrupt(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        uint32_t status = 0;
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);
        BuilderRequest request;

        execute(c, &box, id, ",\"code\":\"1\"");
        call(other, "InterruptSession", id, "");
        json_decref(client_reply(other));
        builder_expect_nothing(*state);
        say(&box, FRAME_RUNNING, NULL, 0);
        expect_verb(&box, BUILDER_INTERRUPT, &request);
        assert_int_equal(request.reason, END_BY_ITSELF);
        say(&box, FRAME_CELL_END, &status, sizeof(status));
        expect_verb(&box, BUILDER_IDLE, &request);
        call(other, "InterruptSession", id, "");
        json_decref(client_reply(other));
        builder_expect_nothing(*state);
        report_cell(&box, END_BY_ITSELF);
        expect_result(c, "success", 1, true);
        close_session(c, &box, id);
        client_free(c);
        client_free(other);
}

/* Cancel interrupts, with a reason; without a grace it kills, and the session is lost. */
static void test_cancel(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        char id[ID_SIZE], parameters[128];
        Box box = open_session(c, "{}", id);
        BuilderRequest request;
        json_t *r;

        execute(c, &box, id, ",\"code\":\"1\"");
        say(&box, FRAME_RUNNING, NULL, 0);
        call(other, "GetSession", id, "");
        r = client_reply(other);
        for (int i = 0; i < 2; i++) {
                (void) snprintf(parameters, sizeof(parameters), "{\"job\":\"%s\"%s}",
                                reply_string(r, "info.job"), i == 0 ? "" : ",\"graceUSec\":0");
                json_decref(client_ask(other, "Cancel", parameters));
                if (i == 0) {
                        expect_verb(&box, BUILDER_INTERRUPT, &request);
                        assert_int_equal(request.reason, END_CANCEL);
                } else
                        builder_expect_kill(&box, END_CANCEL);
        }
        json_decref(r);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
        expect_result(c, "cancelled", 1, false);
        expect_state(other, id, "lost");
        call(c, "Execute", id, ",\"code\":\"1\"");
        expect_error(c, "SessionLost");
        assert_int_equal(used(*state, QUOTA_RUNNING), 0);
        assert_int_equal(used(*state, QUOTA_SESSIONS), 1);
        call(c, "CloseSession", id, "");
        json_decref(client_reply(c));
        assert_int_equal(used(*state, QUOTA_SESSIONS), 0);
        client_free(c);
        client_free(other);
}

/* A CELL_END that nobody asked for, or of another size, is the end of the belief in it. */
static void test_forged_end(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);

        execute(c, &box, id, ",\"code\":\"1\"");
        say(&box, FRAME_CELL_END, "xy", 2);
        builder_expect_nothing(*state);
        builder_exited(&box, 0);
        expect_result(c, "success", 1, false);
        call(c, "CloseSession", id, "");
        json_decref(client_reply(c));
        client_free(c);
}

/* Its box is there before the files of the request are. */
static void test_opening(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        BuilderRequest request;
        char id[ID_SIZE];
        Box box = open_box(c, "{}", id);

        expect_state(c, id, "opening");
        call(other, "RestartSession", id, "");
        call(c, "Execute", id, ",\"code\":\"1\"");
        builder_expect_nothing(*state);
        say_ready(&box);
        json_decref(client_reply(other));
        expect_verb(&box, BUILDER_CELL, &request);
        end_cell(&box, 0);
        expect_result(c, "success", 1, true);
        close_session(c, &box, id);
        client_free(c);
        client_free(other);
}

/* Answered when the interpreter is there; no cell begins before. */
static void test_restart(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{\"files\":[{\"path\":\"f\",\"text\":\"some text\"}]}", id);
        char frame[4096];
        BuilderRequest request;
        json_t *r;

        for (int i = 0; i < 3; i++) {
                ssize_t n;

                call(c, "RestartSession", id, "");
                builder_restart(&box);
                expect_state(other, id, "restarting");
                call(other, "Execute", id, ",\"code\":\"1\"");
                builder_expect_nothing(*state);
                n = read(box.fds[BOX_CHANNEL], frame, sizeof(frame));
                assert_true(n > (ssize_t) sizeof(FrameHeader));
                assert_null(memmem(frame, (size_t) n, "some text", strlen("some text")));
                report_restarted(&box);
                r = client_reply(c);
                assert_string_equal(reply_string(r, "info.session"), id);
                json_decref(r);
                expect_verb(&box, BUILDER_CELL, &request);
                end_cell(&box, 0);
                expect_result(other, "success", i + 1, true);
        }
        close_session(c, &box, id);
        client_free(c);
        client_free(other);
}

/* What runs ends with its interpreter, whatever that says meanwhile; what waits does not run. */
static void test_restart_with_cells(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid()),
               *waiting = client_new(*state, geteuid());
        uint32_t status = 0;
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);

        for (int i = 0; i < 2; i++) {
                execute(c, &box, id, ",\"code\":\"1\"");
                call(waiting, "Execute", id, ",\"code\":\"2\",\"queue\":true");
                builder_expect_nothing(*state);
                say(&box, FRAME_RUNNING, NULL, 0);
                box_write(&box, BOX_STDOUT, "out");
                call(other, "RestartSession", id, "");
                (void) harness_spin(*state);
                expect_result(waiting, "cancelled", 2 * i + 2, true);
                if (i == 0)
                        say(&box, FRAME_CELL_END, &status, sizeof(status));
                builder_restart(&box);
                builder_expect_nothing(*state);
                report_restarted(&box);
                expect_result(c, "cancelled", 2 * i + 1, true);
                json_decref(client_reply(other));
                assert_int_equal(used(*state, QUOTA_QUEUED_BYTES), 0);
        }
        execute(c, &box, id, ",\"code\":\"1\"");
        end_cell(&box, 0);
        expect_result(c, "success", 5, true);
        close_session(c, &box, id);
        client_free(c);
        client_free(other);
        client_free(waiting);
}

/* The box ends instead, or is closed. */
static void test_restart_that_fails(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        char id[ID_SIZE];

        for (int i = 0; i < 2; i++) {
                Box box = open_session(c, "{}", id);

                execute(c, &box, id, ",\"code\":\"1\"");
                call(other, "RestartSession", id, "");
                builder_restart(&box);
                if (i == 0) {
                        builder_ended(&box, &(BoxFacts){ .end_reason = END_WALL_TIME });
                        expect_error(other, "SessionLost");
                        expect_result(c, "wall_time_limit", 1, false);
                        call(other, "RestartSession", id, "");
                        expect_error(other, "SessionLost");
                        call(c, "CloseSession", id, "");
                        json_decref(client_reply(c));
                        continue;
                }
                client_free(c);
                c = client_new(*state, geteuid());
                call(c, "CloseSession", id, "");
                expect_error(other, "SessionNotFound");
                builder_expect_kill(&box, END_CANCEL);
                report_restarted(&box);
                builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
                json_decref(client_reply(c));
        }
        assert_int_equal(used(*state, QUOTA_SESSIONS), 0);
        assert_int_equal(used(*state, QUOTA_RUNNING), 0);
        client_free(c);
        client_free(other);
}

static void test_times(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{\"idleTimeoutUSec\":2000000}", id);

        harness_advance(*state, 1900000);
        execute(c, &box, id, ",\"code\":\"1\"");
        harness_advance(*state, 5000000); /* not idle */
        end_cell(&box, 0);
        expect_result(c, "success", 1, true);
        harness_advance(*state, 1900000);
        builder_expect_nothing(*state);
        harness_advance(*state, 200000);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
        assert_int_equal(used(*state, QUOTA_SESSIONS), 0);
        client_free(c);
}

/* Of two places one is for sessions. */
static void test_quota(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);
        json_t *r;

        client_call(c, "OpenSession", "{}", false);
        r = client_error(c, "QuotaExceeded");
        assert_string_equal(reply_string(r, "scope"), "node");
        assert_string_equal(reply_string(r, "quota"), "sessions");
        assert_int_equal(reply_int(r, "used"), 1);
        assert_int_equal(reply_int(r, "maximum"), 1);
        assert_true(reply_int(r, "retryAfterUSec") > 0);
        json_decref(r);
        close_session(c, &box, id);
        client_free(c);
}

/* Who drains opens none; those that are open go on. */
static void test_drain(void **state) {
        Client *c = client_new(*state, geteuid());
        Harness *h = *state;
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);

        h->broker->is_draining = true;
        client_call(c, "OpenSession", "{}", false);
        expect_error(c, "ShuttingDown");
        execute(c, &box, id, ",\"code\":\"1\"");
        end_cell(&box, 0);
        expect_result(c, "success", 1, true);
        close_session(c, &box, id);
        h->broker->is_draining = false;
        client_free(c);
}

static void set_config(Harness *h, const char *lines) {
        DaemonConfig *config;
        char *error;

        assert_int_equal(daemon_config_parse(lines, strlen(lines), &config, &error), 0);
        broker_set_config(h->broker, config);
}

/* A tenant's own number, from its table; those that are open stay above a new one. */
static void test_quota_of_tenant(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        json_t *r;
        Box box;

        set_config(*state, "== default\nt:2: tenant.max_sessions = 1\n");
        box = open_session(c, "{}", id);
        r = client_ask(c, "WhoAmI", "{}");
        assert_int_equal(reply_int(r, "sessions"), 1);
        assert_int_equal(reply_int(r, "maxSessions"), 1);
        json_decref(r);
        set_config(*state, "== default\nt:2: tenant.max_sessions = 0\n");
        execute(c, &box, id, ",\"code\":\"1\"");
        end_cell(&box, 0);
        expect_result(c, "success", 1, true);
        close_session(c, &box, id);
        client_call(c, "OpenSession", "{}", false);
        r = client_error(c, "QuotaExceeded");
        assert_string_equal(reply_string(r, "quota"), "sessions");
        assert_int_equal(reply_int(r, "used"), 0);
        assert_int_equal(reply_int(r, "maximum"), 0);
        assert_null(reply_get(r, "retryAfterUSec")); /* never */
        json_decref(r);
        client_free(c);
}

/* A profile without sessions, and times above its maximum. */
static void test_profile(void **state) {
        Profile *profile = ((Harness *) *state)->broker->store->profiles[0];
        static const char *const times[] = { "idleTimeoutUSec", "lifetimeUSec" };
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE], parameters[64];
        json_t *r;
        Box box;

        profile->has_sessions = false;
        client_call(c, "OpenSession", "{}", false);
        r = client_error(c, "NotSupported");
        assert_string_equal(reply_string(r, "feature"), "sessions in the profile default");
        json_decref(r);
        profile->has_sessions = true;
        FOREACH_ARRAY(time, times, ELEMENTSOF(times)) {
                (void) snprintf(parameters, sizeof(parameters), "{\"%s\":7200000001}", *time);
                client_call(c, "OpenSession", parameters, false);
                r = client_error(c, "LimitExceeded");
                assert_string_equal(reply_string(r, "limit"), *time);
                assert_int_equal(reply_int(r, "maximum"), 7200000000);
                json_decref(r);
        }
        box = open_session(c, "{}", id);
        r = client_ask(c, "ListSessions", "{}");
        assert_int_equal(reply_int(r, "sessions.0.idleTimeoutUSec"), 600000000);
        json_decref(r);
        call(c, "ExtendSession", id, ",\"lifetimeUSec\":7200000001");
        expect_error(c, "LimitExceeded");
        call(c, "ExtendSession", id, ",\"idleTimeoutUSec\":1");
        expect_error(c, "InvalidRequest");
        close_session(c, &box, id);
        client_free(c);
}

/* Profiles that a reload has replaced are needed until the last START of them is sent; a cell that waits
 * has its box, and needs none. */
static void test_reload(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        Harness *h = *state;
        BuilderRequest request;
        char id[ID_SIZE];
        Box jobs[2], box;
        json_t *r;

        for (size_t i = 0; i < 2; i++) {
                client_call(i == 0 ? c : other, "Run", "{\"request\":{\"code\":\"1\"}}", false);
                jobs[i] = builder_start(h);
        }
        builder_exited(&jobs[0], 0);
        json_decref(client_reply(c));
        client_call(c, "Submit", "{\"request\":{\"code\":\"1\"}}", false);
        jobs[0] = builder_start(h);
        json_decref(client_reply(c));
        r = client_ask(c, "OpenSession", "{}");
        (void) snprintf(id, sizeof(id), "%s", reply_string(r, "info.session"));
        json_decref(r);
        h->broker->reload.generation = 1;
        reload_forget(h->broker);
        builder_expect_nothing(h);
        builder_exited(&jobs[1], 0);
        json_decref(client_reply(other));
        box = builder_start(h);
        assert_true(builder_next(h, &request));
        assert_int_equal(request.verb, BUILDER_FORGET);
        assert_int_equal(request.plan, 1);
        builder_started(&box);
        say_ready(&box);
        execute(c, &box, id, ",\"code\":\"1\"");
        call(other, "Execute", id, ",\"code\":\"1\",\"queue\":true");
        builder_expect_nothing(h);
        h->broker->reload.generation = 2;
        reload_forget(h->broker);
        assert_true(builder_next(h, &request));
        assert_int_equal(request.verb, BUILDER_FORGET);
        assert_int_equal(request.plan, 2);
        builder_exited(&jobs[0], 0);
        builder_exited(&box, 0);
        client_free(c);
        client_free(other);
}

static void test_box_that_cannot_be(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        json_t *r = client_ask(c, "OpenSession", "{}");
        Box box = builder_start(*state);

        (void) snprintf(id, sizeof(id), "%s", reply_string(r, "info.session"));
        json_decref(r);
        call(c, "Execute", id, ",\"code\":\"1\"");
        builder_ended(&box, &(BoxFacts){ .setup_error = 11, .setup_step = UINT32_MAX });
        expect_result(c, "lost", 1, false);
        expect_state(c, id, "lost");
        client_free(c);
}

/* The same call makes no second cell, while it runs and afterwards; another one of that name is refused. */
static void test_repeated(void **state) {
        static const char call_a[] = ",\"code\":\"1\",\"requestId\":\"a\"";
        Client *c = client_new(*state, geteuid()), *again = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);

        execute(c, &box, id, call_a);
        call(again, "Execute", id, call_a);
        builder_expect_nothing(*state);
        client_free(again); /* which cancels nothing */
        (void) harness_spin(*state);
        builder_expect_nothing(*state);
        end_cell(&box, 0);
        expect_result(c, "success", 1, true);
        call(c, "Execute", id, call_a);
        expect_result(c, "success", 1, true);
        call(c, "Execute", id, ",\"code\":\"2\",\"requestId\":\"a\"");
        expect_error(c, "RequestConflict");
        builder_expect_nothing(*state);
        close_session(c, &box, id);
        client_free(c);
}

/* Nor does a session make results for clients that do not read them. */
static void test_results_that_nobody_reads(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);
        List *tenants = &((Harness *) *state)->broker->tenants.all;
        Tenant *tenant = container_of(tenants->next, Tenant, link);
        uint64_t maximum = tenant->policy->maximum[QUOTA_RETAINED_BYTES];
        json_t *r;

        tenant->watched_bytes += maximum + 1;
        call(c, "Execute", id, ",\"code\":\"1\"");
        r = client_error(c, "QuotaExceeded");
        assert_string_equal(reply_string(r, "quota"), "results");
        assert_true(reply_int(r, "retryAfterUSec") > 0);
        json_decref(r);
        builder_expect_nothing(*state);
        tenant->watched_bytes -= maximum + 1;
        execute(c, &box, id, ",\"code\":\"1\"");
        end_cell(&box, 0);
        expect_result(c, "success", 1, true);
        close_session(c, &box, id);
        client_free(c);
}

static void expect_usage(Client *c, const char *id, int64_t wall_usec, int64_t cpu_usec) {
        json_t *r;

        call(c, "GetSession", id, "");
        r = client_reply(c);
        assert_int_equal(reply_int(r, "info.usage.wallTimeUSec"), wall_usec);
        assert_int_equal(reply_int(r, "info.usage.cpuUserUSec"), cpu_usec);
        json_decref(r);
}

/* A session has used what its cells have, also the one with which its box ends: of that the rest is the cell's. */
static void test_usage(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box box = open_session(c, "{}", id);
        int64_t wall_usec;
        json_t *r;

        expect_usage(c, id, 0, 0);
        for (int i = 1; i <= 2; i++) {
                execute(c, &box, id, ",\"code\":\"1\"");
                end_cell(&box, 0);
                json_decref(client_reply(c));
                expect_usage(c, id, i * 1500, i * 400);
        }
        harness_advance(*state, 5 * USEC_PER_SEC);
        execute(c, &box, id, ",\"code\":\"1\"");
        harness_advance(*state, 20);
        builder_ended(&box, &(BoxFacts){ .has_record = 1,
                                         .job_status = 3 << 8,
                                         .wall_usec = 6 * USEC_PER_SEC,
                                         .cpu_user_usec = 1000,
                                         .cpu_system_usec = 50 });
        r = client_reply(c);
        assert_in_range(reply_int(r, "result.usage.wallTimeUSec"), 20, 5 * USEC_PER_SEC - 1);
        assert_int_equal(reply_int(r, "result.usage.cpuUserUSec"), 250);
        wall_usec = 3000 + reply_int(r, "result.usage.wallTimeUSec");
        json_decref(r);
        expect_usage(c, id, wall_usec, 1050);
        client_free(c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_cells, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_line, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_interrupt, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_cancel, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_forged_end, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_opening, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_restart, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_restart_with_cells, harness_setup,
                                                harness_teardown),
                cmocka_unit_test_setup_teardown(test_restart_that_fails, harness_setup,
                                                harness_teardown),
                cmocka_unit_test_setup_teardown(test_times, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_quota, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_quota_of_tenant, harness_setup,
                                                harness_teardown),
                cmocka_unit_test_setup_teardown(test_profile, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_reload, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_drain, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_repeated, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_results_that_nobody_reads, harness_setup,
                                                harness_teardown),
                cmocka_unit_test_setup_teardown(test_usage, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_box_that_cannot_be, harness_setup,
                                                harness_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

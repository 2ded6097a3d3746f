/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* BranchSession in a whole broker: what is asked of the builder and of the interpreter, in which order their answers
 * may come, who is refused, and what the end of one of the sessions is for the other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/io.h"
#include "basic/macro.h"
#include "proto/link.h"
#include "session-harness.h"

/* Sessions take half of the places. */
static int setup(void **state) {
        *state = harness_new(&(HarnessOptions){ .slots = 4 });
        return 0;
}

static void allow_branches(Harness *h, uint64_t n) {
        h->broker->store->profiles[0]->session_branches = n;
}

static void report_branching(const Box *branch) {
        const BuilderReport report = { .kind = BUILDER_BRANCHING, .box = branch->request.box };

        assert_int_equal(link_send(branch->h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(branch->h);
}

/* What the broker has sent to the interpreter before does not matter here. */
static void expect_order_to_fork(const Box *base) {
        FrameHeader h = {};
        char payload[4096];

        while (h.type != FRAME_BRANCH) {
                assert_int_equal(read(base->fds[BOX_CHANNEL], &h, sizeof(h)), sizeof(h));
                assert_true(h.size <= sizeof(payload));
                assert_true(h.size == 0 ||
                            read(base->fds[BOX_CHANNEL], payload, h.size) == (ssize_t) h.size);
        }
}

static void answer(const Box *base, BranchRefusal refusal) {
        uint32_t word = refusal;

        say(base, FRAME_CELL_END, &word, sizeof(word));
}

/* The builder and the interpreter of the base are asked; neither has answered. */
static Box begin_branch(Client *c, const Box *base, const char *id) {
        Box branch;

        call(c, "BranchSession", id, ",\"labels\":{\"a\":\"b\"}");
        branch = builder_branch(base);
        report_branching(&branch);
        expect_order_to_fork(base);
        return branch;
}

static void take_branch(Client *c, char ret_id[static ID_SIZE]) {
        json_t *r = client_reply(c);

        (void) snprintf(ret_id, ID_SIZE, "%s", reply_string(r, "info.session"));
        assert_string_equal(reply_string(r, "info.state"), "idle");
        assert_string_equal(reply_string(r, "info.labels.a"), "b");
        json_decref(r);
}

static Box make_branch(Client *c, const Box *base, const char *id, char ret_id[static ID_SIZE]) {
        Box branch = begin_branch(c, base, id);

        answer(base, BRANCH_MADE);
        builder_started(&branch);
        take_branch(c, ret_id);
        return branch;
}

static void close_one(Client *c, Box *box, const char *id) {
        call(c, "CloseSession", id, "");
        builder_expect_kill(box, END_CANCEL);
        builder_ended(box, &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
        json_decref(client_reply(c));
}

static void expect_nothing_used(Harness *h) {
        assert_int_equal(used(h, QUOTA_SESSIONS), 0);
        assert_int_equal(used(h, QUOTA_RUNNING), 0);
        assert_int_equal(used(h, QUOTA_MEMORY), 0);
}

static void expect_refusal(Client *c, const char *reason) {
        json_t *r = client_error(c, "BranchRefused");

        assert_string_equal(reply_string(r, "reason"), reason);
        json_decref(r);
}

static void run_cell(Client *c, const Box *box, const char *id, int count) {
        execute(c, box, id, ",\"code\":\"1\"");
        end_cell(box, 0);
        expect_result(c, "success", count, true);
}

/* The word of the interpreter and that of the builder come in any order; cells wait for both. Either session may
 * be closed first. */
static void test_made(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        BuilderRequest request;

        allow_branches(*state, 1);
        for (int i = 0; i < 4; i++) {
                char id[ID_SIZE], branch_id[ID_SIZE];
                Box base = open_session(c, "{}", id), branch;

                run_cell(c, &base, id, 1);
                branch = begin_branch(c, &base, id);
                expect_state(other, id, "branching");
                call(other, "Execute", id, ",\"code\":\"1\",\"queue\":true");
                builder_expect_nothing(*state);
                if (i & 1)
                        answer(&base, BRANCH_MADE);
                builder_expect_nothing(*state);
                builder_started(&branch);
                take_branch(c, branch_id);
                if (!(i & 1)) {
                        builder_expect_nothing(*state); /* the answer is still on its way */
                        answer(&base, BRANCH_MADE);
                }
                expect_verb(&base, BUILDER_CELL, &request); /* the one that waited */
                end_cell(&base, 0);
                expect_result(other, "success", 2, true);
                assert_int_equal(used(*state, QUOTA_SESSIONS), 2);
                assert_int_equal(used(*state, QUOTA_RUNNING), 2);
                run_cell(c, &branch, branch_id, 2); /* counted on */
                close_one(c, i & 2 ? &base : &branch, i & 2 ? id : branch_id);
                run_cell(c, i & 2 ? &branch : &base, i & 2 ? branch_id : id, 3);
                close_one(c, i & 2 ? &branch : &base, i & 2 ? branch_id : id);
                expect_nothing_used(*state);
        }
        client_free(c);
        client_free(other);
}

/* By the interpreter, and by the builder, who has no box then. The base is what it was. */
static void test_refused(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE];
        Box base = open_session(c, "{}", id), branch;

        allow_branches(*state, 1);
        for (int i = 0; i < 2; i++) {
                branch = begin_branch(c, &base, id);
                answer(&base, i == 0 ? BRANCH_REFUSED_THREADS : BRANCH_REFUSED_FAILED);
                builder_expect_kill(&branch, END_CANCEL);
                builder_ended(&branch, &(BoxFacts){ .end_reason = END_CANCEL });
                expect_refusal(c, i == 0 ? "threads" : "failed");
                expect_state(c, id, "idle");
        }
        call(c, "BranchSession", id, "");
        branch = builder_branch(&base);
        builder_ended(&branch, &(BoxFacts){ .setup_error = 11, .setup_step = UINT32_MAX });
        expect_refusal(c, "failed");
        assert_int_equal(used(*state, QUOTA_SESSIONS), 1);
        run_cell(c, &base, id, 1);
        close_one(c, &base, id);
        expect_nothing_used(*state);
        client_free(c);
}

/* What the broker refuses of its own: nobody is asked. */
static void test_not_now(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        char id[ID_SIZE], branch_id[ID_SIZE];
        Box base = open_session(c, "{}", id), branch;

        call(c, "BranchSession", id, "");
        expect_error(c, "NotSupported");
        allow_branches(*state, 1);
        execute(c, &base, id, ",\"code\":\"1\""); /* or waits for the answer of a tool */
        call(other, "BranchSession", id, "");
        expect_error(other, "SessionBusy");
        end_cell(&base, 0);
        expect_result(c, "success", 1, true);
        branch = begin_branch(c, &base, id);
        call(other, "BranchSession", id, "");
        expect_refusal(other, "busy");
        answer(&base, BRANCH_MADE);
        builder_started(&branch);
        take_branch(c, branch_id);
        call(c, "BranchSession", branch_id, ""); /* they are one family */
        expect_refusal(c, "full");
        call(c, "RestartSession", id, "");
        expect_error(c, "InvalidRequest");
        builder_expect_nothing(*state);
        close_one(c, &branch, branch_id);
        builder_exited(&base, 3);
        call(c, "BranchSession", id, "");
        expect_error(c, "SessionLost");
        builder_expect_nothing(*state);
        client_free(c);
        client_free(other);
}

/* One interpreter dies alone; the death of init is that of both. */
static void test_deaths(void **state) {
        Client *c = client_new(*state, geteuid());

        allow_branches(*state, 1);
        for (int i = 0; i < 3; i++) {
                char id[ID_SIZE], branch_id[ID_SIZE];
                Box base = open_session(c, "{}", id), branch;

                branch = make_branch(c, &base, id, branch_id);
                if (i != 1)
                        builder_exited(&base, 3);
                expect_state(c, branch_id, "idle");
                if (i != 0)
                        builder_exited(&branch, 3);
                expect_state(c, id, i == 1 ? "idle" : "lost");
                expect_state(c, branch_id, i == 0 ? "idle" : "lost");
                if (i == 0) {
                        run_cell(c, &branch, branch_id, 1);
                        close_one(c, &branch, branch_id);
                }
                if (i == 1) {
                        run_cell(c, &base, id, 1);
                        close_one(c, &base, id);
                }
                for (int n = 0; n < 2; n++) { /* lost ones take no box with them */
                        if (i == 2 || (i == 0) == (n == 0)) {
                                call(c, "CloseSession", n == 0 ? id : branch_id, "");
                                json_decref(client_reply(c));
                        }
                }
                expect_nothing_used(*state);
        }
        client_free(c);
}

/* The base dies, or is closed, while its branch is made. */
static void test_end_of_base_meanwhile(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());

        allow_branches(*state, 1);
        for (int i = 0; i < 2; i++) {
                char id[ID_SIZE];
                Box base = open_session(c, "{}", id), branch = begin_branch(c, &base, id);

                if (i == 0) {
                        builder_exited(&base, 3);
                } else {
                        call(other, "CloseSession", id, "");
                        builder_expect_kill(&base, END_CANCEL);
                        builder_ended(&base,
                                      &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
                        json_decref(client_reply(other));
                }
                builder_ended(&branch, &(BoxFacts){ .has_record = 1, .job_status = 9 });
                expect_error(c, i == 0 ? "SessionLost" : "SessionNotFound");
                if (i == 0) {
                        call(c, "CloseSession", id, "");
                        json_decref(client_reply(c));
                }
                expect_nothing_used(*state);
        }
        client_free(c);
        client_free(other);
}

/* The fork was there before the base died: the branch is. */
static void test_outlives_its_base(void **state) {
        Client *c = client_new(*state, geteuid());
        char id[ID_SIZE], branch_id[ID_SIZE];
        Box base = open_session(c, "{}", id), branch;

        allow_branches(*state, 1);
        branch = begin_branch(c, &base, id);
        builder_exited(&base, 3);
        builder_started(&branch);
        take_branch(c, branch_id);
        run_cell(c, &branch, branch_id, 1);
        close_one(c, &branch, branch_id);
        client_free(c);
}

/* A branch that its base cannot be asked for yet, and the end of either of them. */
static void test_end_before_it_begins(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());

        allow_branches(*state, 1);
        for (int i = 0; i < 2; i++) {
                char id[ID_SIZE], branch_id[ID_SIZE];
                Box base = open_box(other, "{\"bindToConnection\":true}", id);
                json_t *r;

                call(c, "BranchSession", id, "");
                r = client_ask(other, "ListSessions", "{}");
                (void) snprintf(branch_id, sizeof(branch_id), "%s",
                                reply_string(r, "sessions.0.session"));
                json_decref(r);
                assert_string_not_equal(id, branch_id);
                assert_int_equal(used(*state, QUOTA_SESSIONS), 2);
                if (i == 0) {
                        call(other, "CloseSession", branch_id, "");
                        json_decref(client_reply(other));
                        expect_refusal(c, "failed");
                        assert_int_equal(used(*state, QUOTA_SESSIONS), 1);
                        say_ready(&base);
                        run_cell(c, &base, id, 1);
                        close_one(c, &base, id);
                } else {
                        client_free(other);
                        (void) harness_spin(*state);
                        builder_expect_kill(&base, END_CANCEL);
                        builder_ended(&base,
                                      &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
                        expect_error(c, "SessionNotFound");
                }
                expect_nothing_used(*state);
        }
        client_free(c);
}

/* The interpreter does not come back from the hooks of the program: the builder gives up, and the base is lost a
 * grace later, unless it is restarted. */
static void test_hooks_without_end(void **state) {
        Client *c = client_new(*state, geteuid());

        allow_branches(*state, 1);
        for (int i = 0; i < 2; i++) {
                char id[ID_SIZE];
                Box base = open_session(c, "{}", id), branch = begin_branch(c, &base, id);

                builder_ended(&branch, &(BoxFacts){ .end_reason = END_WALL_TIME });
                expect_refusal(c, "failed");
                expect_state(c, id, "branching");
                if (i == 0) {
                        call(c, "RestartSession", id, "");
                        builder_restart(&base);
                        answer(&base, BRANCH_REFUSED_FAILED); /* too late */
                        report_restarted(&base);
                        json_decref(client_reply(c));
                        run_cell(c, &base, id, 1);
                        close_one(c, &base, id);
                } else {
                        harness_advance(*state, SESSION_GRACE_USEC);
                        builder_expect_kill(&base, END_CANCEL);
                        builder_ended(&base, &(BoxFacts){ .end_reason = END_CANCEL });
                        expect_state(c, id, "lost");
                        call(c, "CloseSession", id, "");
                        json_decref(client_reply(c));
                }
                expect_nothing_used(*state);
        }
        client_free(c);
}

#define SUBMIT(bytes) "{\"request\":{\"code\":\"1\",\"limits\":{\"memoryBytes\":" #bytes "}}}"

/* What waited for a job and waits for a session from now on keeps nobody behind it waiting. */
static void test_line_behind_a_branch(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        char id[ID_SIZE], branch_id[ID_SIZE];
        Box base, branch, running, small;
        TenantPolicy *policy;
        Tenant *tenant;

        allow_branches(*state, 1);
        tenant = container_of(((Harness *) *state)->broker->tenants.all.next, Tenant, link);
        policy = tenant_change_policy(tenant);
        policy->maximum[QUOTA_RUNNING] = 4;
        policy->maximum[QUOTA_MEMORY] = 512 * MIB;
        base = open_session(c, "{\"limits\":{\"memoryBytes\":134217728}}", id);
        json_decref(client_ask(other, "Submit", SUBMIT(134217728)));
        running = builder_start(*state);
        json_decref(client_ask(other, "Submit", SUBMIT(300000000)));
        json_decref(client_ask(other, "Submit", SUBMIT(67108864)));
        builder_expect_nothing(*state); /* in line behind the large one, which waits for a job */
        branch = begin_branch(c, &base, id);
        small = builder_start(*state);
        assert_int_equal(small.request.limits.value[LIMIT_MEMORY], 67108864);
        answer(&base, BRANCH_MADE);
        builder_started(&branch);
        take_branch(c, branch_id);
        builder_exited(&small, 0);
        builder_exited(&running, 0);
        builder_expect_nothing(*state);
        close_one(c, &branch, branch_id);
        running = builder_start(*state);
        assert_int_equal(running.request.limits.value[LIMIT_MEMORY], 300000000);
        builder_exited(&running, 0);
        close_one(c, &base, id);
        expect_nothing_used(*state);
        client_free(c);
        client_free(other);
        tenant_set_policy(tenant, &((Harness *) *state)->broker->default_policy);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_made, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_refused, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_line_behind_a_branch, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_not_now, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_deaths, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_end_before_it_begins, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_hooks_without_end, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_outlives_its_base, setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_end_of_base_meanwhile, setup,
                                                harness_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

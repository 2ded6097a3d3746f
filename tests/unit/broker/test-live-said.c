/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a job says, as its client gets to see it; and Check. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "harness.h"

static void box_send(const Box *box, FrameBuilder *b) {
        Buf frame = BUF_INIT(0);
        ssize_t size;

        assert_int_equal(frame_end(b, &frame), 0);
        size = (ssize_t) buf_size(&frame);
        assert_int_equal(write(box->fds[BOX_CHANNEL], buf_data(&frame), (size_t) size), size);
        buf_done(&frame);
        (void) harness_spin(box->h);
}

static void send_running(const Box *box) {
        FrameBuilder b;

        frame_begin(&b, FRAME_RUNNING);
        box_send(box, &b);
}

static void send_finding(const Box *box, uint32_t severity, const char *rule) {
        FrameBuilder b;
        uint32_t line = 3;

        frame_begin(&b, FRAME_FINDING);
        frame_add_string(&b, FIELD_FINDING_RULE, rule);
        frame_add_string(&b, FIELD_FINDING_MESSAGE, "what is wrong");
        frame_add(&b, FIELD_FINDING_SEVERITY, &severity, sizeof(severity));
        frame_add(&b, FIELD_FINDING_LINE, &line, sizeof(line));
        box_send(box, &b);
}

static void send_display(const Box *box) {
        FrameBuilder b;

        frame_begin(&b, FRAME_DISPLAY);
        frame_add_string(&b, FIELD_DISPLAY_MIME, "text/html");
        frame_add_string(&b, FIELD_DISPLAY_DATA, "<b>");
        frame_add_string(&b, FIELD_DISPLAY_MIME, "text/plain");
        frame_add_string(&b, FIELD_DISPLAY_TEXT, "\xff");
        frame_add_string(&b, FIELD_DISPLAY_MIME, "image/png");
        frame_add_string(&b, FIELD_DISPLAY_DATA, "png");
        box_send(box, &b);
}

static void check_display(json_t *display) {
        assert_true(json_is_false(reply_get(display, "isResult")));
        assert_string_equal(reply_string(display, "text.text/html"), "<b>");
        assert_string_equal(reply_string(display, "data.text/plain"), "/w==");
        assert_string_equal(reply_string(display, "data.image/png"), "cG5n");
}

/* Displays are events for who streams, and in the result for who does not. */
static void test_display_in_result(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
        box = builder_start(*state);
        builder_started(&box);
        send_running(&box);
        send_display(&box);
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_int_equal(json_array_size(reply_get(r, "result.displays")), 1);
        check_display(reply_get(r, "result.displays.0"));
        json_decref(r);
        client_free(c);
}

static void test_display_streamed(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", true);
        box = builder_start(*state);
        /* Before "started" nobody sees anything of it. */
        send_running(&box);
        send_display(&box);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "event.kind"), "accepted");
        json_decref(r);
        builder_started(&box);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "event.kind"), "started");
        json_decref(r);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "event.kind"), "display");
        check_display(reply_get(r, "event.display"));
        json_decref(r);
        send_display(&box);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "event.kind"), "display");
        json_decref(r);
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        assert_null(reply_get(r, "result.displays"));
        json_decref(r);
        client_free(c);
}

static void test_rejected(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
        box = builder_start(*state);
        builder_started(&box);
        send_finding(&box, FINDING_WARNING, "unused");
        send_finding(&box, FINDING_REFUSE, "builtin-denied");
        builder_exited(&box, RUNNER_EXIT_REJECTED);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "rejected");
        assert_string_equal(reply_string(r, "result.message"), "line 3: what is wrong");
        assert_string_equal(reply_string(r, "result.findings.0.severity"), "warning");
        assert_string_equal(reply_string(r, "result.findings.1.rule"), "builtin-denied");
        assert_int_equal(reply_int(r, "result.findings.1.line"), 3);
        assert_null(reply_get(r, "result.findings.1.column"));
        assert_null(reply_get(r, "result.findings.1.subject"));
        json_decref(r);
        client_free(c);
}

/* A program that runs cannot say that it did not. */
static void test_forged_rejection(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
        box = builder_start(*state);
        builder_started(&box);
        send_running(&box);
        send_finding(&box, FINDING_REFUSE, "forged");
        builder_exited(&box, RUNNER_EXIT_REJECTED);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "exit_nonzero");
        assert_null(reply_get(r, "result.findings"));
        json_decref(r);
        client_free(c);
}

static void test_violations(void **state) {
        Client *c = client_new(*state, geteuid());
        FrameBuilder b;
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
        box = builder_start(*state);
        builder_started(&box);
        for (unsigned i = 0; i < 2; i++) {
                frame_begin(&b, FRAME_VIOLATION);
                frame_add_string(&b, FIELD_VIOLATION_LAYER, "import_policy");
                frame_add_string(&b, FIELD_VIOLATION_SUBJECT, "os");
                frame_add_string(&b, FIELD_VIOLATION_REASON, "not-allowed");
                box_send(&box, &b);
        }
        builder_ended(&box, &(BoxFacts){ .has_record = 1,
                                         .n_denied = 1,
                                         .denied = { { .number = 101, .count = 3 } } });
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.violations.0.layer"), "seccomp");
        assert_string_equal(reply_string(r, "result.violations.1.layer"), "import_policy");
        assert_string_equal(reply_string(r, "result.violations.1.subject"), "os");
        assert_string_equal(reply_string(r, "result.violations.1.reason"), "not-allowed");
        assert_int_equal(reply_int(r, "result.violations.1.count"), 2);
        json_decref(r);
        client_free(c);
}

/* The problem of a program that failed anyway is none. */
static void test_problem(void **state) {
        Client *c = client_new(*state, geteuid());

        for (int code = 0; code < 2; code++) {
                FrameBuilder b;
                json_t *r;
                Box box;

                client_call(c, "Run", "{\"request\":{\"code\":\"\"}}", false);
                box = builder_start(*state);
                builder_started(&box);
                frame_begin(&b, FRAME_RESULT_PROBLEM);
                frame_add_string(&b, FIELD_EXCEPTION_TYPE, "ResultNotEncodable");
                frame_add_string(&b, FIELD_EXCEPTION_MESSAGE, "a socket");
                box_send(&box, &b);
                builder_exited(&box, code);
                r = client_reply(c);
                if (code == 0)
                        assert_string_equal(reply_string(r, "result.resultProblem.type"),
                                            "ResultNotEncodable");
                else
                        assert_null(reply_get(r, "result.resultProblem"));
                json_decref(r);
        }
        client_free(c);
}

/* Starts a check and returns its box; the answer is still to come. */
static Box start_check(Harness *h, Client *c) {
        client_call(c, "Check", "{\"request\":{\"code\":\"\",\"modules\":[\"json\"]}}", false);
        return builder_start(h);
}

static void test_check(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        Box box = start_check(*state, c);
        json_t *r;

        r = client_ask(other, "ListJobs", "{}");
        assert_int_equal(json_array_size(reply_get(r, "jobs")), 0);
        json_decref(r);
        builder_started(&box);
        send_finding(&box, FINDING_NOTE, "unused");
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_true(json_is_true(reply_get(r, "accepted")));
        assert_string_equal(reply_string(r, "findings.0.rule"), "unused");
        assert_string_equal(reply_string(r, "modules.0"), "json");
        assert_int_equal(reply_int(r, "limits.resultBytes"), 1000);
        json_decref(r);
        client_free(other);
        client_free(c);
}

static void test_check_refused(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box = start_check(*state, c);
        json_t *r;

        builder_started(&box);
        send_finding(&box, FINDING_REFUSE, "syntax-error");
        builder_exited(&box, RUNNER_EXIT_REJECTED);
        r = client_reply(c);
        assert_true(json_is_false(reply_get(r, "accepted")));
        assert_int_equal(json_array_size(reply_get(r, "findings")), 1);
        assert_string_equal(reply_string(r, "findings.0.rule"), "syntax-error");
        json_decref(r);
        client_free(c);
}

/* What the analysis could not finish is a finding like any other. */
static void test_check_unfinished(void **state) {
        static const struct {
                BoxFacts facts;
                const char *rule;
        } ends[] = {
                { { .oom_kills = 1 }, "code-too-complex" },
                { { .end_reason = END_WALL_TIME }, "code-too-complex" },
                { { .has_record = 1, .job_status = 11 }, "code-too-complex" },
                { { .setup_error = 1 }, "not-examined" },
        };
        Client *c = client_new(*state, geteuid());
        json_t *r;

        FOREACH_ARRAY(end, ends, ELEMENTSOF(ends)) {
                Box box = start_check(*state, c);

                builder_started(&box);
                builder_ended(&box, &end->facts);
                r = client_reply(c);
                assert_true(json_is_false(reply_get(r, "accepted")));
                assert_string_equal(reply_string(r, "findings.0.rule"), end->rule);
                assert_string_equal(reply_string(r, "findings.0.severity"), "refuse");
                assert_true(strlen(reply_string(r, "findings.0.message")) > 0);
                json_decref(r);
        }
        r = client_ask(c, "Check",
                       "{\"request\":{\"code\":\"12\",\"limits\":{\"sourceBytes\":1}}}");
        assert_string_equal(reply_string(r, "findings.0.rule"), "source-too-large");
        json_decref(r);
        builder_expect_nothing(*state);
        client_free(c);
}

/* A client that does not wait for it needs no box. */
static void test_check_left(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box = start_check(*state, c);

        client_free(c);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LIVE(test_display_in_result),
                LIVE(test_display_streamed),
                LIVE(test_rejected),
                LIVE(test_forged_rejection),
                LIVE(test_violations),
                LIVE(test_problem),
                LIVE(test_check),
                LIVE(test_check_refused),
                LIVE(test_check_unfinished),
                LIVE(test_check_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

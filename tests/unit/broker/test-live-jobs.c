/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/macro.h"
#include "broker/frame.h"
#include "harness.h"

#define RUN "{\"request\":{\"code\":\"pass\"}}"

/* The JOB frame as the box gets it. */
static char *read_job_frame(const Box *b, FrameHeader *ret_header) {
        char *payload;

        assert_int_equal(io_read_full(b->fds[BOX_CHANNEL], ret_header, sizeof(*ret_header)), 0);
        payload = malloc(ret_header->size + 1);
        assert_non_null(payload);
        assert_int_equal(io_read_full(b->fds[BOX_CHANNEL], payload, ret_header->size), 0);
        return payload;
}

static void test_run(void **state) {
        Client *c = client_new(*state, geteuid());
        FrameHeader h;
        char *frame;
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        assert_int_equal(box.request.plan, 0);
        assert_int_equal(box.request.limits.value[LIMIT_OUTPUT], 4 * MIB);
        frame = read_job_frame(&box, &h);
        assert_int_equal(h.type, FRAME_JOB);
        assert_non_null(memmem(frame, h.size, "pass", 4));
        free(frame);
        builder_started(&box);
        box_write(&box, BOX_STDOUT, "out");
        box_write(&box, BOX_STDERR, "err\xff");
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        assert_string_equal(reply_string(r, "result.stdout.text"), "out");
        assert_string_equal(reply_string(r, "result.stderr.data"), "ZXJy/w==");
        assert_int_equal(reply_int(r, "result.exitCode"), 0);
        assert_int_equal(reply_int(r, "result.usage.wallTimeUSec"), 1500);
        assert_int_equal(reply_int(r, "result.usage.setupTimeUSec"), 700);
        assert_int_equal(reply_int(r, "result.usage.stderrBytes"), 4);
        assert_string_equal(reply_string(r, "result.engine"), "namespace");
        assert_true(json_is_true(reply_get(r, "result.degraded")));
        json_decref(r);
        /* Nobody can ask for it any more: null retention for Run. */
        assert_true(list_is_empty(&((Harness *) *state)->broker->jobs));
        client_free(c);
}

static void expect_event(Client *c, int64_t sequence, const char *kind) {
        json_t *r = client_reply(c);

        assert_int_equal(reply_int(r, "event.sequence"), sequence);
        assert_string_equal(reply_string(r, "event.kind"), kind);
        json_decref(r);
}

static void test_run_with_more(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, true);
        expect_event(c, 1, "accepted");
        box = builder_start(*state);
        builder_started(&box);
        expect_event(c, 2, "started");
        box_write(&box, BOX_STDOUT, "a\xe2\x82");
        r = client_reply(c);
        assert_string_equal(reply_string(r, "event.output.text"), "a");
        assert_string_equal(reply_string(r, "event.output.stream"), "stdout");
        json_decref(r);
        box_write(&box, BOX_STDOUT, "\xac");
        r = client_reply(c);
        assert_string_equal(reply_string(r, "event.output.text"), "\xe2\x82\xac");
        assert_int_equal(reply_int(r, "event.output.offset"), 1);
        json_decref(r);
        builder_exited(&box, 3);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "exit_nonzero");
        assert_int_equal(reply_int(r, "result.exitCode"), 3);
        assert_null(reply_get(r, "result.stdout"));
        json_decref(r);
        client_free(c);
}

static void send_exception(const Box *b) {
        FrameBuilder f;
        Buf bytes;

        frame_begin(&f, FRAME_EXCEPTION);
        frame_add_string(&f, FIELD_EXCEPTION_TYPE, "ValueError");
        frame_add_string(&f, FIELD_EXCEPTION_MESSAGE, "no");
        assert_int_equal(frame_end(&f, &bytes), 0);
        assert_int_equal(io_write_full(b->fds[BOX_CHANNEL], buf_data(&bytes), buf_size(&bytes)), 0);
        buf_done(&bytes);
}

static void test_exception(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        builder_started(&box);
        send_exception(&box);
        builder_exited(&box, 1);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "exception");
        assert_string_equal(reply_string(r, "result.exception.type"), "ValueError");
        json_decref(r);
        client_free(c);
}

/* Garbage on the channel ends the reading of it, and nothing else. */
static void test_garbage_from_job(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        builder_started(&box);
        box_write(&box, BOX_CHANNEL, "this is no frame at all");
        box_write(&box, BOX_STDOUT, "fine");
        assert_int_equal(send(box.fds[BOX_CHANNEL], "x", 1, MSG_NOSIGNAL), -1);
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        assert_string_equal(reply_string(r, "result.stdout.text"), "fine");
        json_decref(r);
        client_free(c);
}

/* A flood of valid frames fills no memory: the reading ends at a bound. */
static void test_frame_flood(void **state) {
        Client *c = client_new(*state, geteuid());
        char frame[sizeof(FrameHeader) + 1000];
        FrameHeader h = { .size = 1000, .type = FRAME_RESULT };
        size_t sent = 0;
        json_t *r;
        Box box;

        memset(frame, '1', sizeof(frame));
        memcpy(frame, &h, sizeof(h));
        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        builder_started(&box);
        assert_int_equal(fd_set_nonblock(box.fds[BOX_CHANNEL], true), 0);
        for (;;) {
                ssize_t n = send(box.fds[BOX_CHANNEL], frame, sizeof(frame), MSG_NOSIGNAL);

                (void) harness_spin(*state);
                if (n < 0 && errno == EPIPE)
                        break;
                assert_true(n > 0 || errno == EAGAIN);
                sent += n > 0 ? (size_t) n : 0;
                assert_true(sent < 2 * CHANNEL_BYTES_MAX);
        }
        assert_true(sent >= CHANNEL_BYTES_MAX);
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        client_free(c);
}

static void test_output_limit(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\",\"limits\":{\"outputBytes\":5}}}",
                    false);
        box = builder_start(*state);
        builder_started(&box);
        box_write(&box, BOX_STDOUT, "12345");
        builder_expect_nothing(*state);
        box_write(&box, BOX_STDOUT, "6");
        builder_expect_kill(&box, END_OUTPUT);
        box_write(&box, BOX_STDERR, "7890"); /* still drained and counted, not killed again */
        builder_expect_nothing(*state);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_OUTPUT });
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "output_limit");
        assert_string_equal(reply_string(r, "result.stdout.text"), "12345");
        assert_true(json_is_true(reply_get(r, "result.stdout.truncated")));
        assert_int_equal(reply_int(r, "result.stdout.totalBytes"), 6);
        assert_int_equal(reply_int(r, "result.stderr.totalBytes"), 4);
        json_decref(r);
        client_free(c);
}

/* What is in the pipe when the box is gone belongs to the job. */
static void test_drain(void **state) {
        Client *c = client_new(*state, geteuid());
        static char large[200000]; /* more than one read */
        json_t *r;
        Box box;

        memset(large, 'x', sizeof(large));
        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        assert_true(fcntl(box.fds[BOX_STDOUT], F_SETPIPE_SZ, 256 * 1024) >= 0);
        assert_int_equal(write(box.fds[BOX_STDOUT], large, sizeof(large)), sizeof(large));
        send_exception(&box);
        builder_exited(&box, 1);
        r = client_reply(c);
        assert_int_equal(reply_int(r, "result.stdout.totalBytes"), sizeof(large));
        assert_string_equal(reply_string(r, "result.outcome"), "exception");
        json_decref(r);
        client_free(c);
}

/* The builder is asked once, whatever comes later; the first reason is the one that counts. */
static void test_killed_once(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\",\"limits\":{\"outputBytes\":1}}}",
                    false);
        box = builder_start(*state);
        builder_started(&box);
        box_write(&box, BOX_STDOUT, "12");
        builder_expect_kill(&box, END_OUTPUT);
        client_free(c);
        builder_expect_nothing(*state);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_OUTPUT });
}

static void test_disconnect_cancels(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box;

        client_call(c, "Run", RUN, true);
        box = builder_start(*state);
        builder_started(&box);
        client_free(c);
        builder_expect_kill(&box, END_CANCEL);
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
        harness_advance(*state, 0);
        assert_true(list_is_empty(&((Harness *) *state)->broker->jobs));
}

/* Then nothing of it ever reaches the builder. */
static void test_disconnect_while_queued(void **state) {
        Client *a = client_new(*state, geteuid()), *b = client_new(*state, geteuid());
        Client *c = client_new(*state, geteuid());
        Box one, two;

        client_call(a, "Run", RUN, false);
        client_call(b, "Run", RUN, false);
        one = builder_start(*state);
        two = builder_start(*state);
        client_call(c, "Run", RUN, false);
        client_free(c);
        builder_exited(&one, 0);
        builder_expect_nothing(*state);
        builder_exited(&two, 0);
        client_free(a);
        client_free(b);
}

static char *ask_job(Client *c, const char *method, const char *parameters) {
        json_t *r = client_ask(c, method, parameters);
        char *id = strdup(reply_string(r, "job"));

        json_decref(r);
        return id;
}

static json_t *ask_about(Client *c, const char *method, const char *id, const char *more) {
        char p[256];

        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\"%s}", id, more);
        return client_ask(c, method, p);
}

static void test_submit_and_wait(void **state) {
        Client *c = client_new(*state, geteuid());
        char *id = ask_job(c, "Submit", RUN);
        Client *other;
        json_t *r;
        Box box;

        assert_int_equal(strlen(id), 32);
        client_free(c);
        box = builder_start(*state);
        builder_expect_nothing(*state); /* the submitter may go */
        other = client_new(*state, geteuid());
        r = ask_about(other, "Wait", id, ",\"timeoutUSec\":0");
        assert_string_equal(reply_string(r, "state"), "starting");
        assert_null(reply_get(r, "result"));
        json_decref(r);
        builder_started(&box);
        box_write(&box, BOX_STDOUT, "hello");
        builder_exited(&box, 0);
        r = ask_about(other, "Wait", id, "");
        assert_string_equal(reply_string(r, "state"), "finished");
        assert_string_equal(reply_string(r, "result.stdout.text"), "hello");
        json_decref(r);
        /* Its time is over, and so is its name. */
        harness_advance(*state, 61 * USEC_PER_SEC);
        client_call(other, "GetJob", "{\"job\":\"0\"}", false);
        json_decref(client_error(other, "JobNotFound"));
        assert_true(list_is_empty(&((Harness *) *state)->broker->jobs));
        client_free(other);
        free(id);
}

static void test_wait_timeout(void **state) {
        Client *c = client_new(*state, geteuid());
        char *id = ask_job(c, "Submit", RUN), p[128];
        VarlinkReply none = {};
        json_t *r;
        Box box = builder_start(*state);

        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\",\"timeoutUSec\":5000000}", id);
        client_call(c, "Wait", p, false);
        harness_advance(*state, 4 * USEC_PER_SEC);
        assert_int_equal(client_try_reply(c, &none), 0);
        harness_advance(*state, 2 * USEC_PER_SEC);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "state"), "starting");
        json_decref(r);
        builder_exited(&box, 0);
        client_free(c);
        free(id);
}

static void test_attach(void **state) {
        Client *c = client_new(*state, geteuid()), *late;
        char *id = ask_job(c, "Submit", RUN), p[128];
        json_t *r;
        Box box = builder_start(*state);

        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\"}", id);
        client_call(c, "Attach", p, true);
        expect_event(c, 1, "accepted");
        builder_started(&box);
        box_write(&box, BOX_STDOUT, "one");
        expect_event(c, 2, "started");
        expect_event(c, 3, "output");
        box_write(&box, BOX_STDOUT, "two");
        expect_event(c, 4, "output");
        late = client_new(*state, geteuid());
        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\",\"afterSequence\":3}", id);
        client_call(late, "Attach", p, true);
        r = client_reply(late);
        assert_string_equal(reply_string(r, "event.output.text"), "two");
        json_decref(r);
        client_free(c); /* an observer may go: the job stays */
        builder_expect_nothing(*state);
        builder_exited(&box, 0);
        r = client_reply(late);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        (void) snprintf(p, sizeof(p), "{\"job\":\"%s\",\"afterSequence\":5}", id);
        client_call(late, "Attach", p, true);
        json_decref(client_error(late, "InvalidRequest"));
        client_free(late);
        free(id);
}

static void test_cancel(void **state) {
        Client *c = client_new(*state, geteuid());
        char *id = ask_job(c, "Submit", RUN);
        json_t *r;
        Box box = builder_start(*state);

        builder_started(&box);
        r = ask_about(c, "Cancel", id, ",\"reason\":\"not\\n\\u001b\\u0085\\u2028 \u00e4gain\"");
        assert_string_equal(reply_string(r, "state"), "cancelling");
        json_decref(r);
        builder_expect_kill(&box, END_CANCEL);
        json_decref(ask_about(c, "Cancel", id, ""));
        builder_expect_nothing(*state); /* asked once */
        builder_ended(&box, &(BoxFacts){ .end_reason = END_CANCEL });
        r = ask_about(c, "Wait", id, "");
        assert_string_equal(reply_string(r, "result.outcome"), "cancelled");
        assert_string_equal(reply_string(r, "result.message"), "cancelled: not        \u00e4gain");
        json_decref(r);
        r = ask_about(c, "Cancel", id, "");
        assert_string_equal(reply_string(r, "state"), "finished");
        json_decref(r);
        client_free(c);
        free(id);
}

/* It ended by itself before the kill arrived: then that is what happened. */
static void test_cancel_too_late(void **state) {
        Client *c = client_new(*state, geteuid());
        char *id = ask_job(c, "Submit", RUN);
        json_t *r;
        Box box = builder_start(*state);

        builder_started(&box);
        json_decref(ask_about(c, "Cancel", id, ""));
        builder_expect_kill(&box, END_CANCEL);
        builder_exited(&box, 0);
        r = ask_about(c, "Wait", id, "");
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        client_free(c);
        free(id);
}

static void test_setup_failed(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", RUN, false);
        box = builder_start(*state);
        builder_ended(&box, &(BoxFacts){ .setup_error = EPERM, .setup_step = 3 });
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "internal_error");
        json_decref(r);
        client_free(c);
}

static void test_rejected(void **state) {
        Client *c = client_new(*state, geteuid());
        json_t *r;

        r = client_ask(c, "Run",
                       "{\"request\":{\"code\":\"1234\",\"limits\":{\"sourceBytes\":3}}}");
        assert_string_equal(reply_string(r, "result.outcome"), "rejected");
        assert_string_equal(reply_string(r, "result.message"),
                            "the program has 4 bytes, the source limit is 3 bytes, raise "
                            "limits.source");
        assert_null(reply_get(r, "result.exitCode"));
        assert_null(reply_get(r, "result.stdout"));
        json_decref(r);
        builder_expect_nothing(*state);
        client_free(c);
}

static void test_detached_run(void **state) {
        Client *c = client_new(*state, geteuid());
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"\",\"detach\":true}}", false);
        box = builder_start(*state);
        client_free(c);
        builder_expect_nothing(*state);
        builder_exited(&box, 0);
        assert_false(list_is_empty(&((Harness *) *state)->broker->jobs));
}

static void test_builder_lost(void **state) {
        Harness *h = *state;
        Client *c = client_new(h, geteuid());
        VarlinkReply reply = {};
        int code = -1;
        Box box;

        client_call(c, "Run", RUN, false);
        box = builder_start(h);
        FOREACH_ARRAY(fd, box.fds, BUILDER_START_FDS)
                fd_close(*fd);
        h->builder = fd_close(h->builder);
        assert_false(harness_spin(h));
        assert_int_equal(sd_event_get_exit_code(h->event, &code), 0);
        assert_int_equal(code, 1);
        assert_int_equal(client_try_reply(c, &reply), 1);
        assert_string_equal(reply_string(reply.parameters, "result.outcome"), "lost");
        varlink_reply_done(&reply);
        client_free(c);
}

/* SIGTERM, or the builder's notice: what waits and what runs is cancelled, results are delivered. */
static void test_stop(void **state) {
        Harness *h = *state;
        Client *c[3];
        Box one, two;

        for (size_t i = 0; i < 3; i++) {
                c[i] = client_new(h, geteuid());
                client_call(c[i], "Run", RUN, false);
        }
        one = builder_start(h);
        two = builder_start(h);
        broker_stop(h->broker);
        assert_true(harness_spin(h));
        builder_expect_kill(&one, END_CANCEL);
        builder_expect_kill(&two, END_CANCEL);
        builder_ended(&one, &(BoxFacts){ .end_reason = END_SHUTDOWN });
        builder_ended(&two, &(BoxFacts){ .end_reason = END_SHUTDOWN });
        for (size_t i = 0; i < 3; i++) {
                VarlinkReply reply = {};

                assert_int_equal(client_try_reply(c[i], &reply), 1);
                assert_string_equal(reply_string(reply.parameters, "result.outcome"), "cancelled");
                varlink_reply_done(&reply);
                client_free(c[i]);
        }
        harness_advance(h, 0);
        assert_false(harness_spin(h));
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LIVE(test_run),
                LIVE(test_run_with_more),
                LIVE(test_exception),
                LIVE(test_garbage_from_job),
                LIVE(test_frame_flood),
                LIVE(test_output_limit),
                LIVE(test_drain),
                LIVE(test_killed_once),
                LIVE(test_disconnect_cancels),
                LIVE(test_disconnect_while_queued),
                LIVE(test_submit_and_wait),
                LIVE(test_wait_timeout),
                LIVE(test_attach),
                LIVE(test_cancel),
                LIVE(test_cancel_too_late),
                LIVE(test_setup_failed),
                LIVE(test_rejected),
                LIVE(test_detached_run),
                LIVE(test_builder_lost),
                LIVE(test_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

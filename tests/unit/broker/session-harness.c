/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session-harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "basic/io.h"
#include "proto/link.h"

void say_ready(const Box *box) {
        const uint32_t ready = 0;

        say(box, FRAME_CELL_END, &ready, sizeof(ready));
}

Box open_box(Client *c, const char *parameters, char ret_id[static ID_SIZE]) {
        json_t *r = client_ask(c, "OpenSession", parameters);
        Box box;

        (void) snprintf(ret_id, ID_SIZE, "%s", reply_string(r, "info.session"));
        assert_string_equal(reply_string(r, "info.state"), "opening");
        json_decref(r);
        box = builder_start(c->h);
        assert_int_equal(box.request.is_session, 1);
        builder_started(&box);
        return box;
}

Box open_session(Client *c, const char *parameters, char ret_id[static ID_SIZE]) {
        Box box = open_box(c, parameters, ret_id);

        say_ready(&box);
        return box;
}

void call(Client *c, const char *method, const char *id, const char *more) {
        char parameters[256];

        (void) snprintf(parameters, sizeof(parameters), "{\"session\":\"%s\"%s}", id, more);
        client_call(c, method, parameters, false);
}

void expect_verb(const Box *box, BuilderVerb verb, BuilderRequest *ret) {
        assert_true(builder_next(box->h, ret));
        assert_int_equal(ret->verb, verb);
        assert_int_equal(ret->box, box->request.box);
}

void execute(Client *c, const Box *box, const char *id, const char *more) {
        BuilderRequest request;

        call(c, "Execute", id, more);
        expect_verb(box, BUILDER_CELL, &request);
}

void say(const Box *box, FrameType type, const void *payload, uint32_t size) {
        const FrameHeader h = { .size = size, .type = type };

        assert_int_equal(io_write_full(box->fds[BOX_CHANNEL], &h, sizeof(h)), 0);
        assert_int_equal(io_write_full(box->fds[BOX_CHANNEL], payload, size), 0);
        (void) harness_spin(box->h);
}

void report_cell(const Box *box, EndReason reason) {
        const BuilderReport report = {
                .kind = BUILDER_CELL_ENDED,
                .box = box->request.box,
                .facts = { .has_record = 1,
                           .end_reason = reason,
                           .wall_usec = 1500,
                           .cpu_user_usec = 400 },
        };

        assert_int_equal(link_send(box->h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(box->h);
}

void end_cell(const Box *box, uint32_t status) {
        BuilderRequest request;

        say(box, FRAME_RUNNING, NULL, 0);
        say(box, FRAME_CELL_END, &status, sizeof(status));
        expect_verb(box, BUILDER_IDLE, &request);
        report_cell(box, END_BY_ITSELF);
}

void expect_result(Client *c, const char *outcome, int count, bool is_alive) {
        json_t *r = client_reply(c);

        assert_string_equal(reply_string(r, "result.outcome"), outcome);
        assert_int_equal(reply_int(r, "result.executionCount"), count);
        assert_int_equal(json_is_true(reply_get(r, "result.sessionAlive")), is_alive);
        json_decref(r);
}

void expect_state(Client *c, const char *id, const char *state) {
        json_t *r;

        call(c, "GetSession", id, "");
        r = client_reply(c);
        assert_string_equal(reply_string(r, "info.state"), state);
        json_decref(r);
}

void expect_error(Client *c, const char *error) {
        json_decref(client_error(c, error));
}

uint64_t used(Harness *h, Quota quota) {
        return h->broker->tenants.used[quota];
}

void report_restarted(const Box *box) {
        const BuilderReport report = {
                .kind = BUILDER_RESTARTED,
                .box = box->request.box,
                .facts = { .has_record = 1, .end_reason = END_CANCEL },
        };

        assert_int_equal(link_send(box->h->builder, &report, sizeof(report), NULL, 0), 0);
        (void) harness_spin(box->h);
        builder_expect_nothing(box->h); /* no cell before the interpreter is ready */
        say_ready(box);
}

void close_session(Client *c, Box *box, const char *id) {
        call(c, "CloseSession", id, "");
        builder_expect_kill(box, END_CANCEL);
        assert_int_equal(used(c->h, QUOTA_SESSIONS), 1);
        builder_ended(box, &(BoxFacts){ .end_reason = END_CANCEL, .has_record = 1 });
        json_decref(client_reply(c));
        assert_int_equal(used(c->h, QUOTA_SESSIONS), 0);
        assert_int_equal(used(c->h, QUOTA_RUNNING), 0);
        assert_int_equal(used(c->h, QUOTA_MEMORY), 0);
        assert_int_equal(used(c->h, QUOTA_QUEUED_BYTES), 0);
}

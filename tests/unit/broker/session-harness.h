/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sessions in a whole broker, whose builder and interpreters are the test. */

#include "broker/session.h"
#include "harness.h"

#define ID_SIZE 40

/* The interpreter is there, with the files of the request. */
void say_ready(const Box *box);

/* Opens a session; its box runs, its interpreter is not ready. */
Box open_box(Client *c, const char *parameters, char ret_id[static ID_SIZE]);

/* The same, and its interpreter is ready. */
Box open_session(Client *c, const char *parameters, char ret_id[static ID_SIZE]);

/* A call for a session; more is what stands behind its identifier: ",\"code\":\"1\"". */
void call(Client *c, const char *method, const char *id, const char *more);

/* The next request to the builder, which must be this one for the box. */
void expect_verb(const Box *box, BuilderVerb verb, BuilderRequest *ret);

/* A cell begins. */
void execute(Client *c, const Box *box, const char *id, const char *more);

/* What the interpreter says. */
void say(const Box *box, FrameType type, const void *payload, uint32_t size);

/* The builder's word about the end of a cell. */
void report_cell(const Box *box, EndReason reason);

/* A cell that has run is over. */
void end_cell(const Box *box, uint32_t status);

/* After RestartSession: the next interpreter is there, first for the builder, then for itself. */
void report_restarted(const Box *box);

void expect_result(Client *c, const char *outcome, int count, bool is_alive);
void expect_state(Client *c, const char *id, const char *state);
void expect_error(Client *c, const char *error);

/* By all tenants. */
uint64_t used(Harness *h, Quota quota);

/* Closes the only one, and its box goes: nothing is charged any more. */
void close_session(Client *c, Box *box, const char *id);

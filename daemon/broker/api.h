/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of io.pysb.sandbox. A handler answers the connection's present call, or makes the connection
 * follow a job which answers it later. */

#include "broker/connection.h"

/* Finds the method of the present call and runs it. */
void api_handle(Connection *c);

/* Fills target by a dispatch table; if false, the call is answered with InvalidParameter. */
bool api_parse(Connection *c, const struct JsonField *fields, void *target);

/* The caller's own job, or NULL, and then the call is answered with JobNotFound. */
Job *api_find_job(Connection *c, const char *id);

/* "uid:1000" */
#define TENANT_MAX 24
const char *api_tenant(uid_t uid, char buf[static TENANT_MAX]);

typedef enum AcceptKind {
        ACCEPT_RUN,
        ACCEPT_SUBMIT,
        ACCEPT_CHECK,
} AcceptKind;

/* Request -> job. Returns NULL if the call is answered with an error. */
Job *api_accept_job(Connection *c, AcceptKind kind); /* api-run.c */

/* A spec for this request, in a context that says what kind it is; NULL if the call is answered. */
JobSpec *api_make_spec(Connection *c, const SpecContext *context, const JobRequest *request);

/* Whether r, of scheduler_submit(), is 0; else the call is answered. */
bool api_answer_submit(Connection *c, int r);

void api_run(Connection *c);
void api_submit(Connection *c);
void api_check(Connection *c);  /* api-check.c */
void api_attach(Connection *c); /* api-job.c */
void api_wait(Connection *c);
void api_cancel(Connection *c);
void api_complete_tool_call(Connection *c); /* api-tool.c */
void api_get_job(Connection *c);
void api_list_jobs(Connection *c);
void api_open_session(Connection *c); /* api-session.c */
void api_execute(Connection *c);
void api_interrupt_session(Connection *c);
void api_extend_session(Connection *c);
void api_close_session(Connection *c);
void api_get_session(Connection *c);
void api_list_sessions(Connection *c);
void api_list_profiles(Connection *c); /* api-node.c */
void api_get_profile(Connection *c);
void api_get_node(Connection *c);
void api_who_am_i(Connection *c);

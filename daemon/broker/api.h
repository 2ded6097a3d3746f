/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of io.pysb.sandbox. A handler answers the connection's present call, or makes the connection
 * follow a job which answers it later. */

#include "broker/connection.h"

/* Finds the method of the present call and runs it. */
void api_handle(Connection *c);

/* Fills target by a dispatch table; if false, the call is answered with InvalidParameter. */
bool api_parse(Connection *c, const struct JsonField *fields, void *target);

/* Answers with InvalidRequest. */
void api_answer_invalid(Connection *c, const char *field, const char *reason); /* api-job.c */

/* Of a request that names none. */
const char *api_default_profile(const Connection *c);

/* The caller's own job, or NULL, and then the call is answered with JobNotFound. */
Job *api_find_job(Connection *c, const char *id);

typedef enum AcceptKind {
        ACCEPT_RUN,
        ACCEPT_SUBMIT,
        ACCEPT_CHECK,
} AcceptKind;

/* Request -> job, which is not created if its requestId was here before. Returns NULL if the call is
 * answered with an error. */
Job *api_accept_job(Connection *c, AcceptKind kind, bool *ret_created); /* api-run.c */

void api_run(Connection *c);
void api_submit(Connection *c);
void api_check(Connection *c);  /* api-check.c */
void api_attach(Connection *c); /* api-job.c */
void api_wait(Connection *c);
void api_cancel(Connection *c);
void api_forget_job(Connection *c);
void api_write_input(Connection *c);        /* api-input.c */
void api_complete_tool_call(Connection *c); /* api-tool.c */
void api_get_job(Connection *c);
void api_list_jobs(Connection *c);
void api_list_profiles(Connection *c); /* api-node.c */
void api_get_profile(Connection *c);
void api_get_node(Connection *c);
void api_who_am_i(Connection *c);

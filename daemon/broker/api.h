/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of io.pysb.sandbox. A handler answers the session's present call, or makes the session
 * follow a job which answers it later. */

#include "broker/session.h"

/* Finds the method of the present call and runs it. */
void api_handle(Session *s);

/* Fills target by a dispatch table; if false, the call is answered with InvalidParameter. */
bool api_parse(Session *s, const struct JsonField *fields, void *target);

/* The caller's own job, or NULL, and then the call is answered with JobNotFound. */
Job *api_find_job(Session *s, const char *id);

/* "uid:1000" */
#define TENANT_MAX 24
const char *api_tenant(uid_t uid, char buf[static TENANT_MAX]);

typedef enum AcceptKind {
        ACCEPT_RUN,
        ACCEPT_SUBMIT,
        ACCEPT_CHECK,
} AcceptKind;

/* Request -> job. Returns NULL if the call is answered with an error. */
Job *api_accept_job(Session *s, AcceptKind kind); /* api-run.c */

void api_run(Session *s);
void api_submit(Session *s);
void api_check(Session *s);  /* api-check.c */
void api_attach(Session *s); /* api-job.c */
void api_wait(Session *s);
void api_cancel(Session *s);
void api_complete_tool_call(Session *s); /* api-tool.c */
void api_get_job(Session *s);
void api_list_jobs(Session *s);
void api_list_profiles(Session *s); /* api-node.c */
void api_get_profile(Session *s);
void api_get_node(Session *s);
void api_who_am_i(Session *s);

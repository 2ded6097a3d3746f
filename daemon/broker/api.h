/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of both interfaces. A handler answers the connection's present call, or makes the connection
 * follow a job which answers it later. */

#include "broker/connection.h"

/* Finds the method of the present call and runs it. */
void api_handle(Connection *c);

/* Fills target by a dispatch table; if false, the call is answered with InvalidParameter. */
bool api_parse(Connection *c, const struct JsonField *fields, void *target);

/* Answers with InvalidRequest. */
void api_answer_invalid(Connection *c, const char *field, const char *reason); /* api-job.c */

/* Of a request of this tenant that names none. */
const char *api_default_profile(const Tenant *tenant, const DaemonConfig *config);

/* For whom the call acts, with one reference more: the caller's own tenant (NULL), or the one that a
 * gateway names. NULL: the call is answered. */
Tenant *api_acting_tenant(Connection *c, const char *name); /* api-acting.c */

/* Answers with TenantDenied. */
void api_answer_denied(Connection *c, const char *tenant); /* api-acting.c */

/* Whose jobs and sessions the caller reaches by their identifiers; NULL: those of all. */
const Tenant *api_reach(const Connection *c); /* api-acting.c */

/* A job that the caller reaches, or NULL, and then the call is answered with JobNotFound. */
Job *api_find_job(Connection *c, const char *id);

/* The reason of a client as it may stand in a line of a log or on a terminal; it has at most
 * JOB_REASON_MAX bytes. */
void api_reason_set(char ret_reason[static JOB_REASON_MAX + 1], const char *reason); /* api-job.c */

typedef enum AcceptKind {
        ACCEPT_RUN,
        ACCEPT_SUBMIT,
        ACCEPT_CHECK,
} AcceptKind;

/* Request -> job, of the tenant that it names, which is not created if its requestId was here before. Returns NULL if the call is
 * answered with an error. */
Job *api_accept_job(Connection *c, AcceptKind kind, bool *ret_created); /* api-run.c */

/* Whether a request with this identifier (NULL is none) was here before: then *ret_job is its job, or NULL and the
 * call is answered: RequestConflict, or QuotaExceeded where no further one can be remembered. */
bool api_find_repeated(Connection *c,
                       const Tenant *tenant,
                       const char *request_id,
                       json_t *request,
                       const FilesRequest *files,
                       uint64_t *ret_fingerprint,
                       Job **ret_job); /* api-run.c */

/* SpecContext.measure_file and load_file: of a call, for a tenant. */
typedef struct FileLoader {
        const Connection *connection;
        const Tenant *tenant;
} FileLoader;

int api_measure_file(void *loader,
                     const FileRequest *file,
                     const char *field,
                     size_t *ret_size,
                     SpecError *ret_error); /* api-blob.c */
int api_load_file(void *loader,
                  const FileRequest *file,
                  char **ret_data,
                  const char **ret_bytes,
                  size_t *size); /* api-blob.c */

/* A spec for this request, in a context that says what kind it is; NULL if the call is answered. */
JobSpec *api_make_spec(Connection *c,
                       const Tenant *tenant,
                       const SpecContext *context,
                       const JobRequest *request);

void api_answer_spec_error(Connection *c, SpecErrorKind kind, const SpecError *error);

/* Whether r, of scheduler_submit() for this tenant, is 0; else the call is answered. */
bool api_answer_submit(Connection *c, const Tenant *tenant, int r, const Refusal *refusal);

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
void api_open_session(Connection *c); /* api-session.c */
void api_execute(Connection *c);
void api_interrupt_session(Connection *c);
void api_extend_session(Connection *c);
void api_restart_session(Connection *c);
void api_branch_session(Connection *c);
void api_close_session(Connection *c);
void api_get_session(Connection *c);
void api_list_sessions(Connection *c);
void api_put_files(Connection *c); /* api-files.c */
void api_read_file(Connection *c);
void api_list_files(Connection *c);
void api_remove_files(Connection *c);
void api_put_blob(Connection *c); /* api-blob.c */
void api_get_blob(Connection *c);
void api_remove_blobs(Connection *c);
void api_list_profiles(Connection *c); /* api-node.c */
void api_get_profile(Connection *c);
void api_get_node(Connection *c);
void api_who_am_i(Connection *c);

/* io.pysb.manager; api-manager.c */

/* Root, our own user, or a member of the administrators' group. */
bool api_is_administrator(const Connection *c);

void api_manager_reload(Connection *c);
void api_manager_drain(Connection *c);
void api_manager_resume(Connection *c);
void api_manager_get_status(Connection *c);
void api_manager_list_tenants(Connection *c); /* api-tenants.c */
void api_manager_set_tenant(Connection *c);
void api_manager_list_jobs(Connection *c);
void api_manager_cancel_all(Connection *c);
void api_manager_set_log_level(Connection *c);

/* Whether there is one of this name; if not, the call is answered with TenantNotFound. */
bool api_manager_has_tenant(Connection *c, const char *name); /* api-tenants.c */

/* For FOLLOW_FILES: as below; what it holds in memory; and its end, whatever of it is under way. NULL. */
bool api_pump_files(Connection *c);
size_t files_operation_bytes(const FilesOperation *operation);
FilesOperation *files_operation_free(FilesOperation *operation);

/* As below, for FOLLOW_CLOSE, FOLLOW_RESTART and FOLLOW_BRANCH. */
bool api_pump_close(Connection *c); /* api-session.c */
bool api_pump_restart(Connection *c);
bool api_pump_branch(Connection *c);

/* Answer what FOLLOW_DRAIN, FOLLOW_RELOAD and FOLLOW_JOBS wait for, as far as it is there; return whether it was the
 * last answer. */
bool api_manager_pump_drain(Connection *c);
bool api_manager_pump_reload(Connection *c);
bool api_manager_pump_jobs(Connection *c);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What makes a session go: its box, its cells, the builder's clock and the interpreter at the other end. */

#include "broker/broker.h"
#include "broker/session.h"

/* The session of this tenant, or NULL: nobody learns whether an identifier of somebody else exists. Tenant
 * NULL is any. */
Session *session_find(Broker *b, const Tenant *tenant, const char *id);

/* When there may be room for one more; 0 is never: the tenant may have none. */
uint64_t session_retry_usec(const Tenant *tenant);

/* Whether a session ends with this connection. */
bool session_is_bound(const Broker *b, const void *connection);

/* Asks for its box. Returns 0, a SubmitRefusal, or a negative errno. Takes the spec on success. *ret_session
 * is NULL if there was no memory for it then. */
int session_open(
        Broker *b, Tenant *tenant, JobSpec *spec, Session **ret_session, Refusal *ret_refusal);

/* Puts a cell in line, and starts it if nothing is before it. As session_open(). */
int session_execute(
        Broker *b, Session *session, JobSpec *spec, Job **ret_cell, Refusal *ret_refusal);

/* KeyboardInterrupt for the cell that executes; if none does, nothing happens. */
void session_interrupt(Broker *b, Session *session);

/* A fresh interpreter; what runs or waits is cancelled. Nothing to do if there is one that has run nothing yet,
 * or if one is on its way. */
void session_restart(Broker *b, Session *session);

/* Whether others share its box, or did when it was made. */
bool session_is_shared(Broker *b, const Session *session);

/* The link to the files of its box, which is with one of those that share it; NULL if there is none. */
FilesLink *session_files(Broker *b, const Session *session);

/* Its host is at its end: the link goes to another one. */
void session_hand_on_files(Broker *b, Session *session);

/* Whether one of those that share it is being branched. */
bool session_family_branches(Broker *b, const Session *session);

/* How many share it. */
uint64_t session_count_family(Broker *b, const Session *session);

/* A second session, whose interpreter is forked from that of this one, which is idle. As session_open(). Takes
 * labels on success. */
int session_branch(
        Broker *b, Session *session, json_t *labels, Session **ret_branch, Refusal *ret_refusal);

/* From the scheduler: the interpreter may fork now. */
void session_may_branch(Broker *b, Session *branch);

/* From the scheduler: a cell is to end. A running one is interrupted, and killed with the session if that
 * is no use; without any grace it is killed with it at once. */
void session_cancel_cell(Broker *b, Job *cell, const char *reason, uint64_t grace_usec);

/* Ends it with all that runs in it; from now on nobody finds it. */
void session_close(Broker *b, Session *session, const char *reason);

/* A connection is gone: what is bound to it goes with it. */
void session_connection_closed(Broker *b, const void *connection);

/* From the runner link: the payload of a CELL_END frame. A negative errno ends the reading. */
int session_cell_over(void *broker, Job *job, const char *payload, size_t size);

/* From the runner link: the program of a cell that is to be interrupted runs. */
void session_cell_runs(void *broker, Job *cell);

/* From the scheduler: the builder's word about a session's box. */
void session_started(Broker *b, Session *session);
void session_cell_facts(Broker *b, Session *session, const BoxFacts *facts);
void session_restarted(Broker *b, Session *session, const BoxFacts *facts);
void session_box_ended(Broker *b, Session *session, const BoxFacts *facts);

/* From the scheduler: the host has finished, with or without a box. May free the session. */
void session_host_finished(Broker *b, Session *session);

/* Between the files of a session. */

/* The branch or the next cell begins, if one waits and nothing runs. */
void session_go_on(Broker *b, Session *session);

/* The builder is asked for the branch. */
void session_begin_branch(Broker *b, Session *session);

/* The interpreter has forked, or not; the branch that is being made has come, or will not. */
int session_branch_answered(Broker *b, Session *session, uint32_t refusal);
void session_branch_done(Broker *b, Session *branch);

/* The box of s has ended, so it is neither branched any more nor becomes a branch. */
void session_end_branching(Broker *b, Session *s);

/* Closes those whose time is over. Calls broker_wake_at() for the others. */
void session_sweep(Broker *b, uint64_t now_usec);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From an accepted job to its end: who may come in, who is next, and what the builder says. First
 * come, first served. */

#include "broker/broker.h"

typedef enum SubmitRefusal {
        SUBMIT_STOPPING = 1,
        SUBMIT_QUEUE_FULL,  /* of the node */
        SUBMIT_TENANT_FULL, /* others could still submit */
} SubmitRefusal;

/* Accepts a job: it starts, waits, or is finished already (rejected). Returns 0 or a SubmitRefusal
 * or a negative errno. Takes the spec on success, and stdin_fd whatever happens. */
int scheduler_submit(Broker *b, uid_t uid, JobSpec *spec, int stdin_fd, Job **ret_job);

/* The parts of that: a job that is not in line yet, and one whose program is too large. */
int scheduler_new_job(Broker *b, uid_t uid, JobSpec *spec, Job **ret_job);
int scheduler_reject_source(Broker *b, Job *job);

/* The end of a job that has no box, or none of its own. */
void scheduler_finish_without_box(Broker *b, Job *job, Outcome outcome, const char *why);
void scheduler_finish_cell(Broker *b, Job *cell, const BoxFacts *facts);

/* Ends the job, wherever it is; nothing to do if it has ended. */
void scheduler_cancel(Broker *b, Job *job, const char *reason);

/* From the builder link. */
void scheduler_report(void *broker, const BuilderReport *report);

/* From the runner link. */
void scheduler_output_exceeded(void *broker, Job *job);

/* The job called one tool more than it may. */
void scheduler_tool_limit(Broker *b, Job *job);

/* The builder is gone: what ran is lost. */
void scheduler_lose_all(Broker *b);

/* Ends what waits for too long. Calls broker_wake_at() for the others. */
void scheduler_sweep(Broker *b, uint64_t now_usec);

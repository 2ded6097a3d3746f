/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From an accepted job to its end: who may come in, who is next, and what the builder says. The order
 * is queue.h's. */

#include "broker/broker.h"

typedef enum SubmitRefusal {
        SUBMIT_STOPPING = 1, /* or draining */
        SUBMIT_REFUSED,      /* *ret_refusal says why */
} SubmitRefusal;

/* Jobs that can run at once. */
uint64_t scheduler_slots(const Broker *b);

/* To be called when a maximum may be another one than before: what waits and is too large now ends, what may start
 * does. */
void scheduler_start_waiting(Broker *b);

/* Accepts a job: it starts, waits, or is finished already (rejected). Returns 0 or a SubmitRefusal
 * or a negative errno. Takes the spec on success, and stdin_fd whatever happens. */
int scheduler_submit(Broker *b,
                     Tenant *tenant,
                     JobSpec *spec,
                     int stdin_fd,
                     Job **ret_job,
                     Refusal *ret_refusal);

/* The parts of that: a job that is not in line yet, and one whose program is too large. */
int scheduler_new_job(Broker *b, Tenant *tenant, JobSpec *spec, Job **ret_job);
int scheduler_reject_source(Broker *b, Job *job);

/* Of a connection that does not watch it any more, which may be what others wait for. */
void scheduler_unwatch(Broker *b, Job *job, JobWatcher *watcher);

/* The end of a job that has no box, or none of its own. */
void scheduler_finish_without_box(Broker *b, Job *job, Outcome outcome, const char *why);
void scheduler_cancel_waiting(Broker *b,
                              Job *job,
                              const char *reason); /* one that has not started */
void scheduler_finish_cell(Broker *b, Job *cell, const BoxFacts *facts);

/* Ends the job, wherever it is; nothing to do if it has ended. */
void scheduler_cancel(Broker *b, Job *job, const char *reason);

/* The same, but a job that runs gets SIGINT and this long before it is killed. Who is cancelled again can
 * only lose time. */
void scheduler_cancel_gently(Broker *b, Job *job, const char *reason, uint64_t grace_usec);

/* The builder answers with ENDED; it ignores the request if the box has just ended. */
void scheduler_kill(Broker *b, Job *job, EndReason reason);

/* SIGINT for a job that runs: KeyboardInterrupt. Nothing follows; to be sent in bounded numbers. */
void scheduler_interrupt(Broker *b, const Job *job);

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

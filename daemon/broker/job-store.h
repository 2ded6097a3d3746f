/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Finding jobs, and forgetting them. */

#include "broker/broker.h"

void job_store_init(Broker *b);

/* A job that is new; it leaves when it is freed. */
void job_store_add(Broker *b, Job *job);

/* The job has got its box. */
void job_store_add_box(Broker *b, Job *job);

/* The job that a request with this requestId made, or NULL. */
Job *job_store_find_request(Broker *b, const Tenant *tenant, const char *request_id);

/* The job of this tenant, or NULL: nobody learns whether an identifier of somebody else exists. Tenant NULL is
 * any. */
Job *job_store_find(Broker *b, const Tenant *tenant, const char *id);

Job *job_store_find_box(Broker *b, uint64_t box);

/* Frees the job if nothing needs it any more. */
void job_store_release(Broker *b, Job *job);

/* Forgets the oldest results of who has too many. */
void job_store_trim(Broker *b);

/* Forgets the results whose time is over. Calls broker_wake_at() for the others. */
void job_store_sweep(Broker *b, uint64_t now_usec);

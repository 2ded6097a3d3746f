/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job that runs uses, as the builder reads it: asked for when somebody wants to know, one question at
 * a time for each job, and not more often than this, whoever asks. */

#include "broker/broker.h"

#define USAGE_FRESH_USEC (UINT64_C(100) * 1000)

/* Whether the figures of the job are new enough, or there will be none. Else the builder is asked, and the
 * job's watchers are told. */
bool job_usage_is_fresh(Broker *b, Job *job);

/* USED, from the builder: each question has its answer, in their order, also for a box that is gone. */
void job_usage_report(Broker *b, const BuilderReport *report);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interface's types as JSON. Each function returns a new object, or NULL for lack of memory. */

#include <jansson.h>

#include "broker/job.h"
#include "broker/session.h"
#include "wire/build.h"

/* Of each stream in a Result; more output is there by streaming. */
#define REPLY_INLINE_BYTES_MAX (1U << 20)

/* See json_build_bytes(): of a file less than of output, because a reply has to hold all of them. */
#define FILE_TEXT_GROWTH 2

json_t *reply_file(const CollectedFile *file);

json_t *reply_limits(const Limits *limits);
/* The instant counts while it runs; with is_now also the memory and CPU time that were asked for. */
json_t *reply_usage(const Job *job, uint64_t realtime_usec, bool is_now);

/* { "event": … }, { "result": … }: the parameters of Run and Attach. */
json_t *reply_event(const Job *job, const JobEvent *event, uint64_t sequence);
json_t *reply_result(const Job *job, bool with_output);

json_t *reply_result_object(const Job *job, bool with_output);
json_t *reply_check(const Job *job); /* of a job that is_check; api-check.c */
json_t *reply_job_info(const Job *job);
json_t *reply_session_info(const Session *session);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job said, as JSON. */

#include <jansson.h>

#include "broker/job.h"
#include "wire/build.h"

/* The interface's Display; NULL for lack of memory. */
json_t *reply_display(const RunnerDisplay *display);

/* The interface's Violation. */
json_t *reply_violation(const RunnerViolation *violation);

/* The interface's [](Finding). */
json_t *reply_findings(const RunnerSaid *said);

/* exception, resultJson, resultProblem, displays, findings and violations of a Result: each only if
 * there is one that the verdict lets stand. */
void reply_build_said(JsonBuild *b, const Job *job, bool with_displays);

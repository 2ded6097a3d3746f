/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of job_spec_make() share. Each spec_…() checks a part of the request and puts it into
 * the spec or the JOB frame: 0, a SpecErrorKind with the error filled in, or -ENOMEM. */

#include "basic/macro.h"
#include "broker/frame.h"
#include "broker/spec.h"

/* Names the field that is being looked at; foreign text in it is cut between characters. */
void error_field(SpecError *e, const char *format, ...) _printf_(2, 3);

/* Says what is wrong with it; returns SPEC_INVALID. */
int error_invalid(SpecError *e, const char *format, ...) _printf_(2, 3);

int error_too_large(SpecError *e, const char *field, uint64_t requested, uint64_t maximum);

int spec_tools(const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e);

/* Of OpenSession: whether the profile has them. */
int spec_session_allowed(const Profile *p, SpecError *e);

/* Of a cell: the profile, the limits and the tools are the session's. */
int spec_session(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e);
/* Before the program, which tells it about the files. */
int spec_collect(const JobRequest *q, JobSpec *s, SpecError *e);

int spec_program(
        const SpecContext *c, const JobRequest *q, JobSpec *s, FrameBuilder *frame, SpecError *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cage/cage.h"

/* The process of one job, a fork of the warm template: makes the interpreter its own, reads the program from
 * RUNNER_FD_CHANNEL, runs it as CPython would run a script, and ends as CPython would end. */
extern const CageJob runner_job;

/* In the template: what makes those that come after this faster. Returns 0, or a negative errno. */
int job_learn(void);

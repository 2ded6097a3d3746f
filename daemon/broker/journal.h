/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Logging of the broker: to the journal with fields where standard error is connected to it. */

#include "broker/job.h"

/* Installs the journal sink if $JOURNAL_STREAM names what standard error is. */
void journal_setup(void);

/* One line per job: PYSB_JOB, PYSB_TENANT, PYSB_PROFILE, PYSB_OUTCOME. */
void journal_job_finished(const Job *job);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What pysbctl exits with: one table, the same that pysbctl(1) shows. */

#include "pysb/pysb.h"

#define EXIT_TIME_LIMIT 124   /* as timeout(1) */
#define EXIT_NOT_ACCEPTED 125 /* nothing ran, or nobody knows what happened; usage errors too */
#define EXIT_REJECTED 126     /* the program was refused before it ran */
#define EXIT_SIGNAL_BASE 128  /* + number of the signal, as the shell says it */
#define EXIT_MEMORY_LIMIT 137 /* 128 + SIGKILL, as after the kernel's OOM killer */
#define EXIT_BROKEN_PIPE 141  /* 128 + SIGPIPE: nobody reads our output any more */
#define EXIT_OUTPUT_LIMIT 153 /* 128 + SIGXFSZ, as after writing more than a limit allows */
#define EXIT_TOOL_CALL_LIMIT 154
#define EXIT_TICK_LIMIT 155
#define EXIT_CANCELLED 130 /* 128 + SIGINT */

/* The exit status for a result. */
int exit_status_of_result(const PysbResult *result);

/* The same without the object: exit_code and signal are negative if there is none. */
int exit_status_of_outcome(PysbOutcome outcome, int exit_code, int signal);

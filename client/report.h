/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is said about a job when it has ended. */

#include "client/verb.h"

/* Writes the text and a newline to standard output. Returns 0 or a negative errno. */
int report_line(const char *text);

/* Says that standard output failed, unless a signal or a closed pipe was the reason; returns the
 * exit status. */
int report_write_failed(int error);

/* Ends a verb that has a result: prints it as one JSON document, or what was captured of its output,
 * its message and, if asked for, the summary; returns the exit status. The client is asked which
 * protection layers are missing. */
int report_result(const Common *common, PysbClient *client, const PysbResult *result);

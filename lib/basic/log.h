/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One log line per failure, at the level that handles it. Libraries and pure code never log.
 * By default lines go to standard error, for people; where that is the journal, the two daemons
 * install a sink that sends the same fields there. */

#include <stddef.h>
#include <syslog.h>

#include "basic/macro.h"

/* A structured field such as { "PYSB_JOB", id }; the sink escapes nothing but frames by length. */
typedef struct LogField {
        const char *name;
        const char *value; /* NULL leaves the field out */
} LogField;

typedef void (*LogSink)(int priority, const char *message, const LogField *fields, size_t n_fields);

void log_set_program(const char *name);
void log_set_max_priority(int priority); /* LOG_INFO unless told */
void log_set_sink(LogSink sink);         /* NULL is standard error */

void log_fields(int priority, const LogField *fields, size_t n_fields, const char *format, ...)
        _printf_(4, 5);

#define log_full(priority, ...) log_fields(priority, NULL, 0, __VA_ARGS__)
#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)

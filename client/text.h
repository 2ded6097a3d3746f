/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text for terminals: everything that came from the daemon or from a job goes through here, since
 * escape sequences in a message could rewrite what the user sees, or type for them. The output of a
 * job itself is the user's own business and is passed through. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/macro.h"
#include "pysb/pysb.h"

#define TEXT_NUMBER_MAX 32

/* Prints it with control characters as \n, \x1b or \u009b. NULL prints nothing. */
void text_print(FILE *out, const char *text);

/* "pysbctl: …" as one line on standard error, control characters escaped. */
void text_error(const char *format, ...) _printf_(1, 2);

/* "50 MiB", "12.3 KiB"; "350 us", "1.5 ms", "12.3 s". Both return buf. */
const char *text_bytes(uint64_t bytes, char buf[static TEXT_NUMBER_MAX]);
const char *text_usec(uint64_t usec, char buf[static TEXT_NUMBER_MAX]);

/* A number of the interface with the unit that the end of its name says: "wallTimeUSec",
 * "memoryBytes", "cpuPercent"; other names are plain numbers. Returns buf. */
const char *text_figure(const char *name, int64_t value, char buf[static TEXT_NUMBER_MAX]);

/* An instant in microseconds since 1970 as local time. Returns buf. */
const char *text_instant(int64_t usec, char buf[static TEXT_NUMBER_MAX]);

/* A table: cells row by row, the first row is the heading. A NULL cell is printed as "-". */
void text_table(FILE *out, const char *const *cells, size_t n_columns, size_t n_rows);

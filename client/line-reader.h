/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lines of our standard input: on a terminal with a prompt, line editing and a history that is kept in a
 * file (libedit), else as they are. */

#include <stdbool.h>

#include "basic/buf.h"
#include "basic/cleanup.h"

typedef struct LineReader LineReader;

/* interrupt_setup() comes before it. */
int line_reader_new(LineReader **ret_reader);
LineReader *line_reader_free(LineReader *reader); /* NULL */
DEFINE_CLEANUP(LineReader *, line_reader_free);

bool line_reader_is_terminal(const LineReader *reader);

/* Appends the next line, which has a newline at its end. Returns 1; 0 at the end; -EINTR if a signal has
 * come, see interrupt_get_signal(); another negative errno. */
int line_reader_next(LineReader *reader, const char *prompt, Buf *lines);

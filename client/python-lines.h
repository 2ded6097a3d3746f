/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a statement of Python ends in lines that come one after the other, as its own prompt decides it: by
 * brackets, quotes, colons and empty lines. What the lines mean is for the interpreter to say. */

#include <stdbool.h>
#include <stddef.h>

typedef struct PythonLines {
        bool is_empty; /* there is no statement: spaces and comments */
        bool is_open;  /* a bracket, a text in three quotes, a backslash, a decorator: it goes on */
        bool is_block; /* it has a block, which goes on until something says that it does not */
        bool ends_in_blank; /* the last line has only spaces */
} PythonLines;

/* Each line of the text ends with a newline. Pure. */
PythonLines python_lines_scan(const char *text, size_t size);

/* For lines of a file: whether this one belongs to the block before it. */
bool python_line_continues(const char *line, size_t size);

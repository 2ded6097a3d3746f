/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON that came from a program goes into a line of our own: it must be one value and stay in that
 * line. Numbers stay as they are written, however long. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Copies one JSON value without the white space around its parts (free() it). -EBADMSG if the text is
 * anything else, -ENOMEM. */
int json_text_compact(const char *text, char **ret_text);

/* Bytes as a JSON string; those that are no UTF-8 become U+FFFD. */
void json_text_print_string(FILE *out, const char *data, size_t size);

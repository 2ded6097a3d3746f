/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values to text. jansson looks at each character for itself, which was most of the time of a job with much output;
 * what needs no escape is copied in one piece here. The text is jansson's, byte by byte: compact, keys in their order. */

#include <jansson.h>

#include "basic/buf.h"

/* Appends the text of the value, whose strings are UTF-8. Errors: those of buf_append(); some of the text may be there. */
int json_write(Buf *buf, const json_t *value);

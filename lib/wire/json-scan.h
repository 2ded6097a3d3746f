/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The pre-scan of a message: one pass without memory, before the parser allocates any. 4 MiB of
 * "[{},{}," cost jansson 316 MB; after this they cost nothing. */

#include <stddef.h>

#define WIRE_JSON_DEPTH_MAX 16
#define WIRE_JSON_VALUES_MAX 65536

/* 0, or -E2BIG if the text nests deeper or has more values than that. Does not check the syntax
 * beyond it: text that passes may still be no JSON. Keys of objects count as values. */
int json_scan(const char *text, size_t size);

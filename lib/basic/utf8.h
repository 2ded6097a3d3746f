/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether these bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool utf8_is_valid(const void *data, size_t size);

/* How many bytes at the end may be the start of a character that is not complete yet: 0 to 3. A
 * stream that is cut size - N bytes in never splits a character. */
size_t utf8_incomplete_tail(const void *data, size_t size);

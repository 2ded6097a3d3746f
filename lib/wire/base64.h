/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Base64 as in RFC 4648 section 4: standard alphabet, padded, no line breaks. */

#include <stddef.h>

/* NUL-terminated, owned by the caller; NULL for lack of memory. */
char *base64_encode(const void *data, size_t size);

/* How many bytes a text of that size decodes to, if it is valid. */
size_t base64_decoded_size(const char *text, size_t size);

/* Strict: no white space, complete padding, no bits set beyond the last byte. *ret_data has a NUL
 * behind ret_size bytes and is owned by the caller. -EINVAL, -ENOMEM. */
int base64_decode(const char *text, size_t size, char **ret_data, size_t *ret_size);

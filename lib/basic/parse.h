/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers from text: the only place of the tree that may call strto*(). The whole string must be
 * the number: no white space, no sign for unsigned ones, no trailing bytes. Returns -EINVAL for
 * what is no number and -ERANGE for one that does not fit. */

#include <stdbool.h>
#include <stdint.h>

int parse_u64(const char *s, uint64_t *ret_value);
int parse_i64(const char *s, int64_t *ret_value);
int parse_bool(const char *s, bool *ret_value); /* true, false */

/* Bytes: a number and optionally one of K M G T (powers of 1024), also as KiB, MiB, GiB, TiB. */
int parse_size(const char *s, uint64_t *ret_bytes);

/* Time: a decimal number and one of us ms s min h; without a unit it is seconds. "1.5s" is fine. */
int parse_duration(const char *s, uint64_t *ret_usec);

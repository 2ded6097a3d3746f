/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits table: for each limit its names, its unit and its absolute bounds. Everything that
 * names a limit (profile keys, the varlink interface, messages, pysbctl) takes it from here. */

#include <stddef.h>

#include "proto/limits.h"

typedef enum LimitUnit {
        LIMIT_UNIT_USEC,
        LIMIT_UNIT_BYTES,
        LIMIT_UNIT_PERCENT,
        LIMIT_UNIT_COUNT,
} LimitUnit;

typedef struct LimitInfo {
        const char *field; /* in the interface's Limits, such as "wallTimeUSec" */
        const char *key;   /* in a profile's [limits] and [maximum], such as "wall_time" */
        const char *label; /* in a sentence, such as "wall clock limit" */
        LimitUnit unit;
        uint64_t lowest, highest; /* no profile and no request may go beyond */
} LimitInfo;

extern const LimitInfo limit_infos[_LIMIT_MAX];

/* "5 s", "50 MiB", "200 %", "32": for messages. Returns buf. */
const char *limit_format(LimitId id, uint64_t value, char *buf, size_t size);

/* "wall_time, cpu_time, ...", all of them, for messages. Returns buf. */
const char *limit_names(char *buf, size_t size);

/* "5s" in quotes, "50M" in quotes, 200, 32: as it stands in a profile. Returns buf. */
const char *limit_format_toml(LimitUnit unit, uint64_t value, char *buf, size_t size);

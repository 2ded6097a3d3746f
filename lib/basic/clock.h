/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* Microseconds since some fixed point of this boot; what every limit is measured with. */
uint64_t clock_monotonic_usec(void);

/* Microseconds since 1970-01-01 UTC; for time stamps only. */
uint64_t clock_realtime_usec(void);

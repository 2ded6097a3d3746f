/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which limits a job came near to: one sentence that says which to raise. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/box-facts.h"
#include "proto/limits.h"

#define ADVICE_MAX 1536

typedef struct AdviceInput {
        const BoxFacts *facts;
        const Limits *limits;  /* that were in force */
        uint32_t reached;      /* LIMIT_BIT()s, see Verdict */
        uint64_t output_bytes; /* of both streams, kept or not */
        uint64_t result_bytes; /* of the result and the displays */
        bool result_too_large; /* so that it is not among those */
        uint64_t source_bytes;
        uint64_t tool_calls;
        uint64_t tool_wait_usec;
        uint64_t ticks; /* 0 also if they were not counted */
} AdviceInput;

/* "memory 45 MiB of 50 MiB (90 %), output 900 KiB of 1 MiB (87 %): raise limits.memory, limits.output".
 * Returns buf, or NULL if no limit came within 80 %. */
const char *advice_write(const AdviceInput *input, char buf[static ADVICE_MAX]);

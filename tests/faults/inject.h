/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What inject and who started it have in common: one page of numbers, read by tests/faults/traced.py, too. */

#include <stdint.h>

#define CALLS_MAX 512

/* The processes of one daemon. What else there is, such as a thread of a job, runs untouched. */
typedef enum Kind {
        KIND_BUILDER,
        KIND_BROKER,
        KIND_TEMPLATE,
        KIND_INIT,
        KIND_JOB,
        _KIND_COUNTED_MAX,
        KIND_OTHER = _KIND_COUNTED_MAX,
        KIND_UNKNOWN, /* its parent has not reported it yet */
} Kind;

typedef struct Fault {
        /* The order: from the moment at which generation changes the calls of that kind are counted anew, and
         * that occurrence fails. 0 is none. */
        uint32_t generation, call, occurrence, error;
        uint32_t filtered; /* it stays that one call: only that is looked at */
        /* What happened. */
        uint32_t injected;
        uint32_t uncaged;        /* it was of a step without which there is no cage */
        uint32_t started, ended; /* the builder */
        uint32_t builder_status;
        uint32_t n_boxes;           /* inits and jobs that live */
        uint32_t crash, crash_kind; /* a signal that ended a process of ours and that nobody sent */
        uint32_t counts[_KIND_COUNTED_MAX][CALLS_MAX]; /* of all processes of a kind */
} Fault;

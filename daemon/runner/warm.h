/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From a bare process to a warm interpreter, in the template. */

#include "plan/plan.h"
#include "runner/python.h"

/* What every job uses; references that live as long as the process. */
typedef struct Warm {
        PyObject *bootstrap; /* module */
        PyObject *program;   /* module */
        PyObject *sandbox;   /* module */
        PyObject *atexit;    /* module */
        void *reserve;       /* address space that is given back to report a MemoryError */
} Warm;

extern Warm warm;

/* Starts Python with the environment, the preload list and the import policy of the plan. Returns 0;
 * a negative errno after one sentence on standard error. */
int warm_up(const PlanImage *plan);

/* Gives the reserve back. */
void warm_release_reserve(void);

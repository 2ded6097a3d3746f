/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `pysbctl profile vet`: what a wheel costs and whether it works. */

#include <stdbool.h>
#include <stdint.h>

#include "pysb/pysb.h"

/* How importing the package went, in a box. The figures are those of a job that imports it, without those
 * of one that does nothing. */
typedef struct VetImport {
        bool works;
        bool has_memory; /* whether it could be measured */
        uint64_t cpu_usec, memory_bytes;
        char *error; /* one sentence; NULL if it works */
        size_t n_violations;
} VetImport;

void vet_import_done(VetImport *import);

/* Imports each name of the report's "imports" by a private daemon with the profile that lies below
 * "staging". Returns the exit status 0, also if it does not work, or EXIT_NOT_ACCEPTED after a message. */
int vet_import_run(const PysbDocument *report, VetImport *ret_import);

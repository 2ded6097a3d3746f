/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the analysis has found, line by line as compilers say it. */

#include <stdio.h>

#include "pysb/pysb.h"

/* "FILE:LINE:COLUMN: message [rule]" for each of the findings in a result or a reply of Check. Returns
 * how many there were. */
size_t findings_print(FILE *out, const char *source, const PysbDocument *document);

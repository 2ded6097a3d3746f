/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --display-dir: plots and tables of a job as files, one for each display: plot-1.png, display-2.html.
 * Of several representations the richest one that a file can hold is taken. */

#include "pysb/pysb.h"

typedef struct Displays {
        const char *dir; /* NULL: only counted */
        size_t n;        /* so far */
} Displays;

/* Makes the directory if need be; NULL is none. Prints what is wrong; returns 0 or a negative errno. */
int displays_prepare(const char *dir);

/* The display of an event, or all of a result. A file that cannot be written is one line on standard
 * error. */
void displays_add_event(Displays *displays, const PysbEvent *event);
void displays_add_result(Displays *displays, const PysbResult *result);

/* Says that there were some, where nobody asked for files. */
void displays_report(const Displays *displays);

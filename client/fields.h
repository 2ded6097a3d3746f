/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Prints what a document says as lines "Name: value", values aligned. */

#include <stddef.h>

#include "pysb/pysb.h"

typedef struct Field {
        const char *label;
        const char *path; /* in the document */
} Field;

/* One line for each field that is there: strings, integers (with the unit that the path's end
 * says), instants ("…AtUSec", "…UntilUSec"), and arrays of strings in one line. */
void fields_print(const PysbDocument *document, const Field *fields, size_t n_fields);

/* The members of the object there, a line each, indented below the label. Nothing if it is empty. */
void fields_print_members(const PysbDocument *document, const char *label, const char *path);

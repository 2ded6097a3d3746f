/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --output-dir: the files that a job hands back, below one directory and nowhere else. The names are the
 * job's: no symlink is followed on the way, and what is there already stays as it is. */

#include "pysb/pysb.h"

typedef struct OutputBlob OutputBlob;

typedef struct Outputs {
        const char *dir;   /* NULL: only counted */
        size_t n;          /* so far */
        bool has_failed;   /* something could not be written, and somebody was told */
        OutputBlob *blobs; /* what did not fit into the messages: it is in the daemon's blobs */
        size_t n_blobs;
} Outputs;

void outputs_done(Outputs *outputs);

/* Makes the directory if need be; NULL is none. Prints what is wrong; returns 0 or a negative errno. */
int outputs_prepare(const char *dir);

/* The file of an event, or all of a result. What has no content, or cannot be written, is one line on
 * standard error. */
void outputs_add_event(Outputs *outputs, const PysbEvent *event);
void outputs_add_result(Outputs *outputs, const PysbResult *result);

/* Writes what is in blobs, when the connection is free for that. They stay there for an hour: another job may have
 * made the same bytes. */
void outputs_fetch(Outputs *outputs, PysbClient *client);

/* Says that there were some, where nobody asked for them in a directory. */
void outputs_report(const Outputs *outputs);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of `pysbctl submit`, as a request. */

#include "client/verb.h"

typedef struct SubmitOptions {
        Common common;
        bool detach;
        const char *code;   /* -c */
        const char *file;   /* the program; NULL with -c; "-" is standard input */
        const char *stdin_; /* a file for the program's standard input */
} SubmitOptions;

/* Reads the command line, the program and what else goes into the request. Prints what is wrong and
 * returns the exit status (positive). */
int submit_options_parse(int argc,
                         char *argv[],
                         SubmitOptions *ret_options,
                         PysbRequest **ret_request);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of `pysbctl submit`, as a request; check and eval take what of it makes sense there. */

#include "client/program-options.h"
#include "client/tools.h"

typedef struct SubmitOptions {
        Common common;
        bool detach;
        bool has_profile;
        ProgramOptions program;
        Tools tools;
        bool collects;
        const char *output_dir;
        const char *stdin_; /* a file for the program's standard input */
} SubmitOptions;

/* Reads the command line, the program and what else goes into the request. Prints what is wrong and
 * returns the exit status (positive). */
int submit_options_parse(int argc,
                         char *argv[],
                         SubmitOptions *ret_options,
                         PysbRequest **ret_request);

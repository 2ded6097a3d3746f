/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of `pysbctl submit`, as a request; check and eval, and open and exec of session, and repl, take what
 * of it makes sense there. */

#include "client/feed.h"
#include "client/program-options.h"
#include "client/tools.h"

typedef struct SubmitOptions {
        Common common;
        bool detach;
        bool has_profile;
        ProgramOptions program;
        Tools tools;
        bool collects;
        const char *stdin_;  /* a file for the program's standard input */
        Feed feed;           /* of it, while the program runs */
        const char *session; /* of `session exec`: where the program is a cell; else NULL */
        bool queue;
        uint64_t idle_usec,
                lifetime_usec; /* of `session open` and repl; UINT64_MAX is the daemon's choice */
} SubmitOptions;

/* Reads the command line, the program and what else goes into the request. Prints what is wrong and
 * returns the exit status (positive). */
int submit_options_parse(int argc,
                         char *argv[],
                         SubmitOptions *ret_options,
                         PysbRequest **ret_request);

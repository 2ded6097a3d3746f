/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

typedef struct RunOptions {
        bool is_embedded;
        const char *listen_path; /* NULL: the sockets come by LISTEN_FDS */
} RunOptions;

/* What a start ends with that will fail again until somebody changes the configuration or the host:
 * EX_CONFIG of sysexits.h, and RestartPreventExitStatus= of the unit. */
#define RUN_EXIT_REFUSED 78

/* Serves until told to stop. Returns the exit status. */
int run(const RunOptions *options);

/* Where the operator's profiles are; embedded, PYSB_OPERATOR_PROFILES may say, NULL is nowhere. */
const char *run_operator_directory(bool is_embedded);

/* Where the compiled profiles of this installation are; embedded, PYSB_PROFILE_PATH may say. */
const char *run_profile_directory(bool is_embedded);

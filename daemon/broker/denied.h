/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the filter denied, in words: "socket() is not available: the profile has no network". Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/said.h"
#include "profile/profile.h"
#include "proto/box-facts.h"

/* Which of the calls are worth a word. */
typedef enum DeniedChoice {
        DENIED_ALL,
        /* Those that no library tries on its own account, to see what there is: of a program that has not failed. */
        DENIED_WANTED,
} DeniedChoice;

#define DENIED_TEXT_MAX 512

/* The first few of them, separated by "; ". Returns buf, or NULL if there is nothing to say. */
const char *denied_describe_calls(const BoxFacts *facts,
                                  const Profile *profile,
                                  DeniedChoice choice,
                                  char buf[static DENIED_TEXT_MAX]);

/* The same of a program that was refused for an import, by what it calls of that module: "os.fork". */
const char *denied_describe_imports(const RunnerSaid *said,
                                    const Profile *profile,
                                    char buf[static DENIED_TEXT_MAX]);

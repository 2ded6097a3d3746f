/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is compared takes turns: each subject is a process that does its work when it is told to, so that
 * whatever else the machine does hits all of them. tests/bench/frame.py is the other end. */

#include <stddef.h>
#include <stdint.h>

uint64_t turns_now_nsec(void);

/* Does the work n times and notes how long each took in nsec[0] to nsec[n - 1]; a negative errno ends the process. */
typedef int (*TurnsWork)(void *userdata, size_t n, uint64_t *nsec);

/* Reads numbers from standard input, a line each, until its end; does the work so often, and answers with one line:
 * nanoseconds of all of it, and of each one. Returns what main() is to return. */
int turns_serve(TurnsWork work, void *userdata);

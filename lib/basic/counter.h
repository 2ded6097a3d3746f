/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Counters of the kernel's perf_event_open(2), in user mode only: all that is allowed without
 * privilege where perf_event_paranoid is 2. The event is an argument, so that tests can take one that
 * every machine has. */

#include <linux/perf_event.h>
#include <stdint.h>

/* The one that jobs have: instructions. */
#define COUNTER_JOB PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS

/* Counts the caller, and from now on all that it starts: returns the descriptor, or a negative errno.
 * Who holds the descriptor can read it when they are all gone. */
int counter_open(uint32_t type, uint64_t config);

/* -ENODATA if the event did not count all the time: an estimate is no count. */
int counter_read(int fd, uint64_t *ret_value);

/* Whether a process like this one can have it, and it counts: 0 or a negative errno. */
int counter_probe(uint32_t type, uint64_t config);

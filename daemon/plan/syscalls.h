/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls that a filter allows, as data: groups of names, some with rules for their arguments.
 * What is not named is denied. filter.c makes the filter of it, dump.c prints it. */

#include <stddef.h>
#include <stdint.h>

/* Holds if (argument & mask) == value. The kernel takes most arguments as int, and a rule compares
 * exactly the bits that the kernel uses: more would let rubbish in the upper half get past a rule
 * that means to deny (CVE-2019-10063), less would compare another number than the kernel does. */
typedef struct SyscallCompare {
        uint32_t argument;
        uint64_t mask; /* 0 ends the list */
        uint64_t value;
} SyscallCompare;

/* Allows a call if all comparisons hold. Rules of the same call are alternatives. */
typedef struct SyscallRule {
        const char *name;
        SyscallCompare compare[4];
} SyscallRule;

/* Instead of an errno: the kernel does nothing, and the caller sees 0. Only for calls of which no
 * correct program could tell the difference. */
#define SYSCALL_SKIP (-1)

typedef struct SyscallGroup {
        const char *name;
        uint32_t with;    /* in the filter only if the plan has all of these PLAN_FLAG_* */
        uint32_t without; /* ... and none of these */
        int error;        /* 0 allows; else the errno that answers the calls, or SYSCALL_SKIP */
        const char *const *names; /* without conditions; NULL-terminated */
        const SyscallRule *rules; /* up to one without a name */
} SyscallGroup;

/* Of a job; selected by the plan's flags. */
extern const SyscallGroup job_groups[];
extern const size_t n_job_groups;

/* Of the broker. */
extern const SyscallGroup broker_groups[];
extern const size_t n_broker_groups;

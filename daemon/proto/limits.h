/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits of a job as the processes hand them to each other: one number per row. What the rows
 * are called outside, their units and their absolute bounds stands in profile/limits.c. */

#include <stdint.h>

typedef enum LimitId {
        LIMIT_WALL_TIME,  /* microseconds from the start of the program to its end */
        LIMIT_CPU_TIME,   /* microseconds of user and system time of all processes */
        LIMIT_MEMORY,     /* bytes, the tmpfs included */
        LIMIT_CPU,        /* percent, 100 is one CPU */
        LIMIT_PROCESSES,  /* 1: the program cannot fork; else its processes and threads together */
        LIMIT_THREADS,    /* of a program that cannot fork: threads beyond the first one */
        LIMIT_DISK,       /* bytes in /app and in /tmp, each */
        LIMIT_DISK_FILES, /* files and directories in /app and in /tmp, each */
        LIMIT_FILE_SIZE,  /* bytes of the largest file */
        LIMIT_OPEN_FILES, /* descriptors per process */
        LIMIT_OUTPUT,     /* bytes of stdout and stderr together */
        LIMIT_RESULT,     /* bytes of the result's JSON text and of the displays together */
        LIMIT_SOURCE,     /* bytes of the program text, and of all files of the request */
        LIMIT_TOOL_CALLS, /* tool calls of one job; 0 is none */
        LIMIT_TOOL_WAIT, /* microseconds in which at least one tool call waits: not wall clock time */
        LIMIT_COLLECT_FILES, /* files that a job hands back; 0 is none */
        LIMIT_COLLECT_BYTES, /* bytes of them, together */
        LIMIT_TICKS, /* loop iterations and function entries of the program; 0: not counted */
        _LIMIT_MAX,
} LimitId;

/* Hours at the speed of CPython. */
#define TICKS_MAX UINT64_C(1000000000000)

#define LIMIT_BIT(id) (UINT32_C(1) << (id))

typedef struct Limits {
        uint64_t value[_LIMIT_MAX];
} Limits;

/* Tasks that a job may have at once, by both limits: the kernel counts nothing else. */
static inline uint64_t limits_tasks(const Limits *limits) {
        uint64_t processes = limits->value[LIMIT_PROCESSES];

        return processes > 1 ? processes : 1 + limits->value[LIMIT_THREADS];
}

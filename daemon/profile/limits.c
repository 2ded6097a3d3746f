/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "basic/macro.h"

#define USEC_PER_HOUR (3600 * USEC_PER_SEC)

/* The bounds are what the daemon can hold: beyond the highest value nothing of a box is tested, and
 * below the lowest one an interpreter cannot even say that it failed. */
const LimitInfo limit_infos[_LIMIT_MAX] = {
        [LIMIT_WALL_TIME] = { "wallTimeUSec", "wall_time", "wall clock limit", LIMIT_UNIT_USEC,
                              10 * USEC_PER_MSEC, 24 * USEC_PER_HOUR },
        [LIMIT_CPU_TIME] = { "cpuTimeUSec", "cpu_time", "CPU time limit", LIMIT_UNIT_USEC,
                             10 * USEC_PER_MSEC, 24 * USEC_PER_HOUR },
        [LIMIT_MEMORY] = { "memoryBytes", "memory", "memory limit", LIMIT_UNIT_BYTES, 8 * MIB,
                           64 * GIB },
        [LIMIT_CPU] = { "cpuPercent", "cpu", "CPU share limit", LIMIT_UNIT_PERCENT, 1, 6400 },
        [LIMIT_PROCESSES] = { "processes", "processes", "process limit", LIMIT_UNIT_COUNT, 1,
                              4096 },
        [LIMIT_THREADS] = { "threads", "threads", "thread limit", LIMIT_UNIT_COUNT, 0, 4096 },
        [LIMIT_DISK] = { "diskBytes", "disk", "disk limit", LIMIT_UNIT_BYTES, 64 * KIB, 16 * GIB },
        [LIMIT_DISK_FILES] = { "diskFiles", "disk_files", "limit on files and directories",
                               LIMIT_UNIT_COUNT, 16, 1000000 },
        [LIMIT_FILE_SIZE] = { "fileBytes", "file_size", "file size limit", LIMIT_UNIT_BYTES, 0,
                              2048 * GIB },
        [LIMIT_OPEN_FILES] = { "openFiles", "open_files", "limit on open files", LIMIT_UNIT_COUNT,
                               16, 1024 },
        [LIMIT_OUTPUT] = { "outputBytes", "output", "output limit", LIMIT_UNIT_BYTES, 0, 64 * MIB },
        /* One frame of the runner; twice as much, and output, has to fit in a reply */
        [LIMIT_RESULT] = { "resultBytes", "result", "result limit", LIMIT_UNIT_BYTES, 0, 4 * MIB },
        [LIMIT_SOURCE] = { "sourceBytes", "source", "source limit", LIMIT_UNIT_BYTES, 1, 16 * MIB },
        [LIMIT_TOOL_CALLS] = { "toolCalls", "tool_calls", "tool call limit", LIMIT_UNIT_COUNT, 0,
                               10000 },
        [LIMIT_TOOL_WAIT] = { "toolWaitUSec", "tool_wait", "limit on waiting for tools",
                              LIMIT_UNIT_USEC, 0, 24 * USEC_PER_HOUR },
        [LIMIT_COLLECT_FILES] = { "collectFiles", "collect_files", "limit on collected files",
                                  LIMIT_UNIT_COUNT, 0, 256 },
        /* As large as one blob; what comes in the message has less, see collection_init() */
        [LIMIT_COLLECT_BYTES] = { "collectBytes", "collect_bytes", "limit on collected bytes",
                                  LIMIT_UNIT_BYTES, 0, 16 * MIB },
        [LIMIT_TICKS] = { "ticks", "ticks", "tick limit", LIMIT_UNIT_COUNT, 0, TICKS_MAX },
};

typedef struct Scale {
        uint64_t factor;
        const char *name;
} Scale;

/* The largest unit that divides the value: what a message says is exactly the value. */
static const Scale *scale_find(const Scale *scales, uint64_t value) {
        while (scales->factor > 1 && (value < scales->factor || value % scales->factor != 0))
                scales++;
        return scales;
}

const char *limit_format(LimitId id, uint64_t value, char *buf, size_t size) {
        static const Scale times[] = {
                { USEC_PER_SEC, "s" },
                { USEC_PER_MSEC, "ms" },
                { 1, "us" },
        };
        static const Scale sizes[] = {
                { GIB, "GiB" },
                { MIB, "MiB" },
                { KIB, "KiB" },
                { 1, "bytes" },
        };
        const Scale *scale;

        switch (limit_infos[id].unit) {
        case LIMIT_UNIT_USEC:
                scale = scale_find(times, value);
                snprintf(buf, size, "%" PRIu64 " %s", value / scale->factor, scale->name);
                break;
        case LIMIT_UNIT_BYTES:
                scale = scale_find(sizes, value);
                snprintf(buf, size, "%" PRIu64 " %s", value / scale->factor, scale->name);
                break;
        case LIMIT_UNIT_PERCENT:
                snprintf(buf, size, "%" PRIu64 " %%", value);
                break;
        case LIMIT_UNIT_COUNT:
                snprintf(buf, size, "%" PRIu64, value);
                break;
        }
        return buf;
}

const char *limit_format_toml(LimitUnit unit, uint64_t value, char *buf, size_t size) {
        static const Scale times[] = {
                { USEC_PER_HOUR, "h" },
                { 60 * USEC_PER_SEC, "min" },
                { USEC_PER_SEC, "s" },
                { USEC_PER_MSEC, "ms" },
                { 1, "us" },
        };
        static const Scale sizes[] = { { GIB, "G" }, { MIB, "M" }, { KIB, "K" }, { 1, NULL } };
        static const Scale counts[] = { { 1, NULL } };
        const Scale *scale = counts;

        if (value > 0 && unit == LIMIT_UNIT_USEC)
                scale = scale_find(times, value);
        else if (value > 0 && unit == LIMIT_UNIT_BYTES)
                scale = scale_find(sizes, value);
        if (scale->name)
                snprintf(buf, size, "\"%" PRIu64 "%s\"", value / scale->factor, scale->name);
        else
                snprintf(buf, size, "%" PRIu64, value);
        return buf;
}

const char *limit_names(char *buf, size_t size) {
        size_t used = 0;

        for (LimitId id = 0; id < _LIMIT_MAX && used < size; id++)
                used += (size_t) snprintf(buf + used, size - used, "%s%s", id > 0 ? ", " : "",
                                          limit_infos[id].key);
        return buf;
}

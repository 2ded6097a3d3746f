/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/advice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "profile/limits.h"

/* From here on a limit is near. */
#define NEAR_PERCENT 80
/* A job that the CPU share held back for so much of its time would be faster with more. */
#define THROTTLED_PERCENT 20

#define KEYS_MAX 512

/* What is advised about, in this order, by what it is called beside a figure. The largest file and open
 * files have none: they can only be reached. */
typedef struct AdviceRow {
        LimitId limit;
        const char *name;
} AdviceRow;

static const AdviceRow rows[] = {
        { LIMIT_WALL_TIME, "wall clock" },  { LIMIT_CPU_TIME, "CPU time" },
        { LIMIT_MEMORY, "memory" },         { LIMIT_PROCESSES, "processes" },
        { LIMIT_THREADS, "threads" },       { LIMIT_DISK, "disk" },
        { LIMIT_DISK_FILES, "files" },      { LIMIT_FILE_SIZE, "file size" },
        { LIMIT_OPEN_FILES, "open files" }, { LIMIT_OUTPUT, "output" },
        { LIMIT_RESULT, "result" },         { LIMIT_SOURCE, "source" },
        { LIMIT_TOOL_CALLS, "tool calls" }, { LIMIT_TOOL_WAIT, "waiting for tools" },
        { LIMIT_TICKS, "ticks" },
};

/* What was used of each limit; 0 is nothing, or not known, and neither is near. */
static void advice_measure(const AdviceInput *in, Limits *ret_used) {
        const BoxFacts *f = in->facts;
        Limits used = {
                .value = {
                        [LIMIT_WALL_TIME] = f->wall_usec,
                        [LIMIT_CPU_TIME] = f->cpu_user_usec + f->cpu_system_usec,
                        [LIMIT_MEMORY] = f->memory_peak_bytes,
                        [LIMIT_DISK] = f->disk_bytes,
                        [LIMIT_DISK_FILES] = f->disk_files,
                        [LIMIT_OUTPUT] = in->output_bytes,
                        [LIMIT_RESULT] = in->result_bytes,
                        [LIMIT_SOURCE] = in->source_bytes,
                        [LIMIT_TOOL_CALLS] = in->tool_calls,
                        [LIMIT_TOOL_WAIT] = in->tool_wait_usec,
                        [LIMIT_TICKS] = in->ticks,
                },
        };

        /* The kernel has one number for both: which limit it is held to depends on the first. Of a job
         * that may only be one task it is no news. */
        if (in->limits->value[LIMIT_PROCESSES] > 1)
                used.value[LIMIT_PROCESSES] = f->pids_peak;
        else if (in->limits->value[LIMIT_THREADS] > 0 && f->pids_peak > 1)
                used.value[LIMIT_THREADS] = f->pids_peak - 1;
        *ret_used = used;
}

/* A limit that the end of the job is about was reached, whatever its figure says: the memory that a program
 * did not get is in no peak. */
static bool advice_is_reached(const AdviceInput *in, LimitId limit) {
        LimitId tasks = in->limits->value[LIMIT_PROCESSES] > 1 ? LIMIT_PROCESSES : LIMIT_THREADS;

        return (in->reached & LIMIT_BIT(limit)) ||
               (limit == LIMIT_RESULT && in->result_too_large) ||
               (limit == tasks && in->facts->pids_denied > 0);
}

/* "45.2 MiB", "1.01 s", "812 ms", "29": measurements, cut and never rounded up. */
static const char *figure_format(LimitUnit unit, uint64_t value, char *buf, size_t size) {
        static const char *const names[] = { "bytes", "KiB", "MiB", "GiB" };
        uint64_t scale = 1, tenths;
        size_t i = 0;

        switch (unit) {
        case LIMIT_UNIT_USEC:
                if (value >= USEC_PER_SEC)
                        (void) snprintf(buf, size, "%" PRIu64 ".%02" PRIu64 " s",
                                        value / USEC_PER_SEC, value % USEC_PER_SEC / 10000);
                else
                        (void) snprintf(buf, size, "%" PRIu64 " ms", value / USEC_PER_MSEC);
                return buf;
        case LIMIT_UNIT_BYTES:
                for (; i + 1 < ELEMENTSOF(names) && value >= scale * KIB; i++)
                        scale *= KIB;
                tenths = value % scale * 10 / scale;
                if (tenths > 0)
                        (void) snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " %s", value / scale,
                                        tenths, names[i]);
                else
                        (void) snprintf(buf, size, "%" PRIu64 " %s", value / scale, names[i]);
                return buf;
        case LIMIT_UNIT_PERCENT:
        case LIMIT_UNIT_COUNT:
                break;
        }
        (void) snprintf(buf, size, "%" PRIu64, value);
        return buf;
}

/* Adds to a list with commas. */
static void _printf_(3, 4) list_add(char *list, size_t size, const char *format, ...) {
        size_t used = strlen(list);
        va_list ap;

        if (used > 0)
                used += (size_t) snprintf(list + used, size - used, ", ");
        if (used >= size)
                return;
        va_start(ap, format);
        (void) vsnprintf(list + used, size - used, format, ap);
        va_end(ap);
}

typedef struct AdviceText {
        char items[ADVICE_MAX - KEYS_MAX];
        char keys[KEYS_MAX - sizeof(": raise ")];
} AdviceText;

static void
advice_add(AdviceText *text, const AdviceInput *in, const AdviceRow *row, uint64_t used) {
        uint64_t limit = in->limits->value[row->limit];
        uint64_t percent = limit > 0 ? used * 100 / limit : used > 0 ? 100 : 0;
        const LimitInfo *info = &limit_infos[row->limit];
        char figure[32], of[32];

        if (percent < NEAR_PERCENT && !advice_is_reached(in, row->limit))
                return;
        (void) limit_format(row->limit, limit, of, sizeof(of));
        if (percent < NEAR_PERCENT)
                list_add(text->items, sizeof(text->items), "%s of %s reached", info->label, of);
        else
                list_add(text->items, sizeof(text->items), "%s %s of %s (%" PRIu64 " %%)",
                         row->name, figure_format(info->unit, used, figure, sizeof(figure)), of,
                         percent);
        list_add(text->keys, sizeof(text->keys), "limits.%s", info->key);
}

static void advice_add_share(AdviceText *text, const AdviceInput *in) {
        const BoxFacts *f = in->facts;
        char figure[32], share[32];

        if (f->cpu_throttled_usec == 0 ||
            f->cpu_throttled_usec < f->wall_usec * THROTTLED_PERCENT / 100)
                return;
        list_add(text->items, sizeof(text->items), "held back for %s by the CPU share of %s",
                 figure_format(LIMIT_UNIT_USEC, f->cpu_throttled_usec, figure, sizeof(figure)),
                 limit_format(LIMIT_CPU, in->limits->value[LIMIT_CPU], share, sizeof(share)));
        list_add(text->keys, sizeof(text->keys), "limits.%s", limit_infos[LIMIT_CPU].key);
}

const char *advice_write(const AdviceInput *in, char buf[static ADVICE_MAX]) {
        AdviceText text = {};
        Limits used;

        advice_measure(in, &used);
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                advice_add(&text, in, row, used.value[row->limit]);
        advice_add_share(&text, in);
        if (text.keys[0] == '\0')
                return NULL;
        (void) snprintf(buf, ADVICE_MAX, "%s: raise %s", text.items, text.keys);
        return buf;
}

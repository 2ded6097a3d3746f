/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/advice.h"
#include "profile/limits.h"

static const Limits limits = {
        .value = {
                [LIMIT_WALL_TIME] = 10 * USEC_PER_SEC,
                [LIMIT_CPU_TIME] = 5 * USEC_PER_SEC,
                [LIMIT_MEMORY] = 50 * MIB,
                [LIMIT_CPU] = 50,
                [LIMIT_PROCESSES] = 1,
                [LIMIT_THREADS] = 64,
                [LIMIT_DISK] = 64 * MIB,
                [LIMIT_DISK_FILES] = 1000,
                [LIMIT_FILE_SIZE] = 1,
                [LIMIT_OPEN_FILES] = 1,
                [LIMIT_OUTPUT] = 1 * MIB,
                [LIMIT_RESULT] = 64 * KIB,
                [LIMIT_SOURCE] = 1000,
                [LIMIT_TOOL_CALLS] = 100,
                [LIMIT_TOOL_WAIT] = 2 * USEC_PER_SEC,
                [LIMIT_TICKS] = 1000,
        },
};

typedef struct Case {
        const char *name;
        BoxFacts facts;
        AdviceInput rest;
        const char *text; /* NULL is none */
        LimitId id;       /* with 'value': what is different from the limits above */
        uint64_t value;
        bool is_changed;
} Case;

#define WITH(i, v) .id = (i), .value = (v), .is_changed = true

static const Case cases[] = {
        { "nothing", {}, {}, NULL },
        { "wall clock, 79 %", { .wall_usec = 7999999 }, {}, NULL },
        { "wall clock, 80 %",
          { .wall_usec = 8000000 },
          {},
          "wall clock 8.00 s of 10 s (80 %): raise limits.wall_time" },
        { "wall clock, reached",
          { .wall_usec = 10006000 },
          { .reached = LIMIT_BIT(LIMIT_WALL_TIME) },
          "wall clock 10.00 s of 10 s (100 %): raise limits.wall_time" },
        { "CPU time, both kinds together",
          { .cpu_user_usec = 2000000, .cpu_system_usec = 2050000 },
          {},
          "CPU time 4.05 s of 5 s (81 %): raise limits.cpu_time" },
        { "memory, as the interface says",
          { .memory_peak_bytes = 45 * MIB },
          { .output_bytes = 900 * KIB },
          "memory 45 MiB of 50 MiB (90 %), output 900 KiB of 1 MiB (87 %): raise limits.memory, "
          "limits.output" },
        { "figures are cut, not rounded",
          { .memory_peak_bytes = 50 * MIB - 1 },
          {},
          "memory 49.9 MiB of 50 MiB (99 %): raise limits.memory" },
        { "memory that it did not get",
          { .memory_peak_bytes = 5 * MIB },
          { .reached = LIMIT_BIT(LIMIT_MEMORY) },
          "memory limit of 50 MiB reached: raise limits.memory" },
        { "memory, unknown and reached",
          { .oom_kills = 1 },
          { .reached = LIMIT_BIT(LIMIT_MEMORY) },
          "memory limit of 50 MiB reached: raise limits.memory" },
        { "ticks, 79 %", {}, { .ticks = 799 }, NULL },
        { "ticks, 81 %", {}, { .ticks = 810 }, "ticks 810 of 1000 (81 %): raise limits.ticks" },
        { "ticks, used up",
          {},
          { .ticks = 1001, .reached = LIMIT_BIT(LIMIT_TICKS) },
          "ticks 1001 of 1000 (100 %): raise limits.ticks" },
        { "ticks that nobody counts", {}, {}, NULL, WITH(LIMIT_TICKS, 0) },
        { "a job without other tasks", { .pids_peak = 1 }, {}, NULL, WITH(LIMIT_THREADS, 0) },
        { "tasks are unknown", {}, {}, NULL, WITH(LIMIT_THREADS, 0) },
        { "threads beyond the first, 79 %", { .pids_peak = 52 }, {}, NULL },
        { "threads beyond the first, 81 %",
          { .pids_peak = 53 },
          {},
          "threads 52 of 64 (81 %): raise limits.threads" },
        { "processes and threads, below",
          { .pids_peak = 25 },
          {},
          NULL,
          WITH(LIMIT_PROCESSES, 32) },
        { "processes and threads",
          { .pids_peak = 32, .pids_denied = 1 },
          {},
          "processes 32 of 32 (100 %): raise limits.processes",
          WITH(LIMIT_PROCESSES, 32) },
        { "disk", { .disk_bytes = 51 * MIB }, {}, NULL },
        { "disk, near",
          { .disk_bytes = 52 * MIB, .disk_files = 799 },
          {},
          "disk 52 MiB of 64 MiB (81 %): raise limits.disk" },
        { "files",
          { .disk_files = 1000 },
          {},
          "files 1000 of 1000 (100 %): raise limits.disk_files" },
        { "output beyond the limit",
          {},
          { .output_bytes = 3 * MIB, .reached = LIMIT_BIT(LIMIT_OUTPUT) },
          "output 3 MiB of 1 MiB (300 %): raise limits.output" },
        { "output where none is allowed",
          {},
          { .output_bytes = 7 },
          "output 7 bytes of 0 bytes (100 %): raise limits.output",
          WITH(LIMIT_OUTPUT, 0) },
        { "no output where none is allowed", {}, {}, NULL, WITH(LIMIT_OUTPUT, 0) },
        { "result",
          {},
          { .result_bytes = 60 * KIB },
          "result 60 KiB of 64 KiB (93 %): raise limits.result" },
        { "result, too large",
          {},
          { .result_too_large = true },
          "result limit of 64 KiB reached: raise limits.result" },
        { "source",
          {},
          { .source_bytes = 1000 },
          "source 1000 bytes of 1000 bytes (100 %): raise limits.source" },
        { "tool calls",
          {},
          { .tool_calls = 80, .tool_wait_usec = 1599999 },
          "tool calls 80 of 100 (80 %): raise limits.tool_calls" },
        { "tool calls, one too many",
          {},
          { .tool_calls = 100, .reached = LIMIT_BIT(LIMIT_TOOL_CALLS) },
          "tool calls 100 of 100 (100 %): raise limits.tool_calls" },
        { "no tool may be called", {}, {}, NULL, WITH(LIMIT_TOOL_CALLS, 0) },
        { "waiting for tools",
          {},
          { .tool_wait_usec = 1999000 },
          "waiting for tools 1.99 s of 2 s (99 %): raise limits.tool_wait" },
        { "held back a little", { .wall_usec = 1000000, .cpu_throttled_usec = 199999 }, {}, NULL },
        { "held back",
          { .wall_usec = 1000000, .cpu_throttled_usec = 470000 },
          {},
          "held back for 470 ms by the CPU share of 50 %: raise limits.cpu" },
        { "threads that could not start, of unknown number",
          {},
          { .reached = LIMIT_BIT(LIMIT_THREADS) },
          "thread limit of 64 reached: raise limits.threads" },
        { "threads that the cgroup refused, whatever became of it",
          { .pids_peak = 2, .pids_denied = 1 },
          {},
          "thread limit of 64 reached: raise limits.threads" },
        { "open files",
          {},
          { .reached = LIMIT_BIT(LIMIT_OPEN_FILES) },
          "limit on open files of 1 reached: raise limits.open_files" },
};

static void test_cases(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                AdviceInput input = c->rest;
                Limits changed = limits;
                char buf[ADVICE_MAX];
                const char *text;

                if (c->is_changed)
                        changed.value[c->id] = c->value;
                input.facts = &c->facts;
                input.limits = &changed;
                text = advice_write(&input, buf);
                if (!text != !c->text || (text && strcmp(text, c->text) != 0))
                        fail_msg("%s: %s", c->name, text ?: "none");
        }
}

/* Every limit at once, with the largest numbers: nothing is cut off. */
static void test_everything(void **state) {
        const BoxFacts facts = {
                .wall_usec = UINT64_MAX / 100,
                .cpu_user_usec = UINT64_MAX / 200,
                .memory_peak_bytes = UINT64_MAX / 100,
                .disk_bytes = UINT64_MAX / 100,
                .disk_files = UINT64_MAX / 100,
                .pids_peak = UINT64_MAX / 100,
                .cpu_throttled_usec = UINT64_MAX,
        };
        AdviceInput input = {
                .facts = &facts,
                .output_bytes = UINT64_MAX / 100,
                .result_bytes = UINT64_MAX / 100,
                .source_bytes = UINT64_MAX / 100,
                .tool_calls = UINT64_MAX / 100,
                .tool_wait_usec = UINT64_MAX / 100,
        };
        Limits most;
        char buf[ADVICE_MAX];

        for (LimitId id = 0; id < _LIMIT_MAX; id++)
                most.value[id] = limit_infos[id].highest;
        input.limits = &most;
        assert_non_null(advice_write(&input, buf));
        assert_non_null(strstr(buf, ": raise limits.wall_time, "));
        assert_string_equal(buf + strlen(buf) - strlen("limits.tool_wait, limits.cpu"),
                            "limits.tool_wait, limits.cpu");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_everything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

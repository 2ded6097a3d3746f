/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "broker/outcome.h"
#include "plan/plan.h"
#include "proto/syscall-names.h"

#define EXITED(code) ((code) << 8)
#define KILLED(sig) (sig)
#define RAN .has_record = 1

static const Limits limits = {
        .value = {
                [LIMIT_WALL_TIME] = 5 * USEC_PER_SEC,
                [LIMIT_CPU_TIME] = 2 * USEC_PER_SEC,
                [LIMIT_MEMORY] = 50 * MIB,
                [LIMIT_PROCESSES] = 32,
                [LIMIT_THREADS] = 16,
                [LIMIT_OUTPUT] = 1 * MIB,
                [LIMIT_OPEN_FILES] = 256,
                [LIMIT_DISK] = 64 * MIB,
                [LIMIT_DISK_FILES] = 4096,
                [LIMIT_TICKS] = 1000,
        },
};

typedef struct Case {
        const char *name;
        BoxFacts facts;
        bool output_exceeded, output_incomplete, is_interrupted;
        uint64_t output_bytes;
        const char *exception; /* type, NULL is none */
        const char *exception_message;
        bool is_memory_error;
        bool is_examined; /* no RUNNING came */
        bool ticks_exceeded;
        const RunnerFinding *findings;
        Outcome outcome;
        int exit_code, signal;
        const char *message; /* exact, "" is none; NULL is whatever */
} Case;

static const RunnerFinding refused[2] = {
        { .rule = "unused", .message = "a remark", .severity = FINDING_WARNING, .line = 1 },
        { .rule = "builtin-denied",
          .message = "eval is denied",
          .severity = FINDING_REFUSE,
          .line = 3 },
};
static const RunnerFinding remarked[2] = {
        { .rule = "unused", .message = "a remark", .severity = FINDING_WARNING },
        { .rule = "unused", .message = "a remark", .severity = FINDING_NOTE },
};
static const RunnerFinding without_line[2] = {
        { .rule = "syntax", .message = "too long", .severity = FINDING_REFUSE },
        { .rule = "syntax", .message = "too long", .severity = FINDING_REFUSE },
};

/* One row per line of the table in the man page, then the ones about precedence. */
static const Case cases[] = {
        { "success", { RAN }, .outcome = OUTCOME_SUCCESS, .message = "" },
        { "exception",
          { RAN, .job_status = EXITED(1) },
          .exception = "ValueError",
          .exception_message = "no",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message = "uncaught exception: ValueError: no" },
        { "exception without a message",
          { RAN, .job_status = EXITED(1) },
          .exception = "KeyboardInterrupt",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message = "uncaught exception: KeyboardInterrupt" },
        { "interrupted",
          { RAN, .job_status = EXITED(1) },
          .exception = "KeyboardInterrupt",
          .is_interrupted = true,
          .outcome = OUTCOME_CANCELLED,
          .exit_code = 1,
          .message = "cancelled while it ran" },
        { "interrupted, and ended well",
          { RAN },
          .is_interrupted = true,
          .outcome = OUTCOME_CANCELLED,
          .message = "cancelled while it ran" },
        { "interrupted, and out of CPU time",
          { RAN, .cpu_user_usec = 2010000 },
          .is_interrupted = true,
          .outcome = OUTCOME_CPU_TIME_LIMIT },
        { "exit code",
          { RAN, .job_status = EXITED(3) },
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = 3,
          .message = "exited with code 3" },
        { "signal",
          { RAN, .job_status = KILLED(SIGSEGV) | 0x80 },
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGSEGV,
          .message = "ended by signal 11, SIGSEGV" },
        { "abort",
          { RAN, .job_status = KILLED(SIGABRT) },
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGABRT,
          .message = "ended by signal 6, SIGABRT" },
        { "its own SIGKILL",
          { RAN, .job_status = KILLED(SIGKILL), .cpu_user_usec = 1000 },
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGKILL,
          .message = "ended by signal 9, SIGKILL" },
        { "foreign ABI",
          { RAN, .job_status = KILLED(SIGSYS) },
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGSYS,
          .message = "ended by signal 31, SIGSYS: a system call of a foreign ABI" },
        { "wall clock",
          { .end_reason = END_WALL_TIME, .wall_usec = 5010000 },
          .outcome = OUTCOME_WALL_TIME_LIMIT,
          .exit_code = -1,
          .message = "wall clock limit of 5 s reached after 5.01 s, raise limits.wall_time" },
        { "CPU time by the builder",
          { .end_reason = END_CPU_TIME, .cpu_user_usec = 1990000, .cpu_system_usec = 30000 },
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .exit_code = -1,
          .message = "CPU time limit of 2 s reached after 2.02 s, raise limits.cpu_time" },
        { "CPU time by SIGXCPU",
          { RAN, .job_status = KILLED(SIGXCPU), .cpu_user_usec = 2000000 },
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .exit_code = -1,
          .signal = SIGXCPU },
        { "CPU time by SIGXCPU, some ticks early",
          { RAN, .job_status = KILLED(SIGXCPU), .cpu_user_usec = 1960000 },
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .exit_code = -1,
          .signal = SIGXCPU },
        { "its own SIGXCPU",
          { RAN, .job_status = KILLED(SIGXCPU), .cpu_user_usec = 1900000 },
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGXCPU,
          .message = "ended by signal 24, SIGXCPU" },
        { "CPU time that no rlimit noticed",
          { RAN, .cpu_user_usec = 1500000, .cpu_system_usec = 500000 },
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .message = "CPU time limit of 2 s reached after 2.00 s, raise limits.cpu_time" },
        { "it beats the job's own word",
          { RAN, .job_status = EXITED(1), .cpu_user_usec = 2000000 },
          .exception = "MemoryError",
          .is_memory_error = true,
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .exit_code = 1 },
        { "nearly all of it, and it ended by itself",
          { RAN, .cpu_user_usec = 1999999 },
          .outcome = OUTCOME_SUCCESS,
          .message = "" },
        { "CPU time by the hard rlimit",
          { RAN, .job_status = KILLED(SIGKILL), .cpu_user_usec = 2100000 },
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .exit_code = -1,
          .signal = SIGKILL },
        { "cgroup out of memory",
          { .oom_kills = 2, .memory_peak_bytes = 50 * MIB, .init_status = KILLED(SIGKILL) },
          .outcome = OUTCOME_MEMORY_LIMIT,
          .exit_code = -1,
          .message = "memory limit of 50 MiB reached (peak 50.0 MiB), raise limits.memory" },
        { "MemoryError",
          { RAN, .job_status = EXITED(1) },
          .exception = "MemoryError",
          .is_memory_error = true,
          .outcome = OUTCOME_MEMORY_LIMIT,
          .exit_code = 1,
          .message = "memory limit of 50 MiB reached, raise limits.memory" },
        { "output",
          { .end_reason = END_OUTPUT },
          .output_exceeded = true,
          .outcome = OUTCOME_OUTPUT_LIMIT,
          .exit_code = -1,
          .message = "output limit of 1 MiB reached, raise limits.output" },
        { "output, counted",
          { .end_reason = END_OUTPUT },
          .output_exceeded = true,
          .output_bytes = 1234567,
          .outcome = OUTCOME_OUTPUT_LIMIT,
          .exit_code = -1,
          .message = "output limit of 1 MiB reached (1234567 bytes written), raise limits.output" },
        { "no request",
          { RAN, .job_status = 125 << 8 },
          .is_examined = true,
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the program did not reach its sandbox" },
        { "the same code, of the program",
          { RAN, .job_status = 125 << 8 },
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = 125,
          .message = "exited with code 125" },
        { "output, of which some could not be read",
          { RAN },
          .output_incomplete = true,
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "some of the output was lost: it could not be read or kept" },
        { "output, and it ended before the kill",
          { RAN },
          .output_exceeded = true,
          .outcome = OUTCOME_OUTPUT_LIMIT,
          .exit_code = -1 },
        { "cancel",
          { .end_reason = END_CANCEL },
          .outcome = OUTCOME_CANCELLED,
          .exit_code = -1,
          .message = "cancelled while it ran" },
        { "shutdown",
          { .end_reason = END_SHUTDOWN },
          .outcome = OUTCOME_CANCELLED,
          .exit_code = -1,
          .message = "cancelled: the daemon stops" },
        { "no timer",
          { .end_reason = END_UNTIMED },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "ended by the daemon: it could not keep the limits of time" },
        { "a failed step",
          { .setup_error = EPERM, .setup_op = OP_MOUNT_PROC, .setup_step = 17 },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: step 17 mount-proc: EPERM" },
        { "no namespaces",
          { .setup_error = EPERM, .setup_op = OP_NAMESPACES },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: this machine gives no namespaces (EPERM); "
                     "`pysbctl doctor` says what it lacks" },
        { "too many processes for a moment",
          { .setup_error = EAGAIN, .setup_op = OP_NAMESPACES },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: step 0 namespaces: EAGAIN" },
        { "no Landlock, where there is nothing else",
          { .setup_error = EOPNOTSUPP, .setup_op = OP_LANDLOCK, .setup_step = 9 },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: the engine \"process\" needs a kernel with "
                     "Landlock, from Linux 6.2 on" },
        { "an op from nowhere",
          { .setup_error = EPERM, .setup_op = 4711 },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: step 0 ?: EPERM" },
        { "no interpreter",
          { .setup_error = ECHILD, .setup_op = _OP_MAX, .setup_step = UINT32_MAX },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: the interpreter of the profile did not start "
                     "(ECHILD)" },
        { "a step of the builder",
          { .setup_error = ENOENT, .setup_op = OP_CGROUP, .setup_step = UINT32_MAX },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: cgroup: ENOENT" },
        { "no step of the plan",
          { .setup_error = ENOMEM, .setup_op = _OP_MAX, .setup_step = UINT32_MAX },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox could not be made: ENOMEM" },
        { "init died",
          { .init_status = KILLED(SIGSEGV) },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1,
          .message = "the sandbox ended without a report (status 0xb)" },

        /* Precedence: facts, timers, then the job's own word. */
        { "a failed step beats everything",
          { RAN, .setup_error = ENOMEM, .oom_kills = 1, .end_reason = END_WALL_TIME },
          .outcome = OUTCOME_INTERNAL_ERROR,
          .exit_code = -1 },
        { "memory beats the timers",
          { .oom_kills = 1, .end_reason = END_WALL_TIME },
          .outcome = OUTCOME_MEMORY_LIMIT,
          .exit_code = -1 },
        { "a timer beats the status",
          { RAN, .end_reason = END_WALL_TIME, .job_status = EXITED(0) },
          .outcome = OUTCOME_WALL_TIME_LIMIT,
          .exit_code = -1 },
        { "the first limit counts",
          { RAN, .end_reason = END_WALL_TIME },
          .output_exceeded = true,
          .outcome = OUTCOME_WALL_TIME_LIMIT,
          .exit_code = -1 },
        { "a forged frame does not hide a signal",
          { RAN, .job_status = KILLED(SIGABRT) },
          .exception = "ValueError",
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGABRT },
        { "nor the exit code",
          { RAN, .job_status = EXITED(7) },
          .exception = "ValueError",
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = 7 },
        { "nor a success",
          { RAN },
          .exception = "ValueError",
          .outcome = OUTCOME_SUCCESS,
          .message = "" },
        { "no frame makes a success",
          { RAN, .job_status = EXITED(1) },
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = 1 },

        /* An exception that is about a limit says so. */
        { "fork",
          { RAN, .job_status = EXITED(1) },
          .exception = "BlockingIOError",
          .exception_message = "[Errno 11] Resource temporarily unavailable",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message = "process limit of 32 reached, raise limits.processes: BlockingIOError: [Errno "
                     "11] Resource temporarily unavailable" },
        { "an error that the program made, though a fork failed before",
          { RAN, .job_status = EXITED(1), .pids_denied = 1 },
          .exception = "OSError",
          .exception_message = "no",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message = "uncaught exception: OSError: no" },
        { "open files",
          { RAN, .job_status = EXITED(1) },
          .exception = "OSError",
          .exception_message = "[Errno 24] Too many open files: '/app/x'",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message = "limit on open files of 256 reached, raise limits.open_files: OSError: [Errno "
                     "24] Too many open files: '/app/x'" },
        { "a full disk",
          { RAN, .job_status = EXITED(1) },
          .exception = "OSError",
          .exception_message = "[Errno 28] No space left on device",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message =
                  "disk limit of 64 MiB or limit on files and directories of 4096 reached, raise limits.disk or limits.disk_files: OSError: [Errno 28] No space left on device" },
        { "an exception of the same class that is about nothing of ours",
          { RAN, .job_status = EXITED(1) },
          .exception = "BlockingIOError",
          .exception_message = "zzz",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message = "uncaught exception: BlockingIOError: zzz" },
        { "thread",
          { RAN, .job_status = EXITED(1) },
          .exception = "RuntimeError",
          .exception_message = "can't start new thread",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1,
          .message =
                  "process limit of 32 reached, raise limits.processes: RuntimeError: can't start "
                  "new thread" },

        /* The analysis: its word counts until RUNNING, and never against the kernel's. */
        { "rejected",
          { RAN, .job_status = EXITED(RUNNER_EXIT_REJECTED) },
          .is_examined = true,
          .findings = refused,
          .outcome = OUTCOME_REJECTED,
          .exit_code = RUNNER_EXIT_REJECTED,
          .message = "line 3: eval is denied" },
        { "rejected for no line in particular",
          { RAN, .job_status = EXITED(RUNNER_EXIT_REJECTED) },
          .is_examined = true,
          .findings = without_line,
          .outcome = OUTCOME_REJECTED,
          .exit_code = RUNNER_EXIT_REJECTED,
          .message = "too long" },
        { "the program's own exit code",
          { RAN, .job_status = EXITED(RUNNER_EXIT_REJECTED) },
          .findings = refused,
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = RUNNER_EXIT_REJECTED,
          .message = "exited with code 126" },
        { "remarks refuse nothing",
          { RAN, .job_status = EXITED(RUNNER_EXIT_REJECTED) },
          .is_examined = true,
          .findings = remarked,
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = RUNNER_EXIT_REJECTED },
        { "another exit code",
          { RAN, .job_status = EXITED(3) },
          .is_examined = true,
          .findings = refused,
          .outcome = OUTCOME_EXIT_NONZERO,
          .exit_code = 3 },
        { "the parser ate the memory",
          { .oom_kills = 1 },
          .is_examined = true,
          .outcome = OUTCOME_MEMORY_LIMIT,
          .exit_code = -1,
          .message = "memory limit of 50 MiB reached, raise limits.memory; the source was still "
                     "being examined" },
        { "the parser ate the time",
          { .end_reason = END_WALL_TIME },
          .is_examined = true,
          .findings = refused,
          .outcome = OUTCOME_WALL_TIME_LIMIT,
          .exit_code = -1,
          .message =
                  "wall clock limit of 5 s reached, raise limits.wall_time; the source was still "
                  "being examined" },
        { "cancelled while it was examined",
          { .end_reason = END_CANCEL },
          .is_examined = true,
          .outcome = OUTCOME_CANCELLED,
          .exit_code = -1,
          .message = "cancelled while it ran" },

        { "ticks",
          { RAN, .job_status = EXITED(1) },
          .exception = "_sandbox.TickLimit",
          .ticks_exceeded = true,
          .outcome = OUTCOME_TICK_LIMIT,
          .exit_code = 1,
          .message = "tick limit of 1000 reached, raise limits.ticks" },
        { "the exception is caught",
          { RAN, .job_status = EXITED(0) },
          .ticks_exceeded = true,
          .outcome = OUTCOME_TICK_LIMIT },
        { "an exception of that name",
          { RAN, .job_status = EXITED(1) },
          .exception = "_sandbox.TickLimit",
          .outcome = OUTCOME_EXCEPTION,
          .exit_code = 1 },
        { "the word of the kernel comes before that of the job",
          { RAN, .oom_kills = 1 },
          .ticks_exceeded = true,
          .outcome = OUTCOME_MEMORY_LIMIT,
          .exit_code = -1 },
        { "and so does a deadline",
          { .end_reason = END_WALL_TIME },
          .ticks_exceeded = true,
          .outcome = OUTCOME_WALL_TIME_LIMIT,
          .exit_code = -1 },
        { "and a signal",
          { RAN, .job_status = KILLED(SIGSEGV) },
          .ticks_exceeded = true,
          .outcome = OUTCOME_SIGNALED,
          .exit_code = -1,
          .signal = SIGSEGV },
        { "and CPU time",
          { RAN, .job_status = EXITED(1), .cpu_user_usec = 3 * USEC_PER_SEC },
          .ticks_exceeded = true,
          .outcome = OUTCOME_CPU_TIME_LIMIT,
          .exit_code = 1 },
};

static void test_table(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                RunnerException e = { .is_memory_error = c->is_memory_error };
                const RunnerSaid said = {
                        .exception = c->exception ? &e : NULL,
                        .is_running = !c->is_examined,
                        .has_ticks = c->ticks_exceeded,
                        .ticks_exceeded = c->ticks_exceeded,
                        .findings = (RunnerFinding *) c->findings,
                        .n_findings = c->findings ? 2 : 0,
                };
                const OutcomeInput in = {
                        .facts = &c->facts,
                        .limits = &limits,
                        .output_exceeded = c->output_exceeded,
                        .output_incomplete = c->output_incomplete,
                        .is_interrupted = c->is_interrupted,
                        .output_bytes = c->output_bytes,
                        .said = &said,
                        .analysis = c->is_examined ? ANALYSIS_STRICT : ANALYSIS_OFF,
                };
                Verdict v;

                (void) snprintf(e.type, sizeof(e.type), "%s", c->exception ?: "");
                (void) snprintf(e.message, sizeof(e.message), "%s", c->exception_message ?: "");
                outcome_decide(&in, &v);
                if (v.outcome != c->outcome || v.exit_code != c->exit_code ||
                    v.signal != c->signal || (c->message && strcmp(v.message, c->message) != 0))
                        fail_msg("%s: %s, exit code %d, signal %d, \"%s\"", c->name,
                                 outcome_names[v.outcome], v.exit_code, v.signal, v.message);
        }
}

/* A job that was not told to count has nothing to say about it. */
static void test_uncounted_ticks(void **state) {
        const BoxFacts facts = { RAN };
        const RunnerSaid said = { .is_running = true, .has_ticks = true, .ticks_exceeded = true };
        const Limits uncounted = { .value = { [LIMIT_MEMORY] = 50 * MIB, [LIMIT_CPU_TIME] = 1 } };
        Verdict v;

        outcome_decide(&(OutcomeInput){ .facts = &facts, .limits = &uncounted, .said = &said }, &v);
        assert_int_equal(v.outcome, OUTCOME_SUCCESS);
}

/* A profile that cannot fork at all answers EPERM; the message still names the limit. */
static void test_denied_fork(void **state) {
        BoxFacts facts = {
                .has_record = 1,
                .job_status = EXITED(1),
                .n_denied = 1,
                .denied = { { .number = (uint32_t) syscall_number("clone"), .count = 1 } },
        };
        RunnerException e = { .type = "PermissionError",
                              .message = "[Errno 1] Operation not permitted" };
        const RunnerSaid said = { .exception = &e, .is_running = true };
        const OutcomeInput in = { .facts = &facts, .limits = &limits, .said = &said };
        Verdict v;

        outcome_decide(&in, &v);
        assert_int_equal(v.outcome, OUTCOME_EXCEPTION);
        assert_non_null(strstr(v.message, "limits.processes"));
        facts.denied[0].number = (uint32_t) syscall_number("ptrace");
        outcome_decide(&in, &v);
        assert_null(strstr(v.message, "limits.processes"));
        /* More entries than there are: a count of the builder is not trusted blindly either. */
        facts.n_denied = UINT32_MAX;
        outcome_decide(&in, &v);
}

/* A long message of the job is cut between two characters. */
static void test_long_message(void **state) {
        BoxFacts facts = { .has_record = 1, .job_status = EXITED(1) };
        RunnerException e = { .type = "E" };
        const RunnerSaid said = { .exception = &e, .is_running = true };
        const OutcomeInput in = { .facts = &facts, .limits = &limits, .said = &said };
        Verdict v;

        for (size_t pad = 0; pad < 4; pad++) {
                memset(e.message, 'a', pad);
                for (size_t i = pad; i + 4 < sizeof(e.message) - 1; i += 3)
                        memcpy(e.message + i, "\xe2\x82\xac", 4);
                outcome_decide(&in, &v);
                assert_true(utf8_is_valid(v.message, strlen(v.message)));
        }
}

static void test_without_box(void **state) {
        Verdict v;

        outcome_without_box(OUTCOME_EXPIRED, "too late", &v);
        assert_int_equal(v.outcome, OUTCOME_EXPIRED);
        assert_int_equal(v.exit_code, -1);
        assert_int_equal(v.signal, 0);
        assert_string_equal(v.message, "too late");
}

/* A program that cannot fork has a limit for its threads alone. */
static void test_thread_limit(void **state) {
        const BoxFacts facts = { RAN, .job_status = EXITED(1) };
        RunnerException e = { .type = "RuntimeError", .message = "can't start new thread" };
        const RunnerSaid said = { .exception = &e, .is_running = true };
        Limits one = limits;
        const OutcomeInput in = { .facts = &facts, .limits = &one, .said = &said };
        Verdict v;

        one.value[LIMIT_PROCESSES] = 1;
        outcome_decide(&in, &v);
        assert_int_equal(v.outcome, OUTCOME_EXCEPTION);
        assert_string_equal(v.message, "thread limit of 16 reached, raise limits.threads: "
                                       "RuntimeError: can't start new thread");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),       cmocka_unit_test(test_thread_limit),
                cmocka_unit_test(test_denied_fork), cmocka_unit_test(test_long_message),
                cmocka_unit_test(test_without_box), cmocka_unit_test(test_uncounted_ticks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "plan/plan.h"
#include "profile/limits.h"
#include "proto/syscall-names.h"

/* The kernel's timer of RLIMIT_CPU and its accounting may differ by some ticks. */
#define CPU_TICKS_USEC (50 * USEC_PER_MSEC)

const char *outcome_signal_name(int signal, char *buf, size_t size) {
        const char *abbreviation = sigabbrev_np(signal);

        if (abbreviation)
                (void) snprintf(buf, size, "SIG%s", abbreviation);
        else
                (void) snprintf(buf, size, "signal %d", signal);
        return buf;
}

/* Sets the message; text of the job in it may have been cut inside a character. */
static void _printf_(2, 3) verdict_say(Verdict *v, const char *format, ...) {
        size_t size;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(v->message, sizeof(v->message), format, ap);
        va_end(ap);
        size = strlen(v->message);
        v->message[size - utf8_incomplete_tail(v->message, size)] = '\0';
}

/* "wall clock limit of 5 s reached after 5.01 s, raise limits.wall_time" */
static void
verdict_limit(Verdict *v, Outcome outcome, LimitId id, const Limits *limits, const char *figure) {
        char limit[64];

        v->outcome = outcome;
        v->reached = LIMIT_BIT(id);
        verdict_say(v, "%s of %s reached%s, raise limits.%s", limit_infos[id].label,
                    limit_format(id, limits->value[id], limit, sizeof(limit)), figure,
                    limit_infos[id].key);
}

/* " after 5.01 s": limits are whole figures, measurements are not, and a number in microseconds
 * reads badly. */
static const char *figure_time(uint64_t usec, char *buf, size_t size) {
        if (usec == 0)
                return "";
        (void) snprintf(buf, size, " after %" PRIu64 ".%02" PRIu64 " s", usec / USEC_PER_SEC,
                        usec % USEC_PER_SEC / 10000);
        return buf;
}

static const char *figure_memory(uint64_t bytes, char *buf, size_t size) {
        if (bytes == 0)
                return "";
        (void) snprintf(buf, size, " (peak %" PRIu64 ".%" PRIu64 " MiB)", bytes / MIB,
                        bytes % MIB * 10 / MIB);
        return buf;
}

static void verdict_memory(Verdict *v, const OutcomeInput *in) {
        char figure[64];

        verdict_limit(v, OUTCOME_MEMORY_LIMIT, LIMIT_MEMORY, in->limits,
                      figure_memory(in->facts->memory_peak_bytes, figure, sizeof(figure)));
}

static const char *figure_output(uint64_t bytes, char *buf, size_t size) {
        if (bytes == 0)
                return "";
        (void) snprintf(buf, size, " (%" PRIu64 " bytes written)", bytes);
        return buf;
}

static uint64_t facts_cpu_usec(const BoxFacts *f) {
        return f->cpu_user_usec + f->cpu_system_usec;
}

/* Whether the limit was used up, or all but a tolerance of it. */
static bool cpu_is_used_up(const OutcomeInput *in, uint64_t tolerance_usec) {
        uint64_t limit_usec = in->limits->value[LIMIT_CPU_TIME];

        return facts_cpu_usec(in->facts) + MIN(tolerance_usec, limit_usec / 4) >= limit_usec;
}

static void verdict_cpu(Verdict *v, const OutcomeInput *in) {
        char figure[64];

        verdict_limit(v, OUTCOME_CPU_TIME_LIMIT, LIMIT_CPU_TIME, in->limits,
                      figure_time(facts_cpu_usec(in->facts), figure, sizeof(figure)));
}

/* What a machine without namespaces says: none may be made, none by this user, or the kernel has none. What passes,
 * such as too little memory, is not among it. */
static bool is_no_namespaces(int error) {
        return error == EPERM || error == EACCES || error == ENOSPC || error == EUSERS ||
               error == EINVAL || error == ENOSYS;
}

static void verdict_setup(Verdict *v, const BoxFacts *f) {
        const char *name = strerrorname_np(f->setup_error);
        bool has_step = f->setup_step != UINT32_MAX;

        if (!name)
                name = "unknown error";
        v->outcome = OUTCOME_INTERNAL_ERROR;
        if (has_step && f->setup_op == OP_NAMESPACES && is_no_namespaces(f->setup_error))
                verdict_say(v,
                            "the sandbox could not be made: this machine gives no namespaces (%s); "
                            "`pysbctl doctor` says what it lacks",
                            name);
        else if (has_step && f->setup_op == OP_LANDLOCK && f->setup_error == EOPNOTSUPP)
                verdict_say(v,
                            "the sandbox could not be made: the engine \"process\" needs a kernel "
                            "with Landlock, from Linux 6.2 on");
        else if (has_step)
                verdict_say(v, "the sandbox could not be made: step %u %s: %s", f->setup_step,
                            f->setup_op < _OP_MAX ? plan_op_to_string((PlanOp) f->setup_op) : "?",
                            name);
        else if (f->setup_op < _OP_MAX)
                verdict_say(v, "the sandbox could not be made: %s: %s",
                            plan_op_to_string((PlanOp) f->setup_op), name);
        else if (f->setup_error == ECHILD) /* of the template: see the builder */
                verdict_say(v,
                            "the sandbox could not be made: the interpreter of the profile did not "
                            "start (%s)",
                            name);
        else
                verdict_say(v, "the sandbox could not be made: %s", name);
}

/* Whether the daemon ended the box, and then why. */
static bool verdict_end_reason(Verdict *v, const OutcomeInput *in) {
        uint32_t reason = in->facts->end_reason;
        char figure[64];

        if (reason == END_BY_ITSELF && in->output_exceeded)
                reason = END_OUTPUT; /* it was gone before the kill arrived */
        if (reason == END_BY_ITSELF && in->tool_calls_exceeded)
                reason = END_TOOL_CALLS;
        switch (reason) {
        case END_WALL_TIME:
                verdict_limit(v, OUTCOME_WALL_TIME_LIMIT, LIMIT_WALL_TIME, in->limits,
                              figure_time(in->facts->wall_usec, figure, sizeof(figure)));
                return true;
        case END_CPU_TIME:
                verdict_cpu(v, in);
                return true;
        case END_OUTPUT:
                verdict_limit(v, OUTCOME_OUTPUT_LIMIT, LIMIT_OUTPUT, in->limits,
                              figure_output(in->output_bytes, figure, sizeof(figure)));
                return true;
        case END_TOOL_CALLS:
                verdict_limit(v, OUTCOME_TOOL_CALL_LIMIT, LIMIT_TOOL_CALLS, in->limits, "");
                return true;
        case END_CANCEL:
                outcome_without_box(OUTCOME_CANCELLED, "cancelled while it ran", v);
                return true;
        case END_SHUTDOWN:
                outcome_without_box(OUTCOME_CANCELLED, "cancelled: the daemon stops", v);
                return true;
        case END_UNTIMED:
                outcome_without_box(OUTCOME_INTERNAL_ERROR,
                                    "ended by the daemon: it could not keep the limits of time", v);
                return true;
        default:
                return false;
        }
}

static void verdict_signal(Verdict *v, const OutcomeInput *in, int sig) {
        char name[32];

        v->signal = sig;
        /* RLIMIT_CPU is the limit where there is no cgroup: SIGXCPU, then SIGKILL. A program may send
         * itself either of them. */
        if ((sig == SIGXCPU || sig == SIGKILL) && cpu_is_used_up(in, CPU_TICKS_USEC)) {
                verdict_cpu(v, in);
                return;
        }
        v->outcome = OUTCOME_SIGNALED;
        verdict_say(v, "ended by signal %d, %s%s", sig,
                    outcome_signal_name(sig, name, sizeof(name)),
                    sig == SIGSYS ? ": a system call of a foreign ABI" : "");
}

static bool facts_fork_was_denied(const BoxFacts *f) {
        for (uint32_t i = 0; i < MIN(f->n_denied, (uint32_t) DENIED_CALLS_MAX); i++) {
                const char *name = syscall_name(f->denied[i].number);

                if (name && (strcmp(name, "clone") == 0 || strcmp(name, "fork") == 0 ||
                             strcmp(name, "vfork") == 0))
                        return true;
        }
        return false;
}

/* What CPython says when a call failed for a limit, and which one that is. Only a hint: a program can
 * say the same for itself, and then it misleads nobody but its own client. */
typedef struct ExceptionLimit {
        const char *type, *message; /* the beginning of it */
        LimitId limit, other;       /* other: the same, if there is only one */
        bool errno_is_eagain;
} ExceptionLimit;

static const ExceptionLimit exception_limits[] = {
        { "BlockingIOError", "[Errno 11] Resource temporarily unavailable", LIMIT_PROCESSES,
          LIMIT_PROCESSES, .errno_is_eagain = true },
        { "PermissionError", "[Errno 1] Operation not permitted", LIMIT_PROCESSES,
          LIMIT_PROCESSES },
        { "RuntimeError", "can't start new thread", LIMIT_THREADS, LIMIT_THREADS },
        { "OSError", "[Errno 24] Too many open files", LIMIT_OPEN_FILES, LIMIT_OPEN_FILES },
        { "OSError", "[Errno 27] File too large", LIMIT_FILE_SIZE, LIMIT_FILE_SIZE },
        { "OSError", "[Errno 28] No space left on device", LIMIT_DISK, LIMIT_DISK_FILES },
};

static const ExceptionLimit *exception_find_limit(const OutcomeInput *in,
                                                  const RunnerException *e) {
        static const ExceptionLimit tasks = { .limit = LIMIT_PROCESSES, .other = LIMIT_PROCESSES };
        bool can_fork = in->limits->value[LIMIT_PROCESSES] > 1;

        FOREACH_ARRAY(l, exception_limits, ELEMENTSOF(exception_limits)) {
                if (strcmp(e->type, l->type) != 0 ||
                    strncmp(e->message, l->message, strlen(l->message)) != 0)
                        continue;
                if (l->limit == LIMIT_THREADS && can_fork)
                        return &tasks; /* one number then */
                /* EAGAIN has many reasons, EPERM even more: only a program that can fork runs into
                 * the first, and only one that tried and cannot into the second. */
                if (l->limit == LIMIT_PROCESSES &&
                    !(l->errno_is_eagain ? can_fork : facts_fork_was_denied(in->facts)))
                        return NULL;
                return l;
        }
        return NULL;
}

/* A full file system: what has taken the larger share of its limit is what was full. */
static LimitId facts_full(const BoxFacts *f, const Limits *limits) {
        double bytes = (double) f->disk_bytes / (double) limits->value[LIMIT_DISK];
        double files = (double) f->disk_files / (double) limits->value[LIMIT_DISK_FILES];

        return bytes >= files ? LIMIT_DISK : LIMIT_DISK_FILES;
}

static void verdict_exception(Verdict *v, const OutcomeInput *in, const RunnerException *e) {
        const ExceptionLimit *l;
        char value[32], other[32];

        if (e->is_memory_error) {
                verdict_memory(v, in);
                return;
        }
        v->outcome = OUTCOME_EXCEPTION;
        l = exception_find_limit(in, e);
        if (!l) {
                verdict_say(v, "uncaught exception: %s%s%.200s", e->type, e->message[0] ? ": " : "",
                            e->message);
                return;
        }
        (void) limit_format(l->limit, in->limits->value[l->limit], value, sizeof(value));
        (void) limit_format(l->other, in->limits->value[l->other], other, sizeof(other));
        v->reached = LIMIT_BIT(l->limit == l->other ? l->limit : facts_full(in->facts, in->limits));
        if (l->limit == l->other)
                verdict_say(v, "%s of %s reached, raise limits.%s: %s: %.200s",
                            limit_infos[l->limit].label, value, limit_infos[l->limit].key, e->type,
                            e->message);
        else
                verdict_say(
                        v, "%s of %s or %s of %s reached, raise limits.%s or limits.%s: %s: %.200s",
                        limit_infos[l->limit].label, value, limit_infos[l->other].label, other,
                        limit_infos[l->limit].key, limit_infos[l->other].key, e->type, e->message);
}

/* What is read by a model that corrects its program: an import that is refused before the program runs
 * says the same as one that fails in it. */
static void verdict_rejected(Verdict *v, const RunnerFinding *finding) {
        bool is_import = strncmp(finding->rule, "import-not-", strlen("import-not-")) == 0;
        const char *type = is_import ? "ModuleNotFoundError: " : "";
        const char *path = finding->path, *colon = path[0] != '\0' ? ": " : "";

        v->outcome = OUTCOME_REJECTED;
        if (finding->line > 0)
                verdict_say(v, "%s%sline %u: %s%s", path, colon, finding->line, type,
                            finding->message);
        else
                verdict_say(v, "%s%s%s%s", path, colon, type, finding->message);
}

/* Whoever has caught the exception has used up his ticks even so. */
static bool ticks_are_used_up(const OutcomeInput *in) {
        return in->limits->value[LIMIT_TICKS] > 0 && in->said->ticks_exceeded;
}

static void verdict_exit(Verdict *v, const OutcomeInput *in, int code) {
        v->exit_code = code;
        if (ticks_are_used_up(in)) {
                verdict_limit(v, OUTCOME_TICK_LIMIT, LIMIT_TICKS, in->limits, "");
                return;
        }
        /* The runner exits with 1 after the frame; any other code means that the job wrote the
         * frame or left on its own, and then only the code counts. */
        if (code == 1 && in->said->exception) {
                verdict_exception(v, in, in->said->exception);
                return;
        }
        /* Before RUNNING no byte of the program's own could run, and after it no finding is taken. */
        if (code == RUNNER_EXIT_REJECTED && !in->said->is_running && said_refusal(in->said)) {
                verdict_rejected(v, said_refusal(in->said));
                return;
        }
        if (code == RUNNER_EXIT_NO_REQUEST && !in->said->is_running) {
                v->exit_code = -1;
                verdict_say(v, "the program did not reach its sandbox");
                return;
        }
        if (code == 0) {
                v->outcome = OUTCOME_SUCCESS;
                return;
        }
        v->outcome = OUTCOME_EXIT_NONZERO;
        verdict_say(v, "exited with code %d", code);
}

/* It was asked to stop and did, whatever it made of that: the status stays, the outcome is one. */
static void verdict_cancelled(Verdict *v) {
        v->outcome = OUTCOME_CANCELLED;
        v->reached = 0;
        verdict_say(v, "cancelled while it ran");
}

/* The program ended by itself. More CPU time than it had is the limit even so: RLIMIT_CPU counts
 * whole seconds, and each process for itself. */
static void verdict_status(Verdict *v, const OutcomeInput *in) {
        int status = in->facts->job_status;

        if (WIFSIGNALED(status))
                verdict_signal(v, in, WTERMSIG(status));
        else if (WIFEXITED(status))
                verdict_exit(v, in, WEXITSTATUS(status));
        else
                verdict_say(v, "the job ended with the unknown status 0x%x", (unsigned) status);
        if (cpu_is_used_up(in, 0))
                verdict_cpu(v, in);
        else if (in->is_interrupted)
                verdict_cancelled(v);
}

static bool outcome_is_limit(Outcome outcome) {
        return outcome == OUTCOME_WALL_TIME_LIMIT || outcome == OUTCOME_CPU_TIME_LIMIT ||
               outcome == OUTCOME_MEMORY_LIMIT;
}

/* A limit that the analysis ran into is the same limit, but the program is not to blame. */
static void verdict_say_when(Verdict *v, const OutcomeInput *in) {
        size_t size = strlen(v->message);

        if (in->analysis != ANALYSIS_OFF && !in->said->is_running && outcome_is_limit(v->outcome))
                (void) snprintf(v->message + size, sizeof(v->message) - size,
                                "; the source was still being examined");
}

/* Whether it is what a program sees of a denied call: EPERM, which CPython says as PermissionError, and of a thread
 * in words of its own. */
static bool exception_is_denial(const RunnerException *e) {
        return strstr(e->message, "Operation not permitted") ||
               strcmp(e->message, "can't start new thread") == 0;
}

/* For whoever wonders why something did not work. Returns buf, or NULL. */
static const char *
denied_text(const Verdict *v, const OutcomeInput *in, char buf[DENIED_TEXT_MAX]) {
        if (!in->profile)
                return NULL;
        if (v->outcome == OUTCOME_REJECTED)
                return denied_describe_imports(in->said, in->profile, buf);
        if (v->outcome == OUTCOME_EXCEPTION && in->said->exception &&
            exception_is_denial(in->said->exception))
                return denied_describe_calls(in->facts, in->profile, DENIED_ALL, buf);
        if (v->outcome == OUTCOME_SUCCESS || v->outcome == OUTCOME_EXIT_NONZERO)
                return denied_describe_calls(in->facts, in->profile, DENIED_WANTED, buf);
        return NULL;
}

static void verdict_say_denied(Verdict *v, const OutcomeInput *in) {
        char buf[DENIED_TEXT_MAX], said[VERDICT_MESSAGE_MAX];
        const char *text = denied_text(v, in, buf);

        if (!text)
                return;
        memcpy(said, v->message, sizeof(said));
        verdict_say(v, "%s%s%s", said, *said ? "; " : "", text);
}

void outcome_decide(const OutcomeInput *in, Verdict *ret_verdict) {
        const BoxFacts *f = in->facts;
        Verdict v = { .outcome = OUTCOME_INTERNAL_ERROR, .exit_code = -1 };

        if (f->setup_error != 0)
                verdict_setup(&v, f);
        else if (f->oom_kills > 0)
                verdict_memory(&v, in);
        else if (verdict_end_reason(&v, in))
                ;
        else if (!f->has_record)
                verdict_say(&v, "the sandbox ended without a report (status 0x%x)",
                            (unsigned) f->init_status);
        else if (in->output_incomplete)
                verdict_say(&v, "some of the output was lost: it could not be read or kept");
        else
                verdict_status(&v, in);
        verdict_say_when(&v, in);
        verdict_say_denied(&v, in);
        *ret_verdict = v;
}

void outcome_without_box(Outcome outcome, const char *message, Verdict *ret_verdict) {
        *ret_verdict = (Verdict){ .outcome = outcome, .exit_code = -1 };
        verdict_say(ret_verdict, "%s", message);
}

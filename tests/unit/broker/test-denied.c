/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "broker/outcome.h"
#include "proto/syscall-names.h"

#define EXITED(code) ((code) << 8)

static Profile
profile_new(uint64_t processes, uint64_t threads, ProfileNetwork network, ProfileFiles files) {
        Profile p = { .network = network, .files = files };

        p.maximum.value[LIMIT_PROCESSES] = processes;
        p.maximum.value[LIMIT_THREADS] = threads;
        return p;
}

static BoxFacts facts_of(const char *names) {
        BoxFacts facts = { .has_record = 1 };
        char copy[256], *rest = copy, *name;

        (void) snprintf(copy, sizeof(copy), "%s", names);
        while ((name = strsep(&rest, " ")))
                facts.denied[facts.n_denied++] = (DeniedCall){
                        .number = (uint32_t) syscall_number(name),
                        .count = 1,
                };
        return facts;
}

/* A sentence for each kind of call, by what the profile has. */
static void test_sentences(void **state) {
        const Profile plain = profile_new(1, 64, PROFILE_NETWORK_NONE, PROFILE_FILES_PRIVATE),
                      forks = profile_new(32, 64, PROFILE_NETWORK_NONE, PROFILE_FILES_PRIVATE),
                      function = profile_new(1, 0, PROFILE_NETWORK_NONE, PROFILE_FILES_NONE),
                      loopback =
                              profile_new(1, 64, PROFILE_NETWORK_LOOPBACK, PROFILE_FILES_PRIVATE);
        const struct {
                const Profile *profile;
                const char *calls;
                const char *text; /* NULL: nothing */
                DeniedChoice choice;
        } rows[] = {
                { &plain, "socket", "socket() is not available: the profile has no network" },
                { &loopback, "socket",
                  "socket() is not available: the profile has nothing but 127.0.0.1 and ::1" },
                { &plain, "fork", "fork() is not available: the profile has no processes" },
                { &plain, "execve",
                  "execve() is not available: no program can be started in a sandbox" },
                { &plain, "mount",
                  "mount() is not available: the mounts of a sandbox stay as they are" },
                { &plain, "unshare",
                  "unshare() is not available: a sandbox makes and enters no namespaces" },
                { &forks, "clone",
                  "clone() is not available: a sandbox makes and enters no namespaces" },
                { &function, "clone", "clone() is not available: the profile has no threads" },
                { &plain, "ptrace",
                  "ptrace() is not available: no process looks into another one" },
                { &plain, "keyctl",
                  "keyctl() is not available: the kernel's keys are not for jobs" },
                { &plain, "bpf",
                  "bpf() is not available: this part of the kernel is not for jobs" },
                { &plain, "setuid", "setuid() is not available: a job stays the user that it is" },
                { &plain, "ioctl", "ioctl() is not available: devices are not for jobs" },
                { &plain, "vhangup",
                  "vhangup() is not available: the filter of the sandbox denies it" },
                { &function, "openat", "openat() is not available: the profile has no files" },
                { &plain, "ioctl", NULL, DENIED_WANTED },
                { &plain, "vhangup", NULL, DENIED_WANTED },
                { &function, "openat", NULL, DENIED_WANTED },
                { &plain, "ioctl mount",
                  "mount() is not available: the mounts of a sandbox stay as they are",
                  DENIED_WANTED },
                { &plain, "socket bpf",
                  "socket() is not available: the profile has no network; "
                  "bpf() is not available: this part of the kernel is not for jobs" },
        };
        char buf[DENIED_TEXT_MAX];

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                BoxFacts facts = facts_of(row->calls);
                const char *text = denied_describe_calls(&facts, row->profile, row->choice, buf);

                if (row->text) {
                        assert_non_null(text);
                        assert_string_equal(text, row->text);
                } else
                        assert_null(text);
        }
}

/* Three are enough, whatever the builder says how many there are, and what has no name is left out. */
static void test_bounds(void **state) {
        const Profile p = profile_new(1, 64, PROFILE_NETWORK_NONE, PROFILE_FILES_PRIVATE);
        BoxFacts facts = facts_of("socket mount bpf keyctl");
        char buf[DENIED_TEXT_MAX];
        const char *text;

        facts.denied[4] = (DeniedCall){ .number = 100000, .count = 1 };
        facts.n_denied = UINT32_MAX;
        text = denied_describe_calls(&facts, &p, DENIED_ALL, buf);
        assert_non_null(text);
        assert_non_null(strstr(text, "bpf()"));
        assert_null(strstr(text, "keyctl()"));
        facts = (BoxFacts){ .n_denied = 1, .denied = { { .number = 100000, .count = 1 } } };
        assert_null(denied_describe_calls(&facts, &p, DENIED_ALL, buf));
}

/* Where it stands in a message, and where it does not. */
static void test_messages(void **state) {
        const Profile p = profile_new(1, 64, PROFILE_NETWORK_NONE, PROFILE_FILES_PRIVATE);
        const Limits limits = { .value = {
                                        [LIMIT_MEMORY] = MIB, [LIMIT_CPU_TIME] = USEC_PER_SEC } };
        RunnerException denied = { .type = "PermissionError",
                                   .message = "[Errno 1] Operation not permitted" },
                        own = { .type = "ValueError", .message = "x" };
        const struct {
                int code;
                RunnerException *exception;
                const char *message;
        } rows[] = {
                { 0, NULL, "socket() is not available: the profile has no network" },
                { 3, NULL,
                  "exited with code 3; socket() is not available: the profile has no network" },
                { 1, &denied,
                  "uncaught exception: PermissionError: [Errno 1] Operation not permitted; "
                  "socket() is not available: the profile has no network" },
                { 1, &own, "uncaught exception: ValueError: x" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                BoxFacts facts = facts_of("socket");
                const RunnerSaid said = { .exception = row->exception, .is_running = true };
                OutcomeInput in = {
                        .facts = &facts, .limits = &limits, .said = &said, .profile = &p
                };
                Verdict v;

                facts.job_status = EXITED(row->code);
                outcome_decide(&in, &v);
                assert_string_equal(v.message, row->message);
                facts.end_reason = END_WALL_TIME; /* then that is all there is to say */
                outcome_decide(&in, &v);
                assert_null(strstr(v.message, "socket"));
        }
}

/* An import that the analysis refused: what the program wanted of it. */
static void test_imports(void **state) {
        const Profile p = profile_new(1, 0, PROFILE_NETWORK_NONE, PROFILE_FILES_NONE);
        const Limits limits = { .value = {
                                        [LIMIT_MEMORY] = MIB, [LIMIT_CPU_TIME] = USEC_PER_SEC } };
        RunnerFinding finding = { .rule = "import-not-allowed",
                                  .severity = FINDING_REFUSE,
                                  .message = "No os.",
                                  .line = 1 };
        RunnerViolation violations[] = {
                { .layer = "import_policy", .subject = "os", .count = 1 },
                { .layer = "import_policy", .subject = "os.fork", .count = 1 },
                { .layer = "import_policy", .subject = "os.path.join", .count = 1 },
        };
        const RunnerSaid said = {
                .findings = &finding,
                .n_findings = 1,
                .violations = violations,
                .n_violations = ELEMENTSOF(violations),
        };
        BoxFacts facts = { .has_record = 1, .job_status = EXITED(RUNNER_EXIT_REJECTED) };
        OutcomeInput in = { .facts = &facts, .limits = &limits, .said = &said, .profile = &p };
        Verdict v;

        outcome_decide(&in, &v);
        assert_string_equal(v.message,
                            "line 1: ModuleNotFoundError: No os.; fork() is not available: the "
                            "profile has no processes");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sentences),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_imports),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

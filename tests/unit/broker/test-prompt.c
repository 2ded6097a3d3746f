/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "broker/prompt.h"

static char *none[] = { NULL };

/* A profile with files and a whitelist, without threads. */
static Profile make_profile(char **modules, char **packages) {
        Profile p = {
                .files = PROFILE_FILES_PRIVATE,
                .policy = true,
                .imports = PROFILE_IMPORTS_WHITELIST,
                .modules = modules,
                .packages = packages,
                .recommended = packages,
                .deny_modules = none,
                .has_sessions = true,
        };

        p.limits.value[LIMIT_PROCESSES] = 1;
        p.limits.value[LIMIT_MEMORY] = 50 * MIB;
        p.limits.value[LIMIT_DISK] = 20 * MIB;
        p.limits.value[LIMIT_WALL_TIME] = 5 * USEC_PER_SEC;
        p.limits.value[LIMIT_TOOL_CALLS] = 7;
        p.maximum.value[LIMIT_TOOL_CALLS] = 7;
        return p;
}

static char *prompt(const Profile *p) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        prompt_print(p, "3.11.2", f);
        fclose(f);
        return text;
}

static void check(const Profile *p, const char *const *there, const char *const *absent) {
        _cleanup_free_ char *text = prompt(p);

        for (; *there; there++)
                if (!strstr(text, *there))
                        fail_msg("'%s' is not in:\n%s", *there, text);
        for (; *absent; absent++)
                if (strstr(text, *absent))
                        fail_msg("'%s' is in:\n%s", *absent, text);
}

static void test_whitelist(void **state) {
        char *modules[] = { "json", "os", "os.path", "yaml", NULL }, *packages[] = { "yaml", NULL };
        const char *there[] = {
                "with Python 3.11.2, without network, without other processes or threads.",
                "Write to /app",
                "imported: json os.\n",
                "imported already: yaml.\n",
                "tools.NAME(key=value)",
                "At most 7 calls.\n",
                "variables, imports and files stay",
                "5 s of time",
                "50 MiB of memory with all files, 20 MiB in /app",
                "\"memory limit of 50 MiB reached, raise limits.memory\"",
                "Available: …",
                NULL
        };
        const char *absent[] = { "sandbox_utils", "standard library", NULL };
        Profile p = make_profile(modules, packages);

        check(&p, there, absent);
}

static void test_blacklist(void **state) {
        char *denied[] = { "ctypes", "_ctypes", NULL };
        const char *there[] = { "the standard library without ctypes, _ctypes.\n",
                                "with processes of its own.", "with 127.0.0.1 only", NULL };
        const char *absent[] = { "Available", "RECOMMENDED", "threads", "tools", "session", NULL };
        Profile p = make_profile(none, none);

        p.has_sessions = false;
        p.imports = PROFILE_IMPORTS_BLACKLIST;
        p.deny_modules = denied;
        p.network = PROFILE_NETWORK_LOOPBACK;
        p.limits.value[LIMIT_PROCESSES] = 4;
        p.maximum.value[LIMIT_TOOL_CALLS] = 0;
        check(&p, there, absent);
}

/* Nothing is refused where the policy is off, and nothing is said of it. */
static void test_no_policy(void **state) {
        char *denied[] = { "ctypes", NULL };
        const char *there[] = { "Modules: the standard library.\n", NULL };
        const char *absent[] = { "ctypes", "No module named", NULL };
        Profile p = make_profile(none, none);

        p.policy = false;
        p.deny_modules = denied;
        check(&p, there, absent);
}

static void test_no_files(void **state) {
        char *modules[] = { "json", NULL };
        const char *there[] = { "open() does not work", "50 MiB of memory, ", NULL };
        const char *absent[] = { "/app", NULL };
        Profile p = make_profile(modules, none);

        p.files = PROFILE_FILES_NONE;
        check(&p, there, absent);
}

/* Its functions, but those of YAML only with that package. */
static void test_utils(void **state) {
        char *modules[] = { "sandbox_utils", NULL };
        const char *there[] = { "\ngrep(pattern, files, ", NULL }, *absent[] = { "yaml", NULL };
        Profile p = make_profile(modules, none);

        check(&p, there, absent);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whitelist), cmocka_unit_test(test_blacklist),
                cmocka_unit_test(test_no_policy), cmocka_unit_test(test_no_files),
                cmocka_unit_test(test_utils),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

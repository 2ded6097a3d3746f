/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/prompt.h"

#include <string.h>

#include "basic/macro.h"

/* The functions of sandbox_utils as lines, made from its source. */
static const char *const utils_functions[] = {
#include "broker/utils-functions.inc"
        NULL,
};

static bool list_has(char *const *list, const char *text) {
        for (; *list; list++)
                if (strcmp(*list, text) == 0)
                        return true;
        return false;
}

/* Whether the package that a module is in is listed: os for os.path. */
static bool has_parent(char *const *list, const char *name) {
        size_t size = strcspn(name, ".");

        if (name[size] == '\0')
                return false;
        for (; *list; list++)
                if (strncmp(*list, name, size) == 0 && (*list)[size] == '\0')
                        return true;
        return false;
}

static void print_names(char *const *names, FILE *f) {
        for (const char *separator = ""; *names; names++, separator = ", ")
                fprintf(f, "%s%s", separator, *names);
}

static void print_limit(const Profile *p, LimitId id, const char *behind, FILE *f) {
        char value[32];

        fprintf(f, "%s%s", limit_format(id, p->limits.value[id], value, sizeof(value)), behind);
}

static bool has_whitelist(const Profile *p) {
        return p->policy && p->imports == PROFILE_IMPORTS_WHITELIST;
}

static void print_place(const Profile *p, const char *python_version, FILE *f) {
        uint64_t processes = p->limits.value[LIMIT_PROCESSES];

        fprintf(f, "Your program runs in a sandbox with Python %s, %s, %s%s.\n", python_version,
                p->network == PROFILE_NETWORK_NONE ? "without network" : "with 127.0.0.1 only",
                processes > 1 ? "with processes of its own" : "without other processes",
                processes == 1 && p->limits.value[LIMIT_THREADS] == 0 ? " or threads" : "");
        if (p->files == PROFILE_FILES_NONE)
                fputs("There are no files: open() does not work.\n", f);
        else
                fputs("Files: the current directory is /app; what you are given is there. Write to /app "
                      "or /tmp; all of it is gone at the end.\n",
                      f);
}

static void print_modules(const Profile *p, FILE *f) {
        if (!has_whitelist(p)) {
                fputs("Modules: the standard library", f);
                if (p->policy && p->deny_modules[0]) {
                        fputs(" without ", f);
                        print_names(p->deny_modules, f);
                }
                fputs(".\n", f);
        } else {
                fputs("Only these modules can be imported:", f);
                for (char *const *name = p->modules; *name; name++)
                        if (!list_has(p->packages, *name) && !has_parent(p->modules, *name))
                                fprintf(f, " %s", *name);
                fputs(".\n", f);
        }
        if (p->recommended[0]) {
                fputs("RECOMMENDED packages, imported already: ", f);
                print_names(p->recommended, f);
                fputs(".\n", f);
        }
}

static void print_utils(const Profile *p, FILE *f) {
        bool has_yaml = list_has(p->packages, "yaml");

        if (!list_has(p->modules, "sandbox_utils") || !utils_functions[0])
                return;
        fputs("For shell-like work use sandbox_utils (from sandbox_utils import NAME); its paths are in "
              "/app:\n",
              f);
        for (const char *const *line = utils_functions; *line; line++)
                if (has_yaml || !strstr(*line, "yaml"))
                        fprintf(f, "%s\n", *line);
}

static void print_tools(const Profile *p, FILE *f) {
        if (p->maximum.value[LIMIT_TOOL_CALLS] == 0)
                return;
        fputs("Tools, if you were told of any: import tools; value = tools.NAME(key=value). One that "
              "fails raises _sandbox.ToolError (import _sandbox) with type and message",
              f);
        if (p->limits.value[LIMIT_TOOL_CALLS] > 0) {
                fputs(". At most ", f);
                print_limit(p, LIMIT_TOOL_CALLS, " calls", f);
        }
        fputs(".\n", f);
}

static void print_sessions(const Profile *p, FILE *f) {
        if (p->has_sessions)
                fputs("If you were told of a session: variables, imports and files stay from one program to "
                      "the next, also after an error; else each program starts anew.\n",
                      f);
}

static void print_limits(const Profile *p, FILE *f) {
        fputs("Limits: ", f);
        print_limit(p, LIMIT_WALL_TIME, " of time", f);
        fputs(p->maximum.value[LIMIT_TOOL_CALLS] > 0 ? " without waiting for tools, " : ", ", f);
        print_limit(p, LIMIT_CPU_TIME, " of CPU time, ", f);
        print_limit(p, LIMIT_MEMORY, " of memory", f);
        if (p->files != PROFILE_FILES_NONE) {
                fputs(" with all files, ", f);
                print_limit(p, LIMIT_DISK, " in /app", f);
        }
        fputs(", ", f);
        print_limit(p, LIMIT_OUTPUT, " of output, ", f);
        print_limit(p, LIMIT_RESULT, " of result, ", f);
        print_limit(p, LIMIT_SOURCE, " of source.\n", f);
}

/* Real ones: tests/e2e/test_profiles.py makes them. */
static void print_errors(const Profile *p, FILE *f) {
        if (p->policy && p->analysis == PROFILE_ANALYSIS_STRICT)
                fputs("The program is examined before it runs; refused are eval, exec, open, globals, "
                      "attributes such as __globals__, names of attributes made at run time. What is "
                      "refused is said as \"line 1: globals is refused: use a dict of your own\", and "
                      "nothing has run.\n",
                      f);
        else if (p->policy && p->analysis == PROFILE_ANALYSIS_IMPORTS)
                fputs("Imports are examined before the program runs: if one cannot work, nothing has "
                      "run.\n",
                      f);
        fputs("Result: the value of the last expression, or of the variable result, as JSON; what is "
              "printed comes beside it.\n"
              "Errors come as tracebacks",
              f);
        if (p->policy)
                fprintf(f, ", or as \"No module named 'requests' in this sandbox%s\"",
                        has_whitelist(p) ? ". Available: …" : "");
        fputs(", and where a limit ends the program \"memory limit of ", f);
        print_limit(p, LIMIT_MEMORY, " reached, raise limits.memory\".\n", f);
}

void prompt_print(const Profile *profile, const char *python_version, FILE *f) {
        print_place(profile, python_version, f);
        print_modules(profile, f);
        print_utils(profile, f);
        print_tools(profile, f);
        print_sessions(profile, f);
        print_limits(profile, f);
        print_errors(profile, f);
}

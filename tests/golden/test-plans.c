/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plans of the shipped profiles against the committed ones: no change of the cage goes without
 * being seen in a review. To accept a change:
 *
 *      PYSB_GOLDEN_UPDATE=1 meson test -C BUILD --suite golden
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "config.h"
#include "plans.h"

/* What a list of modules imports in turn differs from one Python to the next; tests/modules looks at
 * it. */
static bool line_is_skipped(const char *line) {
        return strncmp(line, "internal ", strlen("internal ")) == 0;
}

/* What depends on the machine of the build has the same name everywhere. */
static const struct {
        const char *text, *name;
} normalised[] = {
        { &PYTHON_STDLIB[1], "@STDLIB@" },
        { &PLAN_LIBRARY_DIRECTORY[1], "@LIBRARY@" },
};

static char *normalise(const char *text) {
        char *result = NULL;
        size_t size;
        FILE *f = open_memstream(&result, &size);
        const char *start = text;

        while (*text != '\0') {
                size_t i = 0;

                if ((text == start || text[-1] == '\n') && line_is_skipped(text)) {
                        text += strcspn(text, "\n") + 1;
                        continue;
                }

                while (i < ELEMENTSOF(normalised) &&
                       strncmp(text, normalised[i].text, strlen(normalised[i].text)) != 0)
                        i++;
                if (i < ELEMENTSOF(normalised)) {
                        fputs(normalised[i].name, f);
                        text += strlen(normalised[i].text);
                } else
                        fputc(*text++, f);
        }
        fclose(f);
        return result;
}

/* default by the other engine: no shipped profile has it. */
#define PROCESS "process"

static PlanImage *load(const char *name) {
        _cleanup_(profile_freep) Profile *profile = NULL;
        PlanImage *plan;

        if (strcmp(name, PROCESS) != 0)
                return plan_load(name);
        profile = profile_load("default");
        profile->engine = ENGINE_PROCESS;
        profile->proc = PROFILE_PROC_NONE;
        assert_int_equal(plan_compile(profile, &plan), 0);
        return plan;
}

static char *dump(const char *name) {
        _cleanup_free_ PlanImage *plan = load(name);
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        plan_dump(plan, f);
        fclose(f);
        return normalise(text);
}

/* The first line that differs says more than two whole texts. */
static void compare(const char *name, const char *text, const char *golden) {
        unsigned line = 1;

        while (*text != '\0' && *text == *golden) {
                line += *text == '\n';
                text++;
                golden++;
        }
        if (*text == *golden)
                return;
        while (text[-1] != '\n') {
                text--;
                golden--;
        }
        fail_msg("%s.plan:%u: '%.*s' is committed, the plan is now '%.*s' (see test-plans.c)", name,
                 line, (int) strcspn(golden, "\n"), golden, (int) strcspn(text, "\n"), text);
}

static void test_plan(void **state) {
        const char *name = *state;
        _cleanup_free_ char *text = dump(name), *path = NULL, *golden = NULL;
        size_t size;

        assert_true(asprintf(&path, "%s/%s.plan", getenv("PYSB_GOLDEN_PATH"), name) > 0);
        if (getenv("PYSB_GOLDEN_UPDATE")) {
                _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

                assert_true(fd >= 0);
                assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
                return;
        }
        assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &golden, &size), 0);
        compare(name, text, golden);
}

int main(void) {
        struct CMUnitTest tests[_SHIPPED_MAX + 1] = {
                [_SHIPPED_MAX] = { PROCESS, test_plan, NULL, NULL, (void *) PROCESS },
        };

        for (size_t i = 0; i < _SHIPPED_MAX; i++)
                tests[i] = (struct CMUnitTest){ shipped_names[i], test_plan, NULL, NULL,
                                                (void *) shipped_names[i] };
        if (SANITIZER_CALLS) {
                puts("1..0 # SKIP the filters have the test-only group of the sanitizers in them");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}

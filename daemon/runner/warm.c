/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/warm.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cage/cage.h"
#include "runner/channel-module.h"
#include "runner/frozen.h"
#include "runner/interp.h"
#include "runner/policy.h"
#include "runner/tick-counter.h"

/* A few arenas of CPython's allocator (1 MiB each). Never touched: it costs address space only, and
 * that is the template's and not counted against a job. */
#define RESERVE_BYTES (8 * MIB)

Warm warm;

/* Nothing of the daemon's own environment is left for a job to read. */
static int warm_set_environment(const char *environment) {
        _cleanup_free_ char *copy = strdup(environment);
        char *next = copy, *entry;

        if (!copy || clearenv() != 0)
                return -ENOMEM;
        while ((entry = strsep(&next, "\n"))) {
                char *value = strchr(entry, '=');

                if (!value)
                        continue; /* the empty list */
                *value++ = '\0';
                if (setenv(entry, value, 1) < 0)
                        return -errno;
        }
        return 0;
}

/* Where a box has neither /app nor a /tmp that it can write to, the names of both lead to what it has. */
static int warm_move_environment(void) {
        static const char *const names[] = { "HOME", "TMPDIR" };

        FOREACH_ARRAY(name, names, ELEMENTSOF(names))
                if (getenv(*name) && setenv(*name, cage_app(), 1) < 0)
                        return -errno;
        return 0;
}

/* The lines of a list; none of an empty text. */
static PyObject *warm_split(const char *lines) {
        _cleanup_python_ PyObject *text = PyUnicode_FromString(lines);

        return text ? PyObject_CallMethod(text, "split", NULL) : NULL;
}

static int warm_preload(const PlanImage *plan, uint32_t list) {
        _cleanup_python_ PyObject *names = warm_split(plan_string(plan, list));
        _cleanup_python_ PyObject *r = NULL;

        r = names ? PyObject_CallMethod(warm.bootstrap, "preload", "O", names) : NULL;
        return r ? 0 : -1;
}

static int warm_preload_packages(const PlanImage *plan) {
        _cleanup_python_ PyObject *packages = PyImport_ImportModule("_packages");
        _cleanup_python_ PyObject *names = warm_split(plan_string(plan, plan->preload));
        _cleanup_python_ PyObject *r = NULL;

        r = packages && names
                    ? PyObject_CallMethod(packages, "preload", "OO", warm.bootstrap, names)
                    : NULL;
        return r ? 0 : -1;
}

/* Where nothing can be opened later, all that may be imported is loaded now. */
static int warm_preload_all(const PlanImage *plan) {
        bool has_packages = *plan_string(plan, plan->packages) != '\0';

        if ((has_packages ? warm_preload_packages(plan) : warm_preload(plan, plan->preload)) < 0)
                return -1;
        if (!(plan->flags & PLAN_FLAG_NO_FILES))
                return 0;
        if (warm_preload(plan, plan->modules) < 0)
                return -1;
        return warm_preload(plan, plan->internal);
}

/* What lies in /app elsewhere. */
static int warm_move(void) {
        _cleanup_python_ PyObject *r = PyObject_CallMethod(warm.bootstrap, "move", "s", cage_app());

        return r ? 0 : -1;
}

static int warm_load(const PlanImage *plan) {
        bool no_files = plan->flags & PLAN_FLAG_NO_FILES;
        _cleanup_python_ PyObject *r = NULL;

        warm.atexit = PyImport_ImportModule("atexit");
        warm.sandbox = PyImport_ImportModule("_sandbox");
        warm.bootstrap = PyImport_ImportModule("_bootstrap");
        warm.program = PyImport_ImportModule("_program");
        if (!warm.atexit || !warm.sandbox || !warm.bootstrap || !warm.program)
                return -1;
        if (warm_preload_all(plan) < 0)
                return -1;
        if ((plan->flags & PLAN_FLAG_NOT_ALONE) && warm_move() < 0)
                return -1;
        if (policy_install(plan) < 0)
                return -1;
        r = PyObject_CallMethod(warm.bootstrap, "settle", "O", no_files ? Py_True : Py_False);
        return r ? 0 : -1;
}

int warm_up(const PlanImage *plan) {
        int r;

        r = warm_set_environment(plan_string(plan, plan->environment));
        if (r >= 0 && (plan->flags & PLAN_FLAG_NOT_ALONE))
                r = warm_move_environment();
        if (r < 0) {
                fprintf(stderr, "pysb-runner: cannot set the environment: %s\n", strerror(-r));
                return r;
        }
        /* One malloc arena: an arena per thread takes 64 MiB of address space each, and address
         * space is what a job is limited by. */
        (void) mallopt(M_ARENA_MAX, 1);
        if (policy_prepare(plan) < 0 || PyImport_AppendInittab("_pysb", channel_module_init) < 0 ||
            PyImport_AppendInittab("_tick_counter", tick_counter_module_init) < 0)
                return -ENOMEM;
        r = interp_start(frozen_modules, plan_string(plan, plan->package_paths));
        if (r < 0)
                return r;
        if (warm_load(plan) < 0) {
                interp_complain(plan_string(plan, plan->name));
                return -EINVAL;
        }
        warm.reserve = mmap(NULL, RESERVE_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (warm.reserve == MAP_FAILED) {
                warm.reserve = NULL;
                fprintf(stderr, "pysb-runner: cannot reserve memory: %s\n", strerror(errno));
                return -ENOMEM;
        }
        return 0;
}

void warm_release_reserve(void) {
        if (warm.reserve)
                (void) munmap(warm.reserve, RESERVE_BYTES);
        warm.reserve = NULL;
}

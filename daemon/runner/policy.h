/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The policy inside the interpreter: clean errors for modules that a profile does not offer, no
 * access to the host where the profile says so, an audit hook behind both. It is courtesy and
 * defence in depth, not the wall: Python code has ways around it, and then meets the cage.
 *
 * All of it is prepared in the template, in force from policy_lock() on, and C, so that no frame of
 * ours is in a traceback. `_policy` is its Python face (policy.c). */

#include <stdbool.h>
#include <sys/types.h>

#include "plan/plan.h"
#include "runner/python.h"

typedef struct Policy {
        bool is_active;    /* the profile has one */
        bool is_whitelist; /* also a blacklist that a request has narrowed */
        bool has_host_env;
        bool has_files;
        bool is_locked; /* one-way */
        pid_t job_pid;  /* who locked it: only that process speaks for the job */

        PyObject *public;         /* set: what a program may import, submodules included */
        PyObject *parents;        /* set: packages above those, without what else is in them */
        PyObject *always;         /* set: what any program may import, and no list names */
        PyObject *own;            /* set: modules of the job itself that were found so far */
        PyObject *denied;         /* set: deny_modules */
        PyObject *denied_parents; /* set: packages that those are in */
        PyObject *runtime;        /* set: what is loaded, and what library code may load later */
        PyObject *withheld; /* set: without files, what is in a loaded package and not loaded */
        PyObject *split;    /* set: packages that those are in */
        PyObject *modules;  /* tuple of str, sorted: the public names that messages list */
        PyObject *importer; /* builtins.__import__ as it was */
        PyObject *import_by_name; /* importlib.import_module as it was */
        PyObject *path_find;      /* PathFinder.find_spec */
        PyObject *standard;       /* sys.stdlib_module_names */
        PyObject *packages;       /* tuple of str: the directories of packages, each with a slash */
} Policy;

extern Policy policy;

/* Before Py_Initialize: reads the flags, registers the hook and the module `_policy`. Returns 0 or
 * -ENOMEM. */
int policy_prepare(const PlanImage *plan);

/* After the preload: replaces what programs import by. Returns 0, or -1 with an exception. */
int policy_install(const PlanImage *plan);

/* Last in the template: whose code is loaded by now is the library's. withheld are the modules that it
 * has besides, where none can be loaded any more. 0, or -1 with an exception. */
int policy_settle(PyObject *withheld);

/* From here on it is the program's own code that runs. */
void policy_lock(void);

/* policy-names.c: the lists. Predicates return 1, 0, or -1 with an exception. */
int policy_names_load(const PlanImage *plan);
int policy_is_denied(PyObject *name);  /* the module or a package that it is in */
int policy_is_runtime(PyObject *name); /* in the set runtime */
int policy_is_allowed(PyObject *name); /* to a program; without files, only what is loaded */
int policy_is_loaded(PyObject *name);
int policy_is_withheld(PyObject *package, PyObject *item); /* as `from package import item` */
int policy_narrow(PyObject *names);
int policy_set_withheld(PyObject *names);

/* The package that a module is in; NULL without an exception if it is in none. */
PyObject *policy_name_parent(PyObject *name);

/* The file or directory of a module; None or an exception if it has none. */
PyObject *policy_spec_origin(PyObject *spec);
bool policy_origin_is_library(PyObject *origin);

/* A new (message, reason) for a name that is not allowed, or that is not there. */
PyObject *policy_explain(PyObject *name);

/* policy-import.c */
int policy_import_install(void);

/* policy-trust.c: a set of globals, compared by identity. What a program gives as `__name__` or as an
 * argument counts for nothing. */
int policy_trust(PyObject *globals);

/* A module of this name is about to be loaded: its globals are trusted as soon as they are seen to be
 * those of a file of the library. */
int policy_trust_later(PyObject *name);

bool policy_trusts(PyObject *globals);
bool policy_trusts_caller(void); /* the frame that runs */

/* host-env.c: what replaces functions that reach the host. */
PyObject *host_env_new_stub(PyObject *name);

/* policy-violation.c: tells the broker; a bounded number of times. reason may be NULL. Never fails,
 * leaves an exception that is set alone. */
void policy_violation(const char *layer, const char *subject, const char *reason);

/* policy-audit.c: a Py_AuditHookFunction. */
int policy_audit(const char *event, PyObject *args, void *data);

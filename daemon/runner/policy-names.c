/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include <errno.h>
#include <string.h>

#include "runner/policy.h"

/* Modules outside of it are the job's own, except for those that are frozen into the program. */
#define LIBRARY_PREFIX "/usr/"

/* A set of the names in a list of the plan. */
static PyObject *names_parse(const char *lines) {
        _cleanup_python_ PyObject *set = PySet_New(NULL);

        while (set && *lines != '\0') {
                size_t size = strcspn(lines, "\n");
                _cleanup_python_ PyObject *name =
                        PyUnicode_FromStringAndSize(lines, (Py_ssize_t) size);

                if (!name || PySet_Add(set, name) < 0)
                        return NULL;
                lines += size + (lines[size] == '\n');
        }
        return TAKE_PTR(set);
}

/* The directories as prefixes of what is in them. */
static PyObject *names_prefixes(const char *lines) {
        _cleanup_python_ PyObject *list = PyList_New(0);

        while (list && *lines != '\0') {
                size_t size = strcspn(lines, "\n");
                _cleanup_python_ PyObject *path = NULL, *prefix = NULL;

                path = PyUnicode_DecodeFSDefaultAndSize(lines, (Py_ssize_t) size);
                prefix = path ? PyUnicode_FromFormat("%U/", path) : NULL;
                if (!prefix || PyList_Append(list, prefix) < 0)
                        return NULL;
                lines += size + (lines[size] == '\n');
        }
        return list ? PyList_AsTuple(list) : NULL;
}

PyObject *policy_name_parent(PyObject *name) {
        Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), -1);

        return dot > 0 ? PyUnicode_Substring(name, 0, dot) : NULL;
}

static PyObject *name_top(PyObject *name) {
        Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);

        return dot > 0 ? PyUnicode_Substring(name, 0, dot) : Py_NewRef(name);
}

/* Whether the name or a package that it is in is in the set. */
static int names_cover(PyObject *set, PyObject *name) {
        _cleanup_python_ PyObject *current = Py_NewRef(name);

        while (current) {
                PyObject *parent;
                int r = PySet_Contains(set, current);

                if (r != 0)
                        return r;
                parent = policy_name_parent(current);
                Py_SETREF(current, parent);
        }
        return PyErr_Occurred() ? -1 : 0;
}

static PyObject *names_parents(PyObject *names) {
        _cleanup_python_ PyObject *set = PySet_New(NULL), *iterator = PyObject_GetIter(names);
        PyObject *item;

        while (set && iterator && (item = PyIter_Next(iterator))) {
                _cleanup_python_ PyObject *parent = policy_name_parent(item);

                Py_DECREF(item);
                while (parent) {
                        PyObject *next;

                        if (PySet_Add(set, parent) < 0)
                                return NULL;
                        next = policy_name_parent(parent);
                        Py_SETREF(parent, next);
                }
        }
        return PyErr_Occurred() ? NULL : TAKE_PTR(set);
}

/* What messages list: sorted, nothing that begins with an underscore. */
static PyObject *names_listed(PyObject *names) {
        _cleanup_python_ PyObject *all = PySequence_List(names), *listed = PyList_New(0);

        if (!all || !listed)
                return NULL;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all); i++) {
                PyObject *name = PyList_GET_ITEM(all, i);

                if (PyUnicode_ReadChar(name, 0) != '_' && PyList_Append(listed, name) < 0)
                        return NULL;
        }
        if (PyList_Sort(listed) < 0)
                return NULL;
        return PyList_AsTuple(listed);
}

/* Takes over the reference to the set. */
static int names_publish(PyObject *names) {
        if (!names)
                return -1;
        Py_XSETREF(policy.public, names);
        Py_XSETREF(policy.parents, names_parents(names));
        Py_XSETREF(policy.modules, names_listed(names));
        return policy.parents && policy.modules ? 0 : -1;
}

int policy_names_load(const PlanImage *plan) {
        if (names_publish(names_parse(plan_string(plan, plan->modules))) < 0)
                return -1;
        policy.denied = names_parse(plan_string(plan, plan->deny_modules));
        policy.denied_parents = policy.denied ? names_parents(policy.denied) : NULL;
        policy.runtime = names_parse(plan_string(plan, plan->internal));
        policy.always =
                names_parse(policy.has_host_env ? "__future__\n__main__\n_sandbox\ntools"
                                                : "__future__\n__main__\n_io\n_sandbox\ntools");
        policy.packages = names_prefixes(plan_string(plan, plan->package_paths));
        policy.own = PySet_New(NULL);
        policy.withheld = PySet_New(NULL);
        policy.split = PySet_New(NULL);
        return policy.denied_parents && policy.runtime && policy.always && policy.packages &&
                               policy.own && policy.withheld && policy.split
                       ? 0
                       : -1;
}

int policy_is_denied(PyObject *name) {
        return names_cover(policy.denied, name);
}

int policy_is_loaded(PyObject *name) {
        return PyDict_Contains(PyImport_GetModuleDict(), name);
}

int policy_is_withheld(PyObject *package, PyObject *item) {
        _cleanup_python_ PyObject *name = NULL;
        PyObject *module; /* borrowed */
        int r = PySet_Contains(policy.split, package);

        if (r <= 0)
                return r;
        name = PyUnicode_FromFormat("%U.%U", package, item);
        r = name ? PySet_Contains(policy.withheld, name) : -1;
        if (r <= 0)
                return r;
        module = PyDict_GetItemWithError(PyImport_GetModuleDict(), package);
        return !module || !PyObject_HasAttr(module, item);
}

int policy_set_withheld(PyObject *names) {
        Py_XSETREF(policy.withheld, PySet_New(names));
        Py_XSETREF(policy.split, policy.withheld ? names_parents(policy.withheld) : NULL);
        return policy.split ? 0 : -1;
}

int policy_is_runtime(PyObject *name) {
        return PySet_Contains(policy.runtime, name);
}

PyObject *policy_spec_origin(PyObject *spec) {
        _cleanup_python_ PyObject *origin = PyObject_GetAttrString(spec, "origin");
        _cleanup_python_ PyObject *places = NULL;

        if (!origin || PyUnicode_Check(origin))
                return TAKE_PTR(origin);
        places = PyObject_GetAttrString(spec, "submodule_search_locations");
        return places ? PySequence_GetItem(places, 0) : NULL; /* a package without __init__.py */
}

static bool origin_has_prefix(PyObject *origin, PyObject *prefix) {
        return prefix && PyUnicode_Check(origin) &&
               PyUnicode_Tailmatch(origin, prefix, 0, PY_SSIZE_T_MAX, -1) == 1;
}

static bool origin_is_package(PyObject *origin) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(policy.packages); i++)
                if (origin_has_prefix(origin, PyTuple_GET_ITEM(policy.packages, i)))
                        return true;
        return false;
}

bool policy_origin_is_library(PyObject *origin) {
        _cleanup_python_ PyObject *prefix = PyUnicode_FromString(LIBRARY_PREFIX);

        return origin_has_prefix(origin, prefix) || origin_is_package(origin) ||
               (PyUnicode_Check(origin) && PyUnicode_CompareWithASCIIString(origin, "frozen") == 0);
}

/* Where the import system would take a module from; None if there is none. */
static PyObject *name_origin(PyObject *top) {
        _cleanup_python_ PyObject *spec = PyObject_CallOneArg(policy.path_find, top);

        return !spec || spec == Py_None ? TAKE_PTR(spec) : policy_spec_origin(spec);
}

/* Whether it is a module of the job itself, in /app. None of them can have a name of the library. */
static int name_is_own(PyObject *name) {
        _cleanup_python_ PyObject *top = name_top(name), *origin = NULL;
        int r;

        if (!top)
                return -1;
        r = PySet_Contains(policy.own, top);
        if (r != 0)
                return r;
        r = PySequence_Contains(policy.standard, top);
        if (r != 0)
                return r < 0 ? r : 0;
        origin = name_origin(top);
        PyErr_Clear();
        if (!origin || origin == Py_None || policy_origin_is_library(origin))
                return 0;
        return PySet_Add(policy.own, top) < 0 ? -1 : 1;
}

/* Whether it is in a directory of packages, and none that the profile lists or needs no list. */
static int name_is_unlisted_package(PyObject *name) {
        _cleanup_python_ PyObject *top = NULL, *origin = NULL;
        int r;

        if (PyTuple_GET_SIZE(policy.packages) == 0)
                return 0;
        r = names_cover(policy.public, name);
        if (r == 0)
                r = PySet_Contains(policy.parents, name);
        if (r != 0)
                return r < 0 ? r : 0;
        top = name_top(name);
        r = top ? PySequence_Contains(policy.standard, top) : -1;
        if (r != 0)
                return r < 0 ? r : 0;
        origin = name_origin(top);
        PyErr_Clear();
        return origin && origin_is_package(origin);
}

/* By the lists of the profile, whether it is there or not. */
static int name_is_listed(PyObject *name) {
        int r = PySet_Contains(policy.always, name);

        if (r != 0)
                return r;
        r = policy_is_denied(name);
        if (r != 0)
                return r < 0 ? r : 0;
        if (!policy.is_whitelist) {
                r = name_is_unlisted_package(name);
                return r < 0 ? r : !r;
        }
        r = names_cover(policy.public, name);
        if (r == 0)
                r = PySet_Contains(policy.parents, name);
        if (r == 0 && policy.has_files)
                r = name_is_own(name);
        return r;
}

int policy_is_allowed(PyObject *name) {
        int r = policy.is_active ? name_is_listed(name) : 1;

        /* Nothing else can be loaded any more. */
        return r > 0 && policy.is_active && !policy.has_files ? policy_is_loaded(name) : r;
}

/* Whether the library has it, by the packages that are loaded; -ENODATA if none of its own is. */
static int name_is_withheld(PyObject *name) {
        _cleanup_python_ PyObject *current = Py_NewRef(name);

        while (current) {
                PyObject *parent;
                int r = PySet_Contains(policy.withheld, current);

                if (r != 0)
                        return r;
                r = policy_is_loaded(current);
                if (r != 0)
                        return r < 0 ? r : current == name;
                parent = policy_name_parent(current);
                Py_SETREF(current, parent);
        }
        return PyErr_Occurred() ? -1 : -ENODATA;
}

/* Whether this Python has the module at all. */
static int name_is_installed(PyObject *name) {
        _cleanup_python_ PyObject *top = name_top(name), *origin = NULL;
        int r;

        if (!top)
                return -1;
        r = policy.has_files ? -ENODATA : name_is_withheld(name);
        if (r != -ENODATA)
                return r;
        r = PySequence_Contains(policy.standard, top);
        if (r == 0)
                r = PySet_Contains(policy.runtime, top);
        if (r == 0)
                r = policy_is_denied(top);
        if (r != 0 || !policy.has_files)
                return r;
        origin = name_origin(top);
        PyErr_Clear();
        return origin && origin != Py_None;
}

PyObject *policy_explain(PyObject *name) {
        _cleanup_python_ PyObject *comma = NULL, *list = NULL, *message = NULL;
        int r;

        if (policy.is_whitelist) {
                comma = PyUnicode_FromString(", ");
                if (PyTuple_GET_SIZE(policy.modules) == 0)
                        list = PyUnicode_FromString("none");
                else
                        list = comma ? PyUnicode_Join(comma, policy.modules) : NULL;
                if (list)
                        message = PyUnicode_FromFormat(
                                "No module named %R in this sandbox. Available: %U", name, list);
        } else {
                message = PyUnicode_FromFormat("No module named %R in this sandbox", name);
        }
        r = message ? policy_is_allowed(name) : -1;
        if (r >= 0)
                r = r > 0 ? 0 : name_is_installed(name); /* it is allowed, so it must be missing */
        return r < 0 ? NULL : Py_BuildValue("Os", message, r > 0 ? "not-allowed" : "not-installed");
}

int policy_narrow(PyObject *names) {
        _cleanup_python_ PyObject *set = PySet_New(names), *iterator = NULL;
        PyObject *name;

        if (!policy.is_active || policy.is_locked) {
                PyErr_SetString(PyExc_RuntimeError, "there is nothing to narrow");
                return -1;
        }
        iterator = set ? PyObject_GetIter(set) : NULL;
        while (iterator && (name = PyIter_Next(iterator))) {
                int r = PyUnicode_Check(name) ? policy_is_allowed(name) : 0;

                if (r == 0)
                        PyErr_Format(PyExc_ValueError, "the profile has no module %R", name);
                Py_DECREF(name);
                if (r <= 0)
                        return -1;
        }
        if (PyErr_Occurred() || names_publish(TAKE_PTR(set)) < 0)
                return -1;
        policy.is_whitelist = true;
        return 0;
}

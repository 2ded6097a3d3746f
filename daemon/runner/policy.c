/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/policy.h"

#include <errno.h>
#include <unistd.h>

#include "runner/host-stdio.h"

Policy policy = { .has_host_env = true, .has_files = true };

static PyObject *policy_name(PyObject *name) {
        if (PyUnicode_Check(name))
                return name;
        PyErr_SetString(PyExc_TypeError, "the name of a module is a str");
        return NULL;
}

static PyObject *module_is_allowed(PyObject *module, PyObject *name) {
        int r = policy_name(name) ? policy_is_allowed(name) : -1;

        return r < 0 ? NULL : PyBool_FromLong(r);
}

static PyObject *module_is_withheld(PyObject *module, PyObject *args) {
        PyObject *package, *item;
        int r;

        if (!PyArg_ParseTuple(args, "UU", &package, &item))
                return NULL;
        r = policy.is_active ? policy_is_withheld(package, item) : 0;
        return r < 0 ? NULL : PyBool_FromLong(r);
}

static PyObject *module_explain(PyObject *module, PyObject *name) {
        return policy_name(name) && policy.is_active ? policy_explain(name) : NULL;
}

static PyObject *module_modules(PyObject *module, PyObject *unused) {
        return policy.modules ? Py_NewRef(policy.modules) : PyTuple_New(0);
}

static PyObject *module_narrow(PyObject *module, PyObject *names) {
        if (policy_narrow(names) < 0)
                return NULL;
        Py_RETURN_NONE;
}

static PyObject *module_lock(PyObject *module, PyObject *unused) {
        policy_lock();
        Py_RETURN_NONE;
}

/* Only the template may: what a program gets hold of here is of no use to it. */
static bool module_may_prepare(void) {
        if (policy.is_locked)
                PyErr_SetString(PyExc_RuntimeError, "the policy is locked");
        return !policy.is_locked;
}

static PyObject *module_settle(PyObject *module, PyObject *withheld) {
        if (!module_may_prepare() || (policy.is_active && policy_settle(withheld) < 0))
                return NULL;
        Py_RETURN_NONE;
}

static PyObject *module_new_stub(PyObject *module, PyObject *name) {
        return policy_name(name) && module_may_prepare() ? host_env_new_stub(name) : NULL;
}

static PyObject *module_new_stdio(PyObject *module, PyObject *args) {
        _cleanup_python_ PyObject *type = NULL;
        PyObject *mode, *name, *errors;
        int fd;

        if (!module_may_prepare() || !PyArg_ParseTuple(args, "iUUU", &fd, &mode, &name, &errors))
                return NULL;
        type = PyObject_GetAttrString(module, "Stdio");
        return type ? stdio_new(type, fd, mode, name, errors) : NULL;
}

static PyObject *module_violation(PyObject *module, PyObject *args) {
        const char *layer, *subject, *reason = NULL;

        if (!PyArg_ParseTuple(args, "ss|z", &layer, &subject, &reason))
                return NULL;
        policy_violation(layer, subject, reason);
        Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
        { "is_allowed", module_is_allowed, METH_O,
          PyDoc_STR("is_allowed($module, name, /)\n--\n\nWhether a program may import it.") },
        { "is_withheld", module_is_withheld, METH_VARARGS,
          PyDoc_STR("is_withheld($module, package, item, /)\n--\n\n"
                    "Whether `from package import item` means a module that is not loaded.") },
        { "explain", module_explain, METH_O,
          PyDoc_STR("explain($module, name, /)\n--\n\n"
                    "(message, reason) for a module that is not allowed; the reason is\n"
                    "'not-allowed' or 'not-installed'.") },
        { "modules", module_modules, METH_NOARGS,
          PyDoc_STR("modules($module, /)\n--\n\nThe public names in force, sorted.") },
        { "narrow", module_narrow, METH_O,
          PyDoc_STR("narrow($module, names, /)\n--\n\nLeave only these, before lock().") },
        { "lock", module_lock, METH_NOARGS,
          PyDoc_STR("lock($module, /)\n--\n\nFrom here on it is the program that runs.") },
        { "settle", module_settle, METH_O,
          PyDoc_STR("settle($module, withheld, /)\n--\n\nWhat is loaded is the library.") },
        { "new_stub", module_new_stub, METH_O,
          PyDoc_STR("new_stub($module, name, /)\n--\n\nA function that is not available.") },
        { "new_stdio", module_new_stdio, METH_VARARGS,
          PyDoc_STR("new_stdio($module, fd, mode, name, errors, /)\n--\n\nA stream.") },
        { "violation", module_violation, METH_VARARGS,
          PyDoc_STR("violation($module, layer, subject, reason=None, /)\n--\n\n"
                    "Tell the broker that something was refused.") },
        {},
};

static int module_exec(PyObject *module) {
        const struct {
                const char *name;
                bool value;
        } flags[] = {
                { "active", policy.is_active },
                { "whitelist", policy.is_whitelist },
                { "host_env", policy.has_host_env },
        };
        _cleanup_python_ PyObject *type = NULL;

        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
                if (PyModule_AddObjectRef(module, flags[i].name,
                                          flags[i].value ? Py_True : Py_False) < 0)
                        return -1;
        type = stdio_new_type();
        return type ? PyModule_AddObjectRef(module, "Stdio", type) : -1;
}

static PyModuleDef_Slot module_slots[] = {
        { Py_mod_exec, module_exec },
        {},
};

static struct PyModuleDef module_def = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_policy",
        .m_doc = PyDoc_STR("What the profile lets a program import."),
        .m_methods = module_methods,
        .m_slots = module_slots,
};

static PyObject *module_init(void) {
        return PyModuleDef_Init(&module_def);
}

int policy_prepare(const PlanImage *plan) {
        policy.is_active = plan->flags & PLAN_FLAG_POLICY;
        policy.is_whitelist = policy.is_active && (plan->flags & PLAN_FLAG_WHITELIST);
        policy.has_host_env = !policy.is_active || !(plan->flags & PLAN_FLAG_NO_HOST_ENV);
        policy.has_files = !(plan->flags & PLAN_FLAG_NO_FILES);
        if (PyImport_AppendInittab("_policy", module_init) < 0)
                return -ENOMEM;
        /* It makes each event that CPython raises cost a little; raw has none. */
        if (policy.is_active && PySys_AddAuditHook(policy_audit, NULL) < 0)
                return -ENOMEM;
        return 0;
}

int policy_install(const PlanImage *plan) {
        PyObject *standard = PySys_GetObject("stdlib_module_names"); /* borrowed */

        if (!policy.is_active)
                return 0;
        if (!standard) {
                PyErr_SetString(PyExc_RuntimeError, "sys.stdlib_module_names is missing");
                return -1;
        }
        policy.standard = Py_NewRef(standard);
        if (policy_names_load(plan) < 0)
                return -1;
        return policy_import_install();
}

int policy_settle(PyObject *withheld) {
        PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
        PyObject *name, *module;
        Py_ssize_t i = 0;

        while (PyDict_Next(modules, &i, &name, &module)) {
                PyObject *globals = PyModule_Check(module) ? PyModule_GetDict(module) : NULL;

                if (PyUnicode_CompareWithASCIIString(name, "__main__") == 0)
                        continue; /* the program's will have another one */
                if (PySet_Add(policy.runtime, name) < 0 || (globals && policy_trust(globals) < 0))
                        return -1;
        }
        return policy_set_withheld(withheld);
}

void policy_lock(void) {
        policy.is_locked = true;
        policy.job_pid = getpid();
}

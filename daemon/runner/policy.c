/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/policy.h"

/* find_spec() of the first finder on sys.meta_path. In C, so that no frame of ours appears in the
 * traceback of the ImportError. self is the set of denied names. */
static PyObject *policy_find_spec(PyObject *denied, PyObject *const *args, Py_ssize_t n) {
        _cleanup_python_ PyObject *message = NULL;
        int r;

        if (n < 1) {
                PyErr_SetString(PyExc_TypeError, "find_spec() needs the name of a module");
                return NULL;
        }
        r = PySet_Contains(denied, args[0]);
        if (r < 0)
                return NULL;
        if (r == 0)
                Py_RETURN_NONE;
        message = PyUnicode_FromFormat("No module named %R in this sandbox", args[0]);
        if (message)
                (void) PyErr_SetImportErrorSubclass(PyExc_ModuleNotFoundError, message, args[0],
                                                    NULL);
        return NULL;
}

static PyMethodDef policy_find_spec_def = {
        "find_spec",
        (PyCFunction) (void (*)(void)) policy_find_spec,
        METH_FASTCALL,
        NULL,
};

static PyObject *policy_parse(const char *deny_modules) {
        _cleanup_python_ PyObject *text = PyUnicode_FromString(deny_modules);
        _cleanup_python_ PyObject *separator = PyUnicode_FromString("\n");
        _cleanup_python_ PyObject *names = NULL;

        if (!text || !separator)
                return NULL;
        names = PyUnicode_Split(text, separator, -1);
        return names ? PyFrozenSet_New(names) : NULL;
}

static PyObject *policy_new_finder(PyObject *denied) {
        _cleanup_python_ PyObject *types = PyImport_ImportModule("types");
        _cleanup_python_ PyObject *function = PyCFunction_New(&policy_find_spec_def, denied);
        _cleanup_python_ PyObject *class = NULL, *args = NULL, *kwargs = NULL;

        if (!types || !function)
                return NULL;
        class = PyObject_GetAttrString(types, "SimpleNamespace");
        args = PyTuple_New(0);
        kwargs = Py_BuildValue("{sO}", "find_spec", function);
        if (!class || !args || !kwargs)
                return NULL;
        return PyObject_Call(class, args, kwargs);
}

/* Whether name is a denied module or inside a denied package. */
static int policy_denies(PyObject *denied, PyObject *name) {
        _cleanup_python_ PyObject *iterator = PyObject_GetIter(denied);
        PyObject *item;
        int r = 0;

        while (iterator && r == 0 && (item = PyIter_Next(iterator))) {
                _cleanup_python_ PyObject *package = PyUnicode_FromFormat("%U.", item);

                r = package ? PyUnicode_Compare(item, name) == 0 ||
                                      PyUnicode_Tailmatch(name, package, 0, PY_SSIZE_T_MAX, -1) == 1
                            : -1;
                Py_DECREF(item);
        }
        return PyErr_Occurred() ? -1 : r;
}

/* What is in sys.modules is never asked of a finder. */
static int policy_forget(PyObject *denied) {
        PyObject *modules = PyImport_GetModuleDict(), *name;
        _cleanup_python_ PyObject *names = PyDict_Keys(modules);

        if (!names)
                return -1;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
                int r;

                name = PyList_GET_ITEM(names, i);
                r = policy_denies(denied, name);
                if (r < 0 || (r > 0 && PyDict_DelItem(modules, name) < 0))
                        return -1;
        }
        return 0;
}

int policy_install(const char *deny_modules) {
        _cleanup_python_ PyObject *denied = NULL, *finder = NULL;
        PyObject *meta_path = PySys_GetObject("meta_path"); /* borrowed */

        if (deny_modules[0] == '\0')
                return 0;
        denied = policy_parse(deny_modules);
        finder = denied ? policy_new_finder(denied) : NULL;
        if (!finder || policy_forget(denied) < 0)
                return -1;
        if (!meta_path) {
                PyErr_SetString(PyExc_RuntimeError, "sys.meta_path is missing");
                return -1;
        }
        return PyList_Insert(meta_path, 0, finder);
}

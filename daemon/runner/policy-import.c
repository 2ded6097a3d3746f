/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "basic/macro.h"
#include "runner/policy.h"

/* What C code imports by name while a program's frame runs (PyImport_Import) must work, but these
 * would be doors. */
static bool import_is_door(PyObject *name) {
        static const char *const doors[] = {
                "_imp", "ctypes", "fcntl",  "gc",     "importlib", "mmap",       "os",  "posix",
                "pty",  "pwd",    "select", "signal", "socket",    "subprocess", "sys",
        };

        FOREACH_ARRAY(door, doors, ELEMENTSOF(doors))
                if (PyUnicode_CompareWithASCIIString(name, *door) == 0)
                        return true;
        return false;
}

/* The outermost package of it that is not allowed either: as Python itself, which does not look for
 * what is in a package that it has not found. */
static PyObject *import_culprit(PyObject *name) {
        _cleanup_python_ PyObject *culprit = Py_NewRef(name);

        for (;;) {
                PyObject *parent = policy_name_parent(culprit);
                int r = parent ? policy_is_allowed(parent) : 1;

                if (r != 0) {
                        Py_XDECREF(parent);
                        return PyErr_Occurred() ? NULL : TAKE_PTR(culprit);
                }
                Py_SETREF(culprit, parent);
        }
}

/* Refuses: ModuleNotFoundError, and the broker is told, whatever the program does with it. */
static PyObject *import_refuse(PyObject *name) {
        _cleanup_python_ PyObject *culprit = import_culprit(name);
        _cleanup_python_ PyObject *explained = culprit ? policy_explain(culprit) : NULL;
        const char *reason, *subject;

        if (!explained)
                return NULL;
        reason = PyUnicode_AsUTF8(PyTuple_GET_ITEM(explained, 1));
        subject = PyUnicode_AsUTF8(culprit);
        PyErr_Clear(); /* a name with surrogates has no UTF-8 */
        policy_violation("import_policy", subject ? subject : "?", reason);
        return PyErr_SetImportErrorSubclass(PyExc_ModuleNotFoundError,
                                            PyTuple_GET_ITEM(explained, 0), culprit, NULL);
}

/* The module or the package that it is in. */
static bool import_is_part(PyObject *name, PyObject *whole) {
        Py_ssize_t size = PyUnicode_GET_LENGTH(name);

        return PyUnicode_Tailmatch(whole, name, 0, PY_SSIZE_T_MAX, -1) == 1 &&
               (size == PyUnicode_GET_LENGTH(whole) || PyUnicode_ReadChar(whole, size) == '.');
}

/* In our words, and the broker is told. */
static void import_explain_missing(PyObject *error, PyObject *missing) {
        _cleanup_python_ PyObject *explained = policy_explain(missing), *args = NULL;
        const char *subject = PyUnicode_AsUTF8(missing);

        if (!explained)
                return;
        args = PyTuple_Pack(1, PyTuple_GET_ITEM(explained, 0));
        if (args && PyObject_SetAttrString(error, "msg", PyTuple_GET_ITEM(explained, 0)) == 0)
                (void) PyObject_SetAttrString(error, "args", args);
        policy_violation("import_policy", subject ? subject : "?",
                         PyUnicode_AsUTF8(PyTuple_GET_ITEM(explained, 1)));
}

/* A module that may be imported, but is not there. */
static void import_note_missing(PyObject *name) {
        _cleanup_python_ PyObject *error = python_take_exception(), *missing = NULL;

        if (!error)
                return;
        if (Py_IS_TYPE(error, (PyTypeObject *) PyExc_ModuleNotFoundError))
                missing = PyObject_GetAttrString(error, "name");
        /* One that the module itself failed to import is the library's or the other file's matter. */
        if (missing && PyUnicode_Check(missing) && import_is_part(missing, name))
                import_explain_missing(error, missing);
        PyErr_Clear();
        PyErr_SetObject((PyObject *) Py_TYPE(error), error);
}

/* One of the five arguments of __import__(), by position or name; NULL if it is not given. */
static PyObject *import_argument(PyObject *const *args, Py_ssize_t n, PyObject *names, int i) {
        static const char *const words[] = { "name", "globals", "locals", "fromlist", "level" };

        if (i < n)
                return args[i];
        for (Py_ssize_t k = 0; names && k < PyTuple_GET_SIZE(names); k++)
                if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, k), words[i]) == 0)
                        return args[n + k];
        return NULL;
}

/* Whether a package has modules in it that are not allowed although it is. */
static int import_is_mixed(PyObject *package) {
        int r = PySet_Contains(policy.denied_parents, package);

        if (r == 0)
                r = PySet_Contains(policy.split, package);
        if (r != 0 || !policy.is_whitelist)
                return r;
        r = PySet_Contains(policy.public, package);
        return r == 0 ? PySet_Contains(policy.parents, package) : r < 0 ? r : 0;
}

/* The module that `from package import a, b` names and that is not allowed; NULL if there is none. */
static PyObject *import_find_refused(PyObject *package, PyObject *fromlist) {
        PyObject *modules = PyImport_GetModuleDict(); /* borrowed */

        if (!fromlist || !PyTuple_Check(fromlist) || import_is_mixed(package) <= 0)
                return NULL;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fromlist); i++) {
                PyObject *item = PyTuple_GET_ITEM(fromlist, i);
                _cleanup_python_ PyObject *name = NULL;

                if (!PyUnicode_Check(item))
                        continue;
                name = PyUnicode_FromFormat("%U.%U", package, item);
                if (!name)
                        return NULL;
                /* All else that has the name is no module. */
                if (policy_is_allowed(name) == 0 &&
                    (policy_is_denied(name) > 0 || PyDict_Contains(modules, name) > 0 ||
                     policy_is_runtime(name) > 0 || policy_is_withheld(package, item) > 0))
                        return TAKE_PTR(name);
        }
        return NULL;
}

/* The absolute name of a relative import of the job's own packages; NULL with an exception. */
static PyObject *import_resolve(PyObject *name, PyObject *globals, long level) {
        _cleanup_python_ PyObject *package = NULL;
        PyObject *given = globals && PyDict_Check(globals)
                                  ? PyDict_GetItemString(globals, "__package__") /* borrowed */
                                  : NULL;

        if (!given || !PyUnicode_Check(given))
                return Py_NewRef(name); /* the original says what is wrong with it */
        package = Py_NewRef(given);
        for (; package && level > 1; level--) {
                Py_ssize_t length = PyUnicode_GET_LENGTH(package);
                Py_ssize_t dot = PyUnicode_FindChar(package, '.', 0, length, -1);

                if (dot < 0)
                        break;
                Py_SETREF(package, PyUnicode_Substring(package, 0, dot));
        }
        if (!package || PyUnicode_GET_LENGTH(name) == 0)
                return TAKE_PTR(package);
        return PyUnicode_FromFormat("%U.%U", package, name);
}

/* PyImport_Import() is known by its fromlist, an empty list; no statement makes one. */
static bool import_is_from_c(PyObject *name, PyObject *fromlist) {
        return fromlist && PyList_CheckExact(fromlist) && PyList_GET_SIZE(fromlist) == 0 &&
               policy_is_runtime(name) > 0 && !import_is_door(name);
}

/* builtins.__import__ and importlib.__import__. The frame that runs says who asks, not the globals
 * that it passes. */
static PyObject *
import_module(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
        PyObject *name = import_argument(args, n, names, 0);
        PyObject *fromlist = import_argument(args, n, names, 3);
        PyObject *level = import_argument(args, n, names, 4);
        _cleanup_python_ PyObject *absolute = NULL, *refused = NULL, *module = NULL;
        long depth = 0;
        int r;

        if (!policy.is_locked || !name || !PyUnicode_Check(name) || policy_trusts_caller())
                return PyObject_Vectorcall(policy.importer, args, (size_t) n, names);
        if (level) {
                depth = PyLong_AsLong(level);
                if (depth == -1 && PyErr_Occurred())
                        return NULL;
        }
        absolute = depth > 0 ? import_resolve(name, import_argument(args, n, names, 1), depth)
                             : Py_NewRef(name);
        if (!absolute)
                return NULL;
        r = PyUnicode_GET_LENGTH(absolute) > 0 ? policy_is_allowed(absolute) : 1;
        if (r == 0)
                r = import_is_from_c(absolute, fromlist);
        if (r < 0)
                return NULL;
        if (r == 0)
                return import_refuse(absolute);
        refused = import_find_refused(absolute, fromlist);
        if (refused || PyErr_Occurred())
                return refused ? import_refuse(refused) : NULL;
        module = PyObject_Vectorcall(policy.importer, args, (size_t) n, names);
        if (!module)
                import_note_missing(absolute);
        return TAKE_PTR(module);
}

/* importlib.import_module(), which asks neither __import__() nor, for what is loaded, a finder. */
static PyObject *
import_by_name(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
        PyObject *name = n > 0 ? args[0] : NULL;
        PyObject *module;

        if (policy.is_locked && name && PyUnicode_Check(name) && PyUnicode_GET_LENGTH(name) > 0 &&
            PyUnicode_ReadChar(name, 0) != '.' && !policy_trusts_caller()) {
                int r = policy_is_allowed(name);

                if (r <= 0)
                        return r < 0 ? NULL : import_refuse(name);
                module = PyObject_Vectorcall(policy.import_by_name, args, (size_t) n, names);
                if (!module)
                        import_note_missing(name);
                return module;
        }
        return PyObject_Vectorcall(policy.import_by_name, args, (size_t) n, names);
}

/* find_spec() of the first finder: for what is not loaded, whoever asks. Without access to the host
 * nothing is loaded any more. */
static PyObject *import_find_spec(PyObject *self, PyObject *const *args, Py_ssize_t n) {
        _cleanup_python_ PyObject *message = NULL;
        int r;

        if (n < 1 || !PyUnicode_Check(args[0])) {
                PyErr_SetString(PyExc_TypeError, "find_spec() needs the name of a module");
                return NULL;
        }
        if (!policy.is_locked)
                Py_RETURN_NONE;
        if (policy_trust_later(args[0]) < 0)
                return NULL;
        r = policy_is_denied(args[0]);
        if (r == 0 && !policy.has_host_env)
                r = 1;
        if (r <= 0)
                return r < 0 ? NULL : Py_NewRef(Py_None);
        /* No name with an underscore is told to a program, which has not asked for it. */
        message = PyUnicode_GET_LENGTH(args[0]) > 0 && PyUnicode_ReadChar(args[0], 0) == '_'
                          ? PyUnicode_FromString("this part of the library is not in this sandbox")
                          : PyUnicode_FromFormat("No module named %R in this sandbox", args[0]);
        return message ? PyErr_SetImportErrorSubclass(PyExc_ModuleNotFoundError, message, args[0],
                                                      NULL)
                       : NULL;
}

#define FUNCTION(f) ((PyCFunction) (void (*)(void))(f))

static PyMethodDef import_module_def = {
        "__import__",
        FUNCTION(import_module),
        METH_FASTCALL | METH_KEYWORDS,
        PyDoc_STR("__import__($module, name, globals=None, locals=None, fromlist=(), level=0)\n"
                  "--\n\nImport a module that the profile of the sandbox offers."),
};

static PyMethodDef import_by_name_def = {
        "import_module",
        FUNCTION(import_by_name),
        METH_FASTCALL | METH_KEYWORDS,
        PyDoc_STR("import_module($module, name, package=None)\n--\n\n"
                  "Import a module that the profile of the sandbox offers."),
};

static PyMethodDef import_find_spec_def = {
        "find_spec",
        FUNCTION(import_find_spec),
        METH_FASTCALL,
        NULL,
};

/* Puts our function where another one is, which *ret_original gets. */
static int import_replace(PyObject *module, PyMethodDef *def, PyObject **ret_original) {
        _cleanup_python_ PyObject *name = PyUnicode_FromString(PyModule_GetName(module));
        _cleanup_python_ PyObject *function = NULL;

        *ret_original = PyObject_GetAttrString(module, def->ml_name);
        function = name && *ret_original ? PyCFunction_NewEx(def, NULL, name) : NULL;
        return function ? PyObject_SetAttrString(module, def->ml_name, function) : -1;
}

static int import_add_finder(void) {
        _cleanup_python_ PyObject *types = PyImport_ImportModule("types");
        _cleanup_python_ PyObject *function = PyCFunction_New(&import_find_spec_def, NULL);
        _cleanup_python_ PyObject *class = NULL, *args = NULL, *kwargs = NULL, *finder = NULL;
        PyObject *meta_path = PySys_GetObject("meta_path"); /* borrowed */

        if (!types || !function || !meta_path)
                return -1;
        class = PyObject_GetAttrString(types, "SimpleNamespace");
        args = PyTuple_New(0);
        kwargs = Py_BuildValue("{sO}", "find_spec", function);
        finder = class && args && kwargs ? PyObject_Call(class, args, kwargs) : NULL;
        return finder ? PyList_Insert(meta_path, 0, finder) : -1;
}

int policy_import_install(void) {
        _cleanup_python_ PyObject *builtins = PyImport_ImportModule("builtins");
        _cleanup_python_ PyObject *importlib = PyImport_ImportModule("importlib");
        _cleanup_python_ PyObject *machinery = PyImport_ImportModule("importlib.machinery");
        _cleanup_python_ PyObject *path_finder = NULL, *importer = NULL, *unused = NULL;

        if (!builtins || !importlib || !machinery)
                return -1;
        path_finder = PyObject_GetAttrString(machinery, "PathFinder");
        policy.path_find = path_finder ? PyObject_GetAttrString(path_finder, "find_spec") : NULL;
        if (!policy.path_find ||
            import_replace(builtins, &import_module_def, &policy.importer) < 0 ||
            import_replace(importlib, &import_by_name_def, &policy.import_by_name) < 0)
                return -1;
        importer = PyObject_GetAttrString(builtins, "__import__");
        unused = importer ? PyObject_GetAttrString(importlib, "__import__") : NULL;
        if (!unused || PyObject_SetAttrString(importlib, "__import__", importer) < 0)
                return -1;
        return import_add_finder();
}

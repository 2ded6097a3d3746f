/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include <errno.h>
#include <string.h>

#include "runner/policy.h"

/* Stands where a function was that reaches the host. What it raises is an OSError and a ValueError,
 * both of which library code expects of such a function. */

/* The interpreter itself looks for the line of a program that it shows in a message; that is no
 * attempt of the program. */
static bool stub_is_display(PyObject *args) {
        PyObject *path = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : NULL;
        PyObject *mode = PyTuple_GET_SIZE(args) == 2 ? PyTuple_GET_ITEM(args, 1) : NULL;
        bool is_binary =
                mode && PyUnicode_Check(mode) && PyUnicode_CompareWithASCIIString(mode, "rb") == 0;

        if (!is_binary || !PyUnicode_Check(path) || PyUnicode_GET_LENGTH(path) == 0)
                return false;
        return PyUnicode_ReadChar(path, 0) == '<' ||
               PyUnicode_ReadChar(path, PyUnicode_GET_LENGTH(path) - 1) == 'y';
}

static PyObject *stub_call(PyObject *name, PyObject *args, PyObject *kwargs) {
        _cleanup_python_ PyObject *io = PyImport_ImportModule("_io");
        _cleanup_python_ PyObject *class =
                io ? PyObject_GetAttrString(io, "UnsupportedOperation") : NULL;
        _cleanup_python_ PyObject *message = NULL, *error = NULL;
        const char *text = PyUnicode_AsUTF8(name);

        if (!class || !text)
                return NULL;
        if (policy.is_locked && !policy_trusts_caller() && !stub_is_display(args))
                policy_violation("audit_hook", text, NULL);
        message = PyUnicode_FromFormat("%s() is not available in this sandbox", text);
        /* For pathlib a file that is not there needs its errno. */
        if (message && (strcmp(text, "os.stat") == 0 || strcmp(text, "os.lstat") == 0))
                error = PyObject_CallFunction(class, "iO", ENOENT, message);
        else if (message)
                error = PyObject_CallOneArg(class, message);
        if (error)
                PyErr_SetObject(class, error);
        return NULL;
}

static PyMethodDef stub_defs[] = {
        { "open", (PyCFunction) (void (*)(void)) stub_call, METH_VARARGS | METH_KEYWORDS,
          PyDoc_STR("There are no files in this sandbox.") },
        { "unavailable", (PyCFunction) (void (*)(void)) stub_call, METH_VARARGS | METH_KEYWORDS,
          PyDoc_STR("Not available in this sandbox.") },
};

PyObject *host_env_new_stub(PyObject *name) {
        bool is_open = PyUnicode_CompareWithASCIIString(name, "open") == 0;

        return PyCFunction_New(&stub_defs[is_open ? 0 : 1], name);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Python.h, which wants to be the first header of a source file, and the few things that differ
 * between the versions that we support (3.11 and later). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "basic/cleanup.h"

static inline void python_decref(PyObject *o) {
        Py_DECREF(o);
}
DEFINE_CLEANUP(PyObject *, python_decref);

#define _cleanup_python_ _cleanup_(python_decrefp)

/* The exception that is set, normalised and with its traceback; NULL if there is none. */
static inline PyObject *python_take_exception(void) {
#if PY_VERSION_HEX >= 0x030c0000
        return PyErr_GetRaisedException();
#else
        PyObject *type, *value, *traceback;

        PyErr_Fetch(&type, &value, &traceback);
        if (!type)
                return NULL;
        PyErr_NormalizeException(&type, &value, &traceback);
        /* None is one, too: the frames of importlib that CPython has cut off must not come back. */
        if (value)
                (void) PyException_SetTraceback(value, traceback ? traceback : Py_None);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
        return value;
#endif
}

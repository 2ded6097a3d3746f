/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/compile.h"

#include "runner/frozen.h"
#include "runner/interp.h"

static PyObject *compile_list(char **arguments, int n_arguments) {
        _cleanup_python_ PyObject *list = PyList_New(0);

        for (int i = 0; list && i < n_arguments; i++) {
                _cleanup_python_ PyObject *item = PyUnicode_DecodeFSDefault(arguments[i]);

                if (!item || PyList_Append(list, item) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

/* An exception ends like that of any script: SystemExit by its status, all else by a traceback. */
static int compile_failed(void) {
        PyErr_Print();
        return 1;
}

static int compile_run(const char *name, char **arguments, int n_arguments) {
        _cleanup_python_ PyObject *list = NULL, *module = NULL, *status = NULL;
        int r;

        list = compile_list(arguments, n_arguments);
        module = list ? PyImport_ImportModule(name) : NULL;
        status = module ? PyObject_CallMethod(module, "main", "O", list) : NULL;
        if (!status)
                return compile_failed();
        r = status == Py_None ? 0 : (int) PyLong_AsLong(status);
        return PyErr_Occurred() ? compile_failed() : r;
}

int compile_main(const char *module, char **arguments, int n_arguments) {
        int r;

        if (interp_start(frozen_modules, "") < 0)
                return 1;
        r = compile_run(module, arguments, n_arguments);
        /* Writes standard output out. No object of ours may live on. */
        return Py_FinalizeEx() < 0 ? 1 : r;
}

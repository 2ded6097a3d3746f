/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/report.h"

#include <string.h>
#include <unistd.h>

#include "basic/io.h"
#include "runner/frame.h"
#include "runner/warm.h"

/* The default of CPython: a program may have set one that leaves no room to format a traceback. */
#define RECURSION_LIMIT 1000

static void report_print_exit(PyObject *code) {
        PyObject *file = PySys_GetObject("stderr"); /* borrowed */
        _cleanup_python_ PyObject *flushed = NULL;

        if (!file || file == Py_None)
                return;
        Py_INCREF(file);
        if (PyFile_WriteObject(code, file, Py_PRINT_RAW) == 0 &&
            PyFile_WriteString("\n", file) == 0)
                flushed = PyObject_CallMethod(file, "flush", NULL);
        PyErr_Clear();
        Py_DECREF(file);
}

int report_system_exit(PyObject *error) {
        _cleanup_python_ PyObject *code = PyObject_GetAttrString(error, "code");

        if (!code) {
                PyErr_Clear();
                code = Py_NewRef(error);
        }
        if (code == Py_None)
                return 0;
        if (PyLong_Check(code)) {
                int status = (int) PyLong_AsLong(code); /* -1 if it does not fit */

                PyErr_Clear();
                return status & 0xff;
        }
        report_print_exit(code);
        return 1;
}

static int report_take_text(PyObject *tuple, Py_ssize_t i, Field *ret_field) {
        PyObject *item = PyTuple_GetItem(tuple, i); /* borrowed */
        Py_ssize_t size;
        char *data;

        if (!item || PyBytes_AsStringAndSize(item, &data, &size) < 0)
                return -1;
        *ret_field = (Field){ .data = data, .size = (size_t) size };
        return 0;
}

/* Fills in what bootstrap.describe() returned; the texts live as long as the tuple. */
static int report_fill(PyObject *described, ExceptionInfo *info) {
        PyObject *line = PyTuple_GetItem(described, 3); /* borrowed */

        if (report_take_text(described, 0, &info->type) < 0 ||
            report_take_text(described, 1, &info->message) < 0 ||
            report_take_text(described, 2, &info->traceback) < 0 || !line)
                return -1;
        info->line = (uint32_t) PyLong_AsUnsignedLong(line);
        return PyErr_Occurred() ? -1 : 0;
}

/* All that can be said without memory, and without asking the exception. */
static void report_minimal(PyObject *error, ExceptionInfo *info) {
        const char *name = Py_TYPE(error)->tp_name;

        PyErr_Clear();
        info->type = (Field){ .data = name, .size = strlen(name) };
        info->message = info->traceback = (Field){ .data = "", .size = 0 };
        info->line = 0;
}

static int report_show(PyObject *error, PyObject *described) {
        _cleanup_python_ PyObject *shown = PyObject_CallMethod(warm.bootstrap, "show", "OO", error,
                                                               PyTuple_GetItem(described, 4));
        _cleanup_python_ PyObject *failure = shown ? NULL : python_take_exception();

        /* Only sys.excepthook can end it otherwise. */
        if (failure && PyErr_GivenExceptionMatches(failure, PyExc_SystemExit))
                return report_system_exit(failure);
        return 1;
}

int report_exception(PyObject *error, int channel_fd) {
        _cleanup_python_ PyObject *described = NULL;
        ExceptionInfo info = {
                .is_memory_error = PyErr_GivenExceptionMatches(error, PyExc_MemoryError),
        };

        warm_release_reserve();
        if (Py_GetRecursionLimit() < RECURSION_LIMIT)
                Py_SetRecursionLimit(RECURSION_LIMIT);
        described =
                PyObject_CallMethod(warm.bootstrap, "describe", "O(III)", error, EXCEPTION_TYPE_MAX,
                                    EXCEPTION_MESSAGE_MAX, EXCEPTION_TRACEBACK_MAX);
        if (!described || report_fill(described, &info) < 0)
                report_minimal(error, &info);
        if (channel_fd >= 0)
                (void) frame_send_exception(channel_fd, &info);
        if (described)
                return report_show(error, described);
        (void) io_write_full(STDERR_FILENO, info.type.data, info.type.size);
        (void) io_write_full(STDERR_FILENO, "\n", 1);
        return 1;
}

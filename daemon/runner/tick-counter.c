/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/tick-counter.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "runner/frame.h"

/* Of this process: there is one job. A child that the program forks counts for itself, and says nothing. */
static struct {
        uint64_t limit, left;
        pid_t owner; /* 0 is nobody: nothing is counted */
        bool is_exceeded;
        PyObject *counter;
        PyObject *error; /* the class TickLimit */
} ticks;

/* Again at each further tick: a handler that has caught it does not get far. */
static PyObject *counter_refuse(void) {
        ticks.is_exceeded = true;
        return PyErr_Format(ticks.error, "tick limit of %llu reached",
                            (unsigned long long) ticks.limit);
}

static PyObject *counter_invert(PyObject *self) {
        if (ticks.left == 0)
                return counter_refuse();
        ticks.left--;
        return Py_NewRef(Py_False);
}

/* A tick is `~counter`: three instructions, no name that a program could see or hide, no call that a
 * profiler or a traceback could show. */
static PyType_Slot counter_type_slots[] = {
        { Py_nb_invert, counter_invert },
        {},
};

static PyType_Spec counter_spec = {
        .name = "_sandbox.tick_counter",
        .basicsize = sizeof(PyObject),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = counter_type_slots,
};

/* (frozenset(),): the compiler takes it as a constant, and no source can have it. */
static PyObject *mark_new(void) {
        _cleanup_python_ PyObject *empty = PyFrozenSet_New(NULL);

        return empty ? PyTuple_Pack(1, empty) : NULL;
}

static bool object_is_mark(PyObject *o) {
        return PyTuple_CheckExact(o) && PyTuple_GET_SIZE(o) == 1 &&
               PyFrozenSet_CheckExact(PyTuple_GET_ITEM(o, 0)) &&
               PySet_GET_SIZE(PyTuple_GET_ITEM(o, 0)) == 0;
}

PyDoc_STRVAR(
        bind_doc,
        "bind($module, code, /)\n--\n\n"
        "Put the counter where the constant MARK is. The code must be new: nobody else has seen\n"
        "its constants, nor has it run.");

static PyObject *counter_bind(PyObject *module, PyObject *code) {
        PyObject *constants; /* borrowed */

        if (!PyCode_Check(code))
                return PyErr_Format(PyExc_TypeError, "not code");
        constants = ((PyCodeObject *) code)->co_consts;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
                PyObject *constant = PyTuple_GET_ITEM(constants, i);

                if (!object_is_mark(constant))
                        continue;
                PyTuple_SET_ITEM(constants, i, Py_NewRef(ticks.counter));
                Py_DECREF(constant);
        }
        Py_RETURN_NONE;
}

PyDoc_STRVAR(start_doc,
             "start($module, limit, /)\n--\n\n"
             "This process may use so many ticks from now on.");

static PyObject *counter_start(PyObject *module, PyObject *number) {
        unsigned long long limit = PyLong_AsUnsignedLongLong(number);

        if (PyErr_Occurred())
                return NULL;
        ticks.limit = ticks.left = limit;
        ticks.owner = getpid();
        ticks.is_exceeded = false;
        Py_RETURN_NONE;
}

void tick_counter_report(void) {
        struct {
                FieldHeader count_header;
                uint64_t count;
                FieldHeader exceeded_header;
        } payload = {
                .count_header = { .size = sizeof(payload.count), .type = FIELD_TICKS_COUNT },
                .count = ticks.limit - ticks.left,
                .exceeded_header = { .type = FIELD_TICKS_EXCEEDED },
        };
        size_t size = sizeof(payload);

        if (ticks.owner != getpid())
                return;
        if (!ticks.is_exceeded)
                size -= sizeof(payload.exceeded_header);
        (void) frame_send(RUNNER_FD_CHANNEL, FRAME_TICKS, &payload, size);
}

PyDoc_STRVAR(tick_limit_doc,
             "The program has used up its ticks: loop iterations and function entries.");

static int counter_exec(PyObject *module) {
        _cleanup_python_ PyObject *type = PyType_FromSpec(&counter_spec), *mark = mark_new();

        if (!type || !mark)
                return -1;
        ticks.counter = PyType_GenericAlloc((PyTypeObject *) type, 0);
        ticks.error = PyErr_NewExceptionWithDoc("_sandbox.TickLimit", tick_limit_doc,
                                                PyExc_BaseException, NULL);
        if (!ticks.counter || !ticks.error ||
            PyModule_AddObjectRef(module, "TickLimit", ticks.error) < 0)
                return -1;
        return PyModule_AddObjectRef(module, "MARK", mark);
}

static PyMethodDef counter_methods[] = {
        { "bind", counter_bind, METH_O, bind_doc },
        { "start", counter_start, METH_O, start_doc },
        {},
};

static PyModuleDef_Slot counter_slots[] = {
        { Py_mod_exec, counter_exec },
        {},
};

static struct PyModuleDef counter_module = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_tick_counter",
        .m_methods = counter_methods,
        .m_slots = counter_slots,
};

PyObject *tick_counter_module_init(void) {
        return PyModuleDef_Init(&counter_module);
}

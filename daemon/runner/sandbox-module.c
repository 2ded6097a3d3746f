/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/sandbox-module.h"

#include <errno.h>

#include "basic/macro.h"
#include "runner/frame.h"

typedef struct SandboxState {
        PyObject *encode; /* json.JSONEncoder(...).encode */
        uint64_t result_max_bytes;
} SandboxState;

PyDoc_STRVAR(sandbox_result_doc,
             "result($module, value, /)\n--\n\n"
             "Set the result of the job: a value that JSON can carry. The last call counts.\n\n"
             "Raises TypeError or ValueError for a value that JSON cannot carry, and ValueError\n"
             "for one whose JSON text is longer than the limit of the job.");

static PyObject *sandbox_result(PyObject *module, PyObject *value) {
        SandboxState *state = PyModule_GetState(module);
        _cleanup_python_ PyObject *text = NULL, *data = NULL;
        size_t size;
        int r;

        text = PyObject_CallOneArg(state->encode, value);
        if (!text)
                return NULL;
        data = PyUnicode_AsUTF8String(text);
        if (!data)
                return NULL;
        size = (size_t) PyBytes_GET_SIZE(data);
        if (size > MIN(state->result_max_bytes, (uint64_t) FRAME_PAYLOAD_MAX))
                return PyErr_Format(PyExc_ValueError,
                                    "the result has %zu bytes of JSON, the result limit is %llu",
                                    size, (unsigned long long) state->result_max_bytes);
        /* The GIL is kept: frames of two threads must not mix. */
        r = frame_send(RUNNER_FD_CHANNEL, FRAME_RESULT, PyBytes_AS_STRING(data), size);
        if (r < 0) {
                errno = -r;
                return PyErr_SetFromErrno(PyExc_OSError);
        }
        Py_RETURN_NONE;
}

/* Loaded in the template, once: json is at hand even where no file can be opened, and later changes
 * to it by a program do not matter. */
static int sandbox_exec(PyObject *module) {
        SandboxState *state = PyModule_GetState(module);
        _cleanup_python_ PyObject *json = PyImport_ImportModule("json");
        _cleanup_python_ PyObject *class = NULL, *args = NULL, *kwargs = NULL, *encoder = NULL;

        if (!json)
                return -1;
        class = PyObject_GetAttrString(json, "JSONEncoder");
        args = PyTuple_New(0);
        kwargs = Py_BuildValue("{sOsO}", "allow_nan", Py_False, "ensure_ascii", Py_False);
        if (!class || !args || !kwargs)
                return -1;
        encoder = PyObject_Call(class, args, kwargs);
        if (!encoder)
                return -1;
        state->encode = PyObject_GetAttrString(encoder, "encode");
        return state->encode ? 0 : -1;
}

static int sandbox_traverse(PyObject *module, visitproc visit, void *arg) {
        SandboxState *state = PyModule_GetState(module);

        Py_VISIT(state->encode);
        return 0;
}

static int sandbox_clear(PyObject *module) {
        SandboxState *state = PyModule_GetState(module);

        Py_CLEAR(state->encode);
        return 0;
}

static void sandbox_free(void *module) {
        (void) sandbox_clear(module);
}

static PyMethodDef sandbox_methods[] = {
        { "result", sandbox_result, METH_O, sandbox_result_doc },
        {},
};

static PyModuleDef_Slot sandbox_slots[] = {
        { Py_mod_exec, sandbox_exec },
        {},
};

PyDoc_STRVAR(sandbox_doc, "What a program can ask of the sandbox that it runs in.");

static struct PyModuleDef sandbox_module = {
        PyModuleDef_HEAD_INIT,          .m_name = "_sandbox",         .m_doc = sandbox_doc,
        .m_size = sizeof(SandboxState), .m_methods = sandbox_methods, .m_slots = sandbox_slots,
        .m_traverse = sandbox_traverse, .m_clear = sandbox_clear,     .m_free = sandbox_free,
};

PyObject *sandbox_module_init(void) {
        return PyModuleDef_Init(&sandbox_module);
}

void sandbox_module_set_result_max(PyObject *module, uint64_t bytes) {
        SandboxState *state = PyModule_GetState(module);

        state->result_max_bytes = bytes;
}

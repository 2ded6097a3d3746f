/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "runner/channel-module.h"
#include "runner/frame.h"
#include "runner/interp.h"
#include "runner/policy.h"
#include "runner/report.h"
#include "runner/warm.h"

/* The broker went away, or broke the protocol: nobody reads what we have to say. */
#define EXIT_NO_REQUEST 125

/* What CPython exits with if the output could not be written and the program itself had no error. */
#define EXIT_FLUSH_FAILED 120

static PyObject *job_decode(const Field *field) {
        return PyUnicode_DecodeUTF8(field->data, (Py_ssize_t) field->size, NULL);
}

/* All fields of one type, as a list of str. */
static PyObject *job_list(const JobRequest *request, FieldType type) {
        _cleanup_python_ PyObject *list = PyList_New(0);
        const char *p = request->payload.data;
        size_t size = request->payload.size;
        Field field;

        while (list && field_next(&p, &size, &field) > 0) {
                _cleanup_python_ PyObject *item = NULL;

                if (field.type != type)
                        continue;
                item = job_decode(&field);
                if (!item || PyList_Append(list, item) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

static PyObject *job_seed(const JobRequest *request) {
        return request->has_seed ? PyLong_FromLongLong(request->seed) : Py_NewRef(Py_None);
}

/* What _sandbox has to know of the request. */
static int job_begin_sandbox(const JobRequest *request) {
        _cleanup_python_ PyObject *max = PyLong_FromUnsignedLongLong(request->result_max_bytes);
        _cleanup_python_ PyObject *tools = NULL, *r = NULL;

        if (!max || PyObject_SetAttrString(warm.sandbox, "_result_max_bytes", max) < 0)
                return -1;
        if (request->n_tools == 0)
                return 0;
        tools = job_list(request, FIELD_TOOL);
        r = tools ? PyObject_CallMethod(warm.sandbox, "_begin", "O", tools) : NULL;
        return r ? 0 : -1;
}

/* Calls bootstrap.begin(): (namespace, source text), or NULL with an exception. */
static PyObject *job_begin(const JobRequest *request, PyObject *name) {
        _cleanup_python_ PyObject *source = job_decode(&request->code);
        _cleanup_python_ PyObject *arguments = job_list(request, FIELD_ARGUMENT);
        _cleanup_python_ PyObject *environment = job_list(request, FIELD_ENVIRONMENT);
        _cleanup_python_ PyObject *seed = job_seed(request);

        if (!source || !arguments || !environment || !seed)
                return NULL;
        if (job_begin_sandbox(request) < 0)
                return NULL;
        return PyObject_CallMethod(warm.bootstrap, "begin", "OOOOO", name, source, arguments,
                                   environment, seed);
}

/* Compiles and runs the program from here, not from Python, so that its frame is the outermost one
 * as in any script. Returns NULL with an exception set. */
static PyObject *job_execute(PyObject *name, PyObject *begun) {
        PyObject *namespace, *source; /* borrowed */
        _cleanup_python_ PyObject *code = NULL;

        if (!PyArg_ParseTuple(begun, "OO", &namespace, &source))
                return NULL;
        code = PyObject_CallFunction(warm.compile, "OOsiO", source, name, "exec", 0, Py_True);
        if (!code)
                return NULL;
        policy_lock();
        return PyEval_EvalCode(code, namespace, namespace);
}

/* Returns the exit status. job_pid tells the job's main process from those that it forked: only the
 * main one speaks for the job. */
static int job_run(const JobRequest *request, pid_t job_pid) {
        _cleanup_python_ PyObject *name = job_decode(&request->source_name);
        _cleanup_python_ PyObject *begun = NULL, *result = NULL, *error = NULL;

        if (name)
                begun = job_begin(request, name);
        if (begun)
                result = job_execute(name, begun);
        if (result)
                return 0;
        error = python_take_exception();
        if (!error)
                return 1;
        if (PyErr_GivenExceptionMatches(error, PyExc_SystemExit))
                return report_system_exit(error);
        return report_exception(error, name ? name : Py_None,
                                getpid() == job_pid ? RUNNER_FD_CHANNEL : -EBADF);
}

/* 0, or -1 if the stream could not be written out. */
static int job_flush(const char *name) {
        PyObject *file = PySys_GetObject(name); /* borrowed */
        _cleanup_python_ PyObject *closed = NULL, *r = NULL, *owned = NULL;

        if (!file || file == Py_None)
                return 0;
        owned = Py_NewRef(file);
        closed = PyObject_GetAttrString(file, "closed");
        PyErr_Clear();
        if (closed && PyObject_IsTrue(closed) > 0)
                return 0;
        r = PyObject_CallMethod(file, "flush", NULL);
        if (r)
                return 0;
        PyErr_WriteUnraisable(file);
        return -1;
}

static void job_call(PyObject *module, const char *function) {
        _cleanup_python_ PyObject *r = PyObject_CallMethod(module, function, NULL);

        if (!r)
                PyErr_WriteUnraisable(module);
}

/* The order of Py_FinalizeEx(): threads, exit functions, output, destructors. What follows there only
 * gives memory back. */
static int job_finish(int status) {
        _cleanup_python_ PyObject *name = PyUnicode_FromString("threading");
        _cleanup_python_ PyObject *threading = name ? PyImport_GetModule(name) : NULL;
        int r;

        if (threading)
                job_call(threading, "_shutdown");
        PyErr_Clear();
        job_call(warm.atexit, "_run_exitfuncs");
        r = job_flush("stdout") | job_flush("stderr");
        job_call(warm.bootstrap, "forget_main");
        r |= job_flush("stdout") | job_flush("stderr");
        return status == 0 && r < 0 ? EXIT_FLUSH_FAILED : status;
}

/* Waits for the request. The process may wait here for a long time, and may be killed there. */
static int job_receive(JobRequest *ret_request) {
        _cleanup_free_ char *payload = NULL;
        size_t size;
        int r;

        r = frame_receive(RUNNER_FD_CHANNEL, FRAME_JOB, &payload, &size);
        if (r == 0)
                return -ENODATA;
        if (r < 0)
                return r;
        r = job_request_parse(payload, size, ret_request);
        if (r < 0)
                return r;
        (void) TAKE_PTR(payload); /* the request points into it, to the end of the process */
        return 0;
}

void job_main(void) {
        _cleanup_python_ PyObject *renewed = NULL;
        JobRequest request = {};
        pid_t job_pid = getpid();
        int r;

        PyOS_AfterFork_Child();
        channel_module_begin();
        renewed = PyObject_CallMethod(warm.bootstrap, "renew", NULL);
        if (!renewed) {
                interp_complain("cannot prepare the interpreter");
                _exit(EXIT_NO_REQUEST);
        }
        r = job_receive(&request);
        if (r < 0) {
                if (r != -ENODATA)
                        fprintf(stderr, "pysb-runner: no valid request: %s\n", strerror(-r));
                _exit(EXIT_NO_REQUEST);
        }
        r = job_run(&request, job_pid);
        _exit(job_finish(r));
}

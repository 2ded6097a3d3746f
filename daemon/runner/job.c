/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "cage/cage.h"
#include "runner/channel-module.h"
#include "runner/frame.h"
#include "runner/interp.h"
#include "runner/policy.h"
#include "runner/prefault.h"
#include "runner/report.h"
#include "runner/tick-counter.h"
#include "runner/warm.h"

/* What CPython exits with if the output could not be written and the program itself had no error. */
#define EXIT_FLUSH_FAILED 120

/* Type of a field -> list of the bytes of each. The payload has been checked. */
static PyObject *job_fields(const char *payload, size_t size) {
        _cleanup_python_ PyObject *fields = PyDict_New();
        Field field;

        while (fields && field_next(&payload, &size, &field) > 0) {
                _cleanup_python_ PyObject *type = PyLong_FromUnsignedLong(field.type);
                _cleanup_python_ PyObject *data =
                        PyBytes_FromStringAndSize(field.data, (Py_ssize_t) field.size);
                _cleanup_python_ PyObject *empty = PyList_New(0);
                PyObject *list; /* borrowed */

                if (!type || !data || !empty)
                        return NULL;
                list = PyDict_SetDefault(fields, type, empty);
                if (!list || PyList_Append(list, data) < 0)
                        return NULL;
        }
        return TAKE_PTR(fields);
}

/* Lets a coroutine that the program made run to its end; anything else is as it is. Steals value. */
static PyObject *job_drive(PyObject *value, bool is_coroutine) {
        _cleanup_python_ PyObject *coroutine = is_coroutine ? value : NULL;

        if (!value || !is_coroutine)
                return value;
        return PyObject_CallMethod(warm.sandbox, "_drive", "(O)", coroutine);
}

/* Runs the code from here, not from Python, so that its frame is the outermost one as in any script.
 * Returns what the last piece evaluates to, or NULL with an exception. */
static PyObject *job_execute(PyObject *namespace, PyObject *codes) {
        _cleanup_python_ PyObject *value = Py_NewRef(Py_None);

        for (Py_ssize_t i = 0; value && i < PyList_GET_SIZE(codes); i++) {
                PyObject *code = PyList_GET_ITEM(codes, i); /* borrowed */

                Py_SETREF(value, PyEval_EvalCode(code, namespace, namespace));
                value = job_drive(value, ((PyCodeObject *) code)->co_flags & CO_COROUTINE);
        }
        return TAKE_PTR(value);
}

/* Calls what the request names, if it names something; else the value stays. */
static PyObject *job_call_callable(PyObject *value) {
        _cleanup_python_ PyObject *found = NULL, *none = NULL;
        PyObject *callable, *keywords; /* borrowed */

        found = PyObject_CallMethod(warm.program, "find_callable", NULL);
        if (!found)
                return NULL;
        if (found == Py_None)
                return Py_NewRef(value);
        if (!PyArg_ParseTuple(found, "OO!", &callable, &PyDict_Type, &keywords))
                return NULL;
        none = PyTuple_New(0);
        value = none ? PyObject_Call(callable, none, keywords) : NULL;
        return job_drive(value, value && PyCoro_CheckExact(value));
}

/* From here on the program may have its say. */
static PyObject *job_start(PyObject *namespace, PyObject *codes) {
        _cleanup_python_ PyObject *loaded = NULL, *value = NULL;

        policy_lock();
        loaded = PyObject_CallMethod(warm.program, "load", NULL);
        if (!loaded)
                return NULL;
        value = job_execute(namespace, loaded == Py_None ? codes : loaded);
        return value ? job_call_callable(value) : NULL;
}

/* The exit status, or -1 with an exception: of the program, or of a value that cannot be returned. */
static int job_perform(const char *begin, PyObject *fields, pid_t job_pid) {
        _cleanup_python_ PyObject *begun = NULL, *value = NULL, *finished = NULL;
        PyObject *namespace, *codes; /* borrowed */
        int r;

        begun = PyObject_CallMethod(warm.program, begin, "(O)", fields);
        if (begun && PyLong_Check(begun)) /* nothing is to be run */
                return (int) PyLong_AsLong(begun);
        if (!begun || !PyArg_ParseTuple(begun, "OO", &namespace, &codes))
                return -1;
        r = frame_send(RUNNER_FD_CHANNEL, FRAME_RUNNING, NULL, 0);
        if (r < 0) {
                errno = -r;
                (void) PyErr_SetFromErrno(PyExc_OSError);
                return -1;
        }
        value = job_start(namespace, codes);
        if (!value)
                return -1;
        if (getpid() != job_pid)
                return 0;
        finished = PyObject_CallMethod(warm.program, "finish", "(O)", value);
        return finished ? 0 : -1;
}

/* The exit status of SystemExit. A program that exits with 0 has ended well, too. */
static int job_exit(PyObject *error, bool speaks) {
        int status = report_system_exit(error);
        _cleanup_python_ PyObject *finished = NULL, *failure = NULL;

        if (status != 0 || !speaks)
                return status;
        finished = PyObject_CallMethod(warm.program, "finish_exit", NULL);
        if (finished)
                return status;
        failure = python_take_exception();
        return failure ? report_exception(failure, RUNNER_FD_CHANNEL) : 1;
}

/* Returns the exit status. begin is what prepares it; job_pid tells the job's main process from those that
 * it forked: only the main one speaks for the job. */
static int job_run(const char *begin, PyObject *fields, pid_t job_pid) {
        _cleanup_python_ PyObject *error = NULL;
        bool speaks;
        int r = fields ? job_perform(begin, fields, job_pid) : -1;

        if (r >= 0)
                return r;
        speaks = getpid() == job_pid;
        error = python_take_exception();
        if (!error)
                return 1;
        if (PyErr_GivenExceptionMatches(error, PyExc_SystemExit))
                return job_exit(error, speaks);
        return report_exception(error, speaks ? RUNNER_FD_CHANNEL : -EBADF);
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
        job_call(warm.program, "forget");
        r |= job_flush("stdout") | job_flush("stderr");
        return status == 0 && r < 0 ? EXIT_FLUSH_FAILED : status;
}

/* Waits for the request. The process may wait here for a long time, and may be killed there. */
static int job_receive(PyObject **ret_fields) {
        _cleanup_free_ char *payload = NULL;
        size_t size;
        int r;

        r = frame_receive(RUNNER_FD_CHANNEL, FRAME_JOB, &payload, &size);
        if (r == 0)
                return -ENODATA;
        if (r ==
            -ENOMEM) { /* a limit that is too small for the request: the job's own end, as below */
                (void) PyErr_NoMemory();
                return 0;
        }
        if (r < 0)
                return r;
        r = job_payload_check(payload, size);
        if (r < 0)
                return r;
        *ret_fields = job_fields(payload, size); /* NULL with an exception is the job's own end */
        return 0;
}

static bool job_is_session(PyObject *fields) {
        _cleanup_python_ PyObject *type = PyLong_FromUnsignedLong(FIELD_SESSION);

        return fields && type && PyDict_Contains(fields, type) > 0;
}

/* The fields of the next cell, None for a branch, or NULL: the session is over. */
static PyObject *session_next(void) {
        _cleanup_python_ PyObject *payload = channel_module_next_job(warm.sandbox);

        if (!payload) {
                PyErr_Clear();
                return NULL;
        }
        if (payload == Py_None)
                return Py_NewRef(payload);
        if (job_payload_check(PyBytes_AS_STRING(payload), (size_t) PyBytes_GET_SIZE(payload)) < 0)
                return NULL;
        return job_fields(PyBytes_AS_STRING(payload), (size_t) PyBytes_GET_SIZE(payload));
}

/* From here on SIGINT is nobody's. What has come before, and was not raised in the cell, is not raised in
 * the next one either. Returns the handler for the next cell, which may be the program's. */
static PyOS_sighandler_t session_ignore_interrupts(void) {
        PyOS_sighandler_t handler = PyOS_setsig(SIGINT, SIG_IGN);

        if (PyErr_CheckSignals() < 0)
                PyErr_Clear();
        return handler;
}

/* One whose start has failed leaves its state behind, with no number of its own. */
static bool python_has_threads(void) {
        unsigned long own = PyThreadState_Get()->thread_id;
        PyThreadState *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());

        for (; t; t = PyThreadState_Next(t))
                if (t->thread_id != 0 && t->thread_id != own)
                        return true;
        return false;
}

static int session_end_cell(int status) {
        uint32_t word = (uint32_t) status;

        if ((job_flush("stdout") | job_flush("stderr")) < 0 && status == 0)
                word = EXIT_FLUSH_FAILED;
        tick_counter_report();
        return frame_send(RUNNER_FD_CHANNEL, FRAME_CELL_END, &word, sizeof(word));
}

/* Forks: the branch goes on as this does, with a broker of its own at the end of its channel. Returns -1 if there
 * is nobody to be told why there is none. */
static int session_branch(void) {
        _cleanup_python_ PyObject *kept = NULL, *done = NULL;
        uint32_t refusal = BRANCH_REFUSED_FAILED;
        int pid = -EAGAIN;

        if (!python_has_threads()) {
                PyOS_BeforeFork();
                kept = PyObject_CallMethod(warm.program, "before_branch", NULL);
                pid = cage_fork_branch();
                if (pid == 0) {
                        PyOS_AfterFork_Child();
                        if (kept)
                                done = PyObject_CallMethod(warm.program, "after_branch", "(O)",
                                                           kept);
                        (void) channel_module_begin(); /* it has one of its own */
                } else
                        PyOS_AfterFork_Parent();
        }
        PyErr_Clear();
        if (pid == 0)
                return 0;
        if (pid > 0)
                refusal = BRANCH_MADE;
        else if (
                pid ==
                -EAGAIN) /* no place for one more: others of the box, or such as Python knows nothing of */
                refusal = BRANCH_REFUSED_THREADS;
        return frame_send(RUNNER_FD_CHANNEL, FRAME_CELL_END, &refusal, sizeof(refusal));
}

/* One cell after the other, until the broker closes the channel. Returns the exit status of the process:
 * also of a child that a cell has forked, whose end is the end of that cell. */
static int session_run(PyObject *fields, pid_t job_pid) {
        _cleanup_python_ PyObject *opened = NULL, *error = NULL;
        const uint32_t ready = 0;
        PyOS_sighandler_t handler;

        opened = PyObject_CallMethod(warm.program, "open_session", "(O)", fields);
        if (!opened) {
                error = python_take_exception();
                return error ? report_exception(error, -EBADF) : 1;
        }
        policy_lock();
        handler = session_ignore_interrupts();
        if (frame_send(RUNNER_FD_CHANNEL, FRAME_CELL_END, &ready, sizeof(ready)) < 0)
                return 0;
        for (;;) {
                _cleanup_python_ PyObject *cell = session_next();
                int status;

                if (!cell)
                        return 0;
                if (cell == Py_None) {
                        if (session_branch() < 0)
                                return 0;
                        job_pid = getpid();
                        continue;
                }
                (void) PyOS_setsig(SIGINT, handler);
                status = job_run("begin_cell", cell, job_pid);
                if (getpid() != job_pid)
                        return status;
                handler = session_ignore_interrupts();
                if (session_end_cell(status) < 0)
                        return 0;
        }
}

static void job_on_nudge(int number) {
}

static void job_prepare(void) {
        struct sigaction nudge = { .sa_handler = job_on_nudge }; /* without SA_RESTART */
        _cleanup_python_ PyObject *renewed = NULL;

        prefault();
        (void) sigaction(RUNNER_NUDGE_SIGNAL, &nudge, NULL);
        PyOS_AfterFork_Child();
        if (channel_module_begin())
                renewed = PyObject_CallMethod(warm.bootstrap, "renew", NULL);
        if (renewed)
                return;
        interp_complain("cannot prepare the interpreter");
        _exit(RUNNER_EXIT_NO_REQUEST);
}

static void job_main(const CageBox *box) {
        _cleanup_python_ PyObject *fields = NULL;
        pid_t job_pid = getpid();
        int r;

        r = job_receive(&fields);
        if (r < 0) {
                if (r != -ENODATA)
                        fprintf(stderr, "pysb-runner: no valid request: %s\n", strerror(-r));
                _exit(RUNNER_EXIT_NO_REQUEST);
        }
        if (job_is_session(fields))
                r = session_run(fields, job_pid);
        else
                r = job_run("begin", fields, job_pid);
        r = job_finish(r);
        tick_counter_report();
        _exit(r);
}

/* All that a small job does, with nobody to listen, but for its end: with what that writes to, a box that waits would
 * have more than 1 MiB of its own. */
static void job_rehearse(void) {
        _cleanup_python_ PyObject *fields = NULL;
        int channel[2];

        job_prepare();
        if (fd_socketpair(channel, SOCK_STREAM) < 0 ||
            dup3(channel[0], RUNNER_FD_CHANNEL, O_CLOEXEC) < 0)
                _exit(RUNNER_EXIT_NO_REQUEST);
        fields = PyObject_CallMethod(warm.program, "make_trial", NULL);
        if (job_run("begin", fields, getpid()) != 0)
                _exit(1);
}

int job_learn(void) {
        return prefault_learn(job_rehearse);
}

const CageJob runner_job = { .prepare = job_prepare, .run = job_main };

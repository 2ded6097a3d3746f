/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/channel-module.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "basic/buf.h"
#include "basic/clock.h"
#include "basic/io.h"
#include "basic/macro.h"
#include "runner/frame.h"

/* Most replies come whole with one read of this size. */
#define READ_SIZE 4096

/* Of this process: there is one channel. */
static struct {
        pid_t owner; /* 0 is nobody yet */
        uint64_t last_call;
        unsigned n_calls;          /* that have no reply yet */
        PyThread_type_lock reader; /* held by the one thread that reads */
        bool is_idle;              /* between the cells of a session: nobody would answer */
        Buf in;
} channel = { .in = { .max = sizeof(FrameHeader) + FRAME_PAYLOAD_MAX + READ_SIZE } };

bool channel_module_begin(void) {
        channel.owner = getpid();
        channel.reader = PyThread_allocate_lock();
        return channel.reader;
}

static PyObject *channel_fail(int error) {
        errno = -error;
        return PyErr_SetFromErrno(PyExc_OSError);
}

static int channel_check(void) {
        if (channel.owner == getpid())
                return 0;
        (void) channel_fail(-ENOTCONN);
        return -1;
}

/* The GIL is kept: frames of two threads must not mix. */
static PyObject *channel_write(const void *frame, size_t size) {
        int r = io_write_full(RUNNER_FD_CHANNEL, frame, size);

        if (r < 0)
                return channel_fail(r);
        Py_RETURN_NONE;
}

static int field_append(Buf *frame, unsigned type, const void *data, size_t size) {
        FieldHeader h = { .size = (uint32_t) size, .type = type };
        int r;

        if (size > FRAME_PAYLOAD_MAX)
                return -EMSGSIZE;
        r = buf_append(frame, &h, sizeof(h));
        return r < 0 ? r : buf_append(frame, data, size);
}

/* Appends one (type, bytes). Returns 0, or -1 with an exception. */
static int field_append_item(Buf *frame, PyObject *item) {
        unsigned type;
        Py_ssize_t size;
        const char *data;
        int r;

        if (!PyTuple_Check(item)) {
                PyErr_SetString(PyExc_TypeError, "a field is a pair of its type and bytes");
                return -1;
        }
        if (!PyArg_ParseTuple(item, "Iy#", &type, &data, &size))
                return -1;
        r = field_append(frame, type, data, (size_t) size);
        if (r < 0) {
                (void) channel_fail(r == -ENOBUFS ? -EMSGSIZE : r);
                return -1;
        }
        return 0;
}

PyDoc_STRVAR(channel_send_doc,
             "send($module, type, fields, /)\n--\n\n"
             "Write one frame whose payload is a sequence of (field type, bytes).");

static PyObject *channel_send(PyObject *module, PyObject *args) {
        _cleanup_(buf_done) Buf frame = BUF_INIT(sizeof(FrameHeader) + FRAME_PAYLOAD_MAX);
        _cleanup_python_ PyObject *fields = NULL;
        PyObject *sequence;
        FrameHeader h = {};
        unsigned type;

        if (channel_check() < 0 || !PyArg_ParseTuple(args, "IO", &type, &sequence))
                return NULL;
        fields = PySequence_Fast(sequence, "the fields are a sequence");
        if (!fields)
                return NULL;
        if (buf_append(&frame, &h, sizeof(h)) < 0)
                return PyErr_NoMemory();
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fields); i++)
                if (field_append_item(&frame, PySequence_Fast_GET_ITEM(fields, i)) < 0)
                        return NULL;
        h = (FrameHeader){ .size = (uint32_t) (buf_size(&frame) - sizeof(h)), .type = type };
        memcpy(buf_data(&frame), &h, sizeof(h));
        return channel_write(buf_data(&frame), buf_size(&frame));
}

PyDoc_STRVAR(channel_send_raw_doc,
             "send_raw($module, type, data, /)\n--\n\n"
             "Write one frame whose payload is not made of fields.");

static PyObject *channel_send_raw(PyObject *module, PyObject *args) {
        const char *data;
        Py_ssize_t size;
        unsigned type;
        int r;

        if (channel_check() < 0 || !PyArg_ParseTuple(args, "Iy#", &type, &data, &size))
                return NULL;
        r = frame_send(RUNNER_FD_CHANNEL, type, data, (size_t) size);
        if (r < 0)
                return channel_fail(r);
        Py_RETURN_NONE;
}

PyDoc_STRVAR(
        channel_call_doc,
        "call($module, name, arguments, /)\n--\n\n"
        "Call a tool with JSON text (bytes). Returns the id of the call, or 0 if there are too\n"
        "many that have no reply yet.");

/* In one piece: the numbers of two threads must go out in their order. */
static PyObject *channel_call(PyObject *module, PyObject *args) {
        _cleanup_(buf_done) Buf frame = BUF_INIT(sizeof(FrameHeader) + FRAME_PAYLOAD_MAX);
        _cleanup_python_ PyObject *written = NULL;
        const char *name, *arguments;
        Py_ssize_t name_size, arguments_size;
        uint64_t id = channel.last_call + 1;
        FrameHeader h = { .type = FRAME_TOOL_CALL };

        if (channel_check() < 0 ||
            !PyArg_ParseTuple(args, "s#y#", &name, &name_size, &arguments, &arguments_size))
                return NULL;
        if (channel.is_idle)
                return channel_fail(-ENOTCONN);
        if (channel.n_calls >= TOOL_CALLS_IN_FLIGHT_MAX)
                return PyLong_FromLong(0);
        h.size = (uint32_t) (3 * sizeof(FieldHeader) + sizeof(id) + (size_t) name_size +
                             (size_t) arguments_size);
        if (name_size > TOOL_NAME_MAX || arguments_size > TOOL_ARGUMENTS_MAX)
                return channel_fail(-EMSGSIZE);
        if (buf_append(&frame, &h, sizeof(h)) < 0 ||
            field_append(&frame, FIELD_CALL_ID, &id, sizeof(id)) < 0 ||
            field_append(&frame, FIELD_TOOL_NAME, name, (size_t) name_size) < 0 ||
            field_append(&frame, FIELD_TOOL_ARGUMENTS, arguments, (size_t) arguments_size) < 0)
                return PyErr_NoMemory();
        written = channel_write(buf_data(&frame), buf_size(&frame));
        if (!written)
                return NULL;
        channel.last_call = id;
        channel.n_calls++;
        return PyLong_FromUnsignedLongLong(id);
}

/* Fills one entry of the result; what is not there stays None. */
static int reply_take(PyObject *reply, const Field *field) {
        PyObject *value = NULL;
        Py_ssize_t i, size = (Py_ssize_t) field->size;
        uint64_t id;

        switch (field->type) {
        case FIELD_CALL_ID:
                if (field->size != sizeof(id))
                        return -EPROTO;
                memcpy(&id, field->data, sizeof(id));
                value = PyLong_FromUnsignedLongLong(id);
                i = 0;
                break;
        case FIELD_TOOL_VALUE:
                value = PyBytes_FromStringAndSize(field->data, size);
                i = 1;
                break;
        case FIELD_TOOL_ERROR_TYPE:
                value = PyUnicode_DecodeUTF8(field->data, size, NULL);
                i = 2;
                break;
        case FIELD_TOOL_ERROR_MESSAGE:
                value = PyUnicode_DecodeUTF8(field->data, size, NULL);
                i = 3;
                break;
        default:
                return -EPROTO;
        }
        return value ? PyTuple_SetItem(reply, i, value) : -1;
}

static PyObject *reply_new(const char *payload, size_t size) {
        _cleanup_python_ PyObject *reply = PyTuple_New(4);
        Field field;
        int r;

        if (!reply)
                return NULL;
        for (Py_ssize_t i = 0; i < 4; i++)
                PyTuple_SET_ITEM(reply, i, Py_NewRef(Py_None));
        while ((r = field_next(&payload, &size, &field)) > 0) {
                r = reply_take(reply, &field);
                if (r < 0)
                        break;
        }
        if (r < 0)
                return PyErr_Occurred() ? NULL : channel_fail(r);
        return TAKE_PTR(reply);
}

/* Takes one frame out of the buffer. Returns 1 with *ret_reply (NULL with an exception), or 0 if it
 * is not all there. */
static int channel_take(PyObject **ret_reply) {
        FrameHeader h;

        *ret_reply = NULL;
        if (buf_size(&channel.in) < sizeof(h))
                return 0;
        memcpy(&h, buf_data(&channel.in), sizeof(h));
        if (h.type != FRAME_TOOL_REPLY || h.size > FRAME_PAYLOAD_MAX) {
                (void) channel_fail(-EPROTO);
                return 1;
        }
        if (buf_size(&channel.in) - sizeof(h) < h.size)
                return 0;
        *ret_reply = reply_new(buf_data(&channel.in) + sizeof(h), h.size);
        channel.n_calls -= channel.n_calls > 0;
        buf_consume(&channel.in, sizeof(h) + h.size);
        buf_shrink(&channel.in);
        return 1;
}

/* Waits until the deadline (UINT64_MAX is forever). Returns 1, 0 at the deadline, or an errno. */
static int channel_wait(uint64_t deadline_usec) {
        struct pollfd p = { .fd = RUNNER_FD_CHANNEL, .events = POLLIN };
        uint64_t now_usec = clock_monotonic_usec(), left_msec = 0;
        int r;

        if (deadline_usec > now_usec)
                left_msec = (deadline_usec - now_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
        r = poll(&p, 1,
                 deadline_usec == UINT64_MAX ? -1 : (int) MIN(left_msec, (uint64_t) INT_MAX));
        return r < 0 ? -errno : r;
}

/* One read. Without a deadline it blocks there, unless the program made the descriptor non-blocking.
 * Returns 1, 0 at the deadline, or an errno; called without the GIL. */
static int channel_read(uint64_t deadline_usec, void *to, size_t size, size_t *ret_size) {
        bool blocks = deadline_usec == UINT64_MAX;

        for (;;) {
                ssize_t n;
                int r = blocks ? 1 : channel_wait(deadline_usec);

                if (r <= 0)
                        return r;
                n = read(RUNNER_FD_CHANNEL, to, size);
                if (n < 0 && errno == EAGAIN) {
                        blocks = false;
                        continue;
                }
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                *ret_size = (size_t) n;
                return 1;
        }
}

/* Reads more into the buffer. Returns 1, 0 at the deadline, or -1 with an exception. */
static int channel_fill(uint64_t deadline_usec) {
        size_t want = READ_SIZE, n = 0;
        void *to;
        int r;

        if (buf_size(&channel.in) >= sizeof(FrameHeader)) {
                FrameHeader h;

                memcpy(&h, buf_data(&channel.in), sizeof(h));
                want = MAX(want, sizeof(h) + h.size - buf_size(&channel.in));
        }
        to = buf_reserve(&channel.in, want);
        if (!to) {
                (void) PyErr_NoMemory();
                return -1;
        }
        Py_BEGIN_ALLOW_THREADS;
        r = channel_read(deadline_usec, to, want, &n);
        Py_END_ALLOW_THREADS;
        if (r == -EINTR)
                return PyErr_CheckSignals() < 0 ? -1 : 1;
        if (r < 0) {
                (void) channel_fail(r);
                return -1;
        }
        buf_commit(&channel.in, n);
        return r;
}

/* Seconds, or None for no end. Returns 0, or -1 with an exception. */
static int deadline_parse(PyObject *timeout, uint64_t *ret_deadline_usec) {
        double seconds;

        *ret_deadline_usec = UINT64_MAX;
        if (timeout == Py_None)
                return 0;
        seconds = PyFloat_AsDouble(timeout);
        if (seconds == -1 && PyErr_Occurred())
                return -1;
        /* Longer than a year is no end; what is not above 0 only looks. */
        if (seconds < 3e7)
                *ret_deadline_usec =
                        clock_monotonic_usec() + (seconds > 0 ? (uint64_t) (seconds * 1e6) : 0);
        return 0;
}

PyDoc_STRVAR(channel_receive_doc,
             "receive($module, timeout, /)\n--\n\n"
             "The next reply, (call id, value, error type, error message); None if there is none\n"
             "after so many seconds. Only one thread may wait here.");

static PyObject *channel_receive(PyObject *module, PyObject *timeout) {
        uint64_t deadline_usec;
        PyObject *reply = NULL;
        int r = 1;

        if (channel_check() < 0 || deadline_parse(timeout, &deadline_usec) < 0)
                return NULL;
        if (!PyThread_acquire_lock(channel.reader, NOWAIT_LOCK))
                return PyErr_Format(PyExc_RuntimeError, "another thread waits for replies");
        while (r > 0 && channel_take(&reply) == 0)
                r = channel_fill(deadline_usec);
        PyThread_release_lock(channel.reader);
        if (r == 0)
                Py_RETURN_NONE;
        return reply;
}

/* The payload of the JOB frame at the head of the buffer. Returns 1, 0 if something else is there or not
 * all of it, or -1 with an exception. */
static int channel_take_job(PyObject **ret_payload) {
        FrameHeader h;

        if (buf_size(&channel.in) < sizeof(h))
                return 0;
        memcpy(&h, buf_data(&channel.in), sizeof(h));
        if (h.type != FRAME_JOB || h.size > FRAME_PAYLOAD_MAX ||
            buf_size(&channel.in) - sizeof(h) < h.size)
                return 0;
        *ret_payload = PyBytes_FromStringAndSize(buf_data(&channel.in) + sizeof(h), h.size);
        buf_consume(&channel.in, sizeof(h) + h.size);
        buf_shrink(&channel.in);
        return *ret_payload ? 1 : -1;
}

/* Whether the frame at the head of the buffer is a BRANCH, which is taken out. */
static bool channel_take_branch(void) {
        FrameHeader h;

        if (buf_size(&channel.in) < sizeof(h))
                return false;
        memcpy(&h, buf_data(&channel.in), sizeof(h));
        if (h.type != FRAME_BRANCH || h.size != 0)
                return false;
        buf_consume(&channel.in, sizeof(h));
        return true;
}

static bool channel_has_job(void) {
        FrameHeader h = {};

        if (buf_size(&channel.in) >= sizeof(h))
                memcpy(&h, buf_data(&channel.in), sizeof(h));
        return h.type == FRAME_JOB;
}

/* An answer that no thread waited for belongs to whoever asks for it in a later cell. */
static int channel_park(PyObject *sandbox) {
        _cleanup_python_ PyObject *reply = NULL, *parked = NULL;

        if (channel_has_job() || channel_take(&reply) == 0)
                return 0;
        parked = reply ? PyObject_CallMethod(sandbox, "_park", "(O)", reply) : NULL;
        return parked ? 1 : -1;
}

PyObject *channel_module_next_job(PyObject *sandbox) {
        PyObject *payload = NULL;
        int r = 0;

        channel.is_idle = true;
        /* A thread that still reads has its answer by now: the broker leaves no call open. */
        Py_BEGIN_ALLOW_THREADS;
        (void) PyThread_acquire_lock(channel.reader, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
        while (r >= 0 && channel_take_job(&payload) == 0) {
                if (channel_take_branch()) {
                        payload = Py_NewRef(Py_None);
                        break;
                }
                r = channel_park(sandbox);
                if (r == 0)
                        r = channel_fill(UINT64_MAX);
        }
        PyThread_release_lock(channel.reader);
        channel.is_idle = false;
        return payload;
}

#define NUMBER(name) \
        { #name, (long) (name) }

/* Those of proto/runner-wire.h that Python needs: nothing is written twice. */
static const struct {
        const char *name;
        long value;
} numbers[] = {
        NUMBER(RUNNER_FD_CHANNEL),
        NUMBER(FRAME_RESULT),
        NUMBER(FRAME_FINDING),
        NUMBER(FRAME_RUNNING),
        NUMBER(FRAME_VIOLATION),
        NUMBER(FRAME_DISPLAY),
        NUMBER(FRAME_RESULT_PROBLEM),
        NUMBER(FRAME_PAYLOAD_MAX),
        NUMBER(FINDINGS_MAX),
        NUMBER(VIOLATION_SUBJECT_MAX),
        NUMBER(DISPLAYS_MAX),
        NUMBER(TOOL_NAME_MAX),
        NUMBER(TOOL_ARGUMENTS_MAX),
        NUMBER(TOOL_CALLS_IN_FLIGHT_MAX),
        NUMBER(EXCEPTION_TYPE_MAX),
        NUMBER(EXCEPTION_MESSAGE_MAX),
        NUMBER(EXCEPTION_TRACEBACK_MAX),
        NUMBER(ANALYSIS_OFF),
        NUMBER(ANALYSIS_IMPORTS),
        NUMBER(ANALYSIS_STRICT),
        NUMBER(RUNNER_EXIT_REJECTED),
        NUMBER(FIELD_CODE),
        NUMBER(FIELD_ARGUMENT),
        NUMBER(FIELD_ENVIRONMENT),
        NUMBER(FIELD_SEED),
        NUMBER(FIELD_RESULT_MAX),
        NUMBER(FIELD_SOURCE_NAME),
        NUMBER(FIELD_SCRIPT_PATH),
        NUMBER(FIELD_MODULE),
        NUMBER(FIELD_EXPRESSION),
        NUMBER(FIELD_CALLABLE),
        NUMBER(FIELD_INPUTS),
        NUMBER(FIELD_FILE),
        NUMBER(FIELD_EXECUTABLE),
        NUMBER(FIELD_READ_ONLY),
        NUMBER(FIELD_MODULES),
        NUMBER(FIELD_TOOL),
        NUMBER(FIELD_ANALYSIS),
        NUMBER(FIELD_CHECK_ONLY),
        NUMBER(FIELD_DISPLAY_LAST),
        NUMBER(FIELD_TICKS),
        NUMBER(FIELD_SESSION),
        NUMBER(FIELD_EXCEPTION_TYPE),
        NUMBER(FIELD_EXCEPTION_MESSAGE),
        NUMBER(FIELD_FINDING_RULE),
        NUMBER(FIELD_FINDING_SEVERITY),
        NUMBER(FIELD_FINDING_MESSAGE),
        NUMBER(FINDING_MESSAGE_MAX),
        NUMBER(FIELD_FINDING_LINE),
        NUMBER(FIELD_FINDING_COLUMN),
        NUMBER(FIELD_FINDING_SUBJECT),
        NUMBER(FIELD_FINDING_PATH),
        NUMBER(FINDING_PATH_MAX),
        NUMBER(FIELD_VIOLATION_LAYER),
        NUMBER(FIELD_VIOLATION_SUBJECT),
        NUMBER(FIELD_VIOLATION_REASON),
        NUMBER(FIELD_DISPLAY_IS_RESULT),
        NUMBER(FIELD_DISPLAY_MIME),
        NUMBER(FIELD_DISPLAY_TEXT),
        NUMBER(FIELD_DISPLAY_DATA),
};

static int channel_exec(PyObject *module) {
        FOREACH_ARRAY(n, numbers, ELEMENTSOF(numbers))
                if (PyModule_AddIntConstant(module, n->name, n->value) < 0)
                        return -1;
        return 0;
}

static PyMethodDef channel_methods[] = {
        { "send", channel_send, METH_VARARGS, channel_send_doc },
        { "call", channel_call, METH_VARARGS, channel_call_doc },
        { "send_raw", channel_send_raw, METH_VARARGS, channel_send_raw_doc },
        { "receive", channel_receive, METH_O, channel_receive_doc },
        {},
};

static PyModuleDef_Slot channel_slots[] = {
        { Py_mod_exec, channel_exec },
        {},
};

static struct PyModuleDef channel_module = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_pysb",
        .m_methods = channel_methods,
        .m_slots = channel_slots,
};

PyObject *channel_module_init(void) {
        return PyModuleDef_Init(&channel_module);
}

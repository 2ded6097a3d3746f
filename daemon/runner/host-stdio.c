/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/host-stdio.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <structmember.h>
#include <unistd.h>

#include "basic/macro.h"

#define BUFFER_SIZE 8192
#define READ_SIZE 65536

typedef struct Stdio {
        PyObject_HEAD int fd;
        bool is_closed;
        bool is_reader;
        PyObject *name, *mode, *errors;
        PyObject *decoder; /* of a reader: bytes to text with '\n' at the ends of lines */
        PyObject *text;    /* of a reader: decoded, from position on nobody's yet */
        Py_ssize_t position;
        size_t n_buffered; /* of a writer: what no write(2) has taken yet */
        char buffer[BUFFER_SIZE];
} Stdio;

static PyObject *stdio_unsupported(const char *what) {
        _cleanup_python_ PyObject *io = PyImport_ImportModule("_io");
        _cleanup_python_ PyObject *class =
                io ? PyObject_GetAttrString(io, "UnsupportedOperation") : NULL;

        if (class)
                PyErr_SetString(class, what);
        return NULL;
}

static bool stdio_is_open(const Stdio *s) {
        if (s->is_closed)
                PyErr_SetString(PyExc_ValueError, "I/O operation on closed file.");
        return !s->is_closed;
}

static bool stdio_check(const Stdio *s, bool is_reader) {
        if (!stdio_is_open(s))
                return false;
        if (s->is_reader != is_reader)
                (void) stdio_unsupported(is_reader ? "not readable" : "not writable");
        return s->is_reader == is_reader;
}

/* One write(2) that was not interrupted, or -1 with an exception. The GIL is kept, so that the lines
 * of two threads do not mix; a handler of a signal may print, though. */
static ssize_t stdio_write_some(const Stdio *s, const char *data, size_t size) {
        for (;;) {
                ssize_t n = write(s->fd, data, size);

                if (n >= 0)
                        return n;
                if (errno != EINTR) {
                        (void) PyErr_SetFromErrno(PyExc_OSError);
                        return -1;
                }
                if (PyErr_CheckSignals() < 0)
                        return -1;
        }
}

/* What cannot be written stays, as in io.BufferedWriter: the end of the job tries again, and says so. */
static int stdio_flush_buffer(Stdio *s) {
        while (s->n_buffered > 0) {
                ssize_t n = stdio_write_some(s, s->buffer, s->n_buffered);

                if (n < 0)
                        return -1;
                s->n_buffered -= MIN((size_t) n, s->n_buffered);
                memmove(s->buffer, s->buffer + n, s->n_buffered);
        }
        return 0;
}

static int stdio_write_bytes(Stdio *s, const char *data, size_t size) {
        if (size > BUFFER_SIZE - s->n_buffered && stdio_flush_buffer(s) < 0)
                return -1;
        while (size > BUFFER_SIZE) {
                ssize_t n = stdio_write_some(s, data, size);

                if (n < 0)
                        return -1;
                data += n;
                size -= (size_t) n;
        }
        memcpy(s->buffer + s->n_buffered, data, size);
        s->n_buffered += size;
        return 0;
}

static PyObject *stdio_write(PyObject *self, PyObject *text) {
        _cleanup_python_ PyObject *encoded = NULL;
        Stdio *s = (Stdio *) self;
        const char *data;
        Py_ssize_t size;

        if (!PyUnicode_Check(text))
                return PyErr_Format(PyExc_TypeError, "write() argument must be str, not %.200s",
                                    Py_TYPE(text)->tp_name);
        if (!stdio_check(s, false))
                return NULL;
        data = PyUnicode_AsUTF8AndSize(text, &size);
        if (!data) { /* a lone surrogate */
                PyErr_Clear();
                encoded = PyUnicode_AsEncodedString(text, "utf-8", PyUnicode_AsUTF8(s->errors));
                if (!encoded)
                        return NULL;
                data = PyBytes_AS_STRING(encoded);
                size = PyBytes_GET_SIZE(encoded);
        }
        if (stdio_write_bytes(s, data, (size_t) size) < 0)
                return NULL;
        if ((memchr(data, '\n', (size_t) size) || memchr(data, '\r', (size_t) size)) &&
            stdio_flush_buffer(s) < 0)
                return NULL;
        return PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text));
}

static PyObject *stdio_writelines(PyObject *self, PyObject *lines) {
        _cleanup_python_ PyObject *iterator = PyObject_GetIter(lines);
        PyObject *line;

        while (iterator && (line = PyIter_Next(iterator))) {
                _cleanup_python_ PyObject *r = stdio_write(self, line);

                Py_DECREF(line);
                if (!r)
                        return NULL;
        }
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *stdio_flush(PyObject *self, PyObject *unused) {
        Stdio *s = (Stdio *) self;

        if (!stdio_is_open(s) || stdio_flush_buffer(s) < 0)
                return NULL;
        Py_RETURN_NONE;
}

/* A new bytes object with what one read(2) gives; empty at the end. */
static PyObject *stdio_read_some(const Stdio *s) {
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, READ_SIZE);
        ssize_t n;

        if (!bytes)
                return NULL;
        for (;;) {
                int error;

                Py_BEGIN_ALLOW_THREADS;
                n = read(s->fd, PyBytes_AS_STRING(bytes), READ_SIZE);
                error = errno;
                Py_END_ALLOW_THREADS;
                if (n >= 0)
                        break;
                errno = error;
                if (error != EINTR)
                        (void) PyErr_SetFromErrno(PyExc_OSError);
                if (error != EINTR || PyErr_CheckSignals() < 0) {
                        Py_DECREF(bytes);
                        return NULL;
                }
        }
        return _PyBytes_Resize(&bytes, n) < 0 ? NULL : bytes;
}

/* Decodes more. Returns 1, 0 at the end, or -1 with an exception. */
static int stdio_fill(Stdio *s) {
        _cleanup_python_ PyObject *bytes = stdio_read_some(s), *more = NULL;
        bool is_end;

        if (!bytes)
                return -1;
        is_end = PyBytes_GET_SIZE(bytes) == 0;
        more = PyObject_CallMethod(s->decoder, "decode", "OO", bytes, is_end ? Py_True : Py_False);
        if (!more)
                return -1;
        if (s->position > 0) {
                PyObject *rest = PyUnicode_Substring(s->text, s->position, PY_SSIZE_T_MAX);

                if (!rest)
                        return -1;
                Py_SETREF(s->text, rest);
                s->position = 0;
        }
        PyUnicode_Append(&s->text, more); /* in place, where it can */
        if (s->text)
                return !is_end;
        s->text = PyUnicode_New(0, 0);
        return -1;
}

static Py_ssize_t stdio_available(const Stdio *s) {
        return PyUnicode_GET_LENGTH(s->text) - s->position;
}

/* The next n characters; the rest is kept. */
static PyObject *stdio_take(Stdio *s, Py_ssize_t n) {
        PyObject *text = PyUnicode_Substring(s->text, s->position, s->position + n);

        if (text)
                s->position += n;
        return text;
}

/* The optional size of read() and its kin: -1 if it is not given, or None. */
static int stdio_size(PyObject *const *args, Py_ssize_t n, Py_ssize_t *ret_size) {
        Py_ssize_t size = -1;

        if (n > 1) {
                PyErr_SetString(PyExc_TypeError, "expected at most one argument, the size");
                return -1;
        }
        if (n == 1 && args[0] != Py_None)
                size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (size == -1 && PyErr_Occurred())
                return -1;
        *ret_size = size;
        return 0;
}

static PyObject *stdio_read(PyObject *self, PyObject *const *args, Py_ssize_t n) {
        Stdio *s = (Stdio *) self;
        Py_ssize_t size;
        int r = 1;

        if (stdio_size(args, n, &size) < 0 || !stdio_check(s, true))
                return NULL;
        while (r > 0 && (size < 0 || stdio_available(s) < size)) {
                r = stdio_fill(s);
                if (r < 0)
                        return NULL;
        }
        if (size < 0 || size > stdio_available(s))
                size = stdio_available(s);
        return stdio_take(s, size);
}

/* At most size characters, or any number if it is negative. */
static PyObject *stdio_read_line(Stdio *s, Py_ssize_t size) {
        Py_ssize_t searched = 0;

        for (;;) {
                Py_ssize_t available = stdio_available(s), end;
                int r;

                end = PyUnicode_FindChar(s->text, '\n', s->position + searched, PY_SSIZE_T_MAX, 1);
                if (end == -2)
                        return NULL;
                if (end >= 0)
                        available = end - s->position + 1;
                if (size >= 0 && available >= size)
                        return stdio_take(s, size);
                if (end >= 0)
                        return stdio_take(s, available);
                searched = available;
                r = stdio_fill(s);
                if (r < 0)
                        return NULL;
                if (r == 0 && stdio_available(s) == searched)
                        return stdio_take(s, searched);
        }
}

static PyObject *stdio_readline(PyObject *self, PyObject *const *args, Py_ssize_t n) {
        Py_ssize_t size;

        if (stdio_size(args, n, &size) < 0 || !stdio_check((Stdio *) self, true))
                return NULL;
        return stdio_read_line((Stdio *) self, size);
}

static PyObject *stdio_next(PyObject *self) {
        PyObject *line;

        if (!stdio_check((Stdio *) self, true))
                return NULL;
        line = stdio_read_line((Stdio *) self, -1);
        if (line && PyUnicode_GET_LENGTH(line) == 0)
                Py_CLEAR(line);
        return line;
}

static PyObject *stdio_readlines(PyObject *self, PyObject *const *args, Py_ssize_t n) {
        _cleanup_python_ PyObject *lines = PyList_New(0);
        Py_ssize_t hint, total = 0;

        if (!lines || stdio_size(args, n, &hint) < 0)
                return NULL;
        while (hint <= 0 || total < hint) {
                _cleanup_python_ PyObject *line = stdio_next(self);

                if (!line)
                        return PyErr_Occurred() ? NULL : TAKE_PTR(lines);
                total += PyUnicode_GET_LENGTH(line);
                if (PyList_Append(lines, line) < 0)
                        return NULL;
        }
        return TAKE_PTR(lines);
}

static PyObject *stdio_fileno(PyObject *self, PyObject *unused) {
        Stdio *s = (Stdio *) self;

        return stdio_is_open(s) ? PyLong_FromLong(s->fd) : NULL;
}

static PyObject *stdio_readable(PyObject *self, PyObject *unused) {
        Stdio *s = (Stdio *) self;

        return stdio_is_open(s) ? PyBool_FromLong(s->is_reader) : NULL;
}

static PyObject *stdio_writable(PyObject *self, PyObject *unused) {
        Stdio *s = (Stdio *) self;

        return stdio_is_open(s) ? PyBool_FromLong(!s->is_reader) : NULL;
}

/* isatty() and seekable(): it is a pipe. */
static PyObject *stdio_no(PyObject *self, PyObject *unused) {
        return stdio_is_open((Stdio *) self) ? Py_NewRef(Py_False) : NULL;
}

static PyObject *stdio_not_seekable(PyObject *self, PyObject *args) {
        return stdio_unsupported("the stream is not seekable");
}

static PyObject *stdio_detach(PyObject *self, PyObject *unused) {
        return stdio_unsupported("there is no buffer below the stream in this sandbox");
}

/* Programs ask for what they have: UTF-8. */
static PyObject *stdio_reconfigure(PyObject *self, PyObject *args, PyObject *kwargs) {
        static char *words[] = { "encoding",       "errors",        "newline",
                                 "line_buffering", "write_through", NULL };
        PyObject *errors = NULL, *rest[3];
        Stdio *s = (Stdio *) self;
        const char *encoding = NULL;

        if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$zOOOO", words, &encoding, &errors,
                                         &rest[0], &rest[1], &rest[2]))
                return NULL;
        if (encoding && PyOS_stricmp(encoding, "utf-8") != 0 && PyOS_stricmp(encoding, "utf8") != 0)
                return stdio_unsupported("the standard streams are UTF-8 in this sandbox");
        if (errors && PyUnicode_Check(errors) && !s->is_reader)
                Py_SETREF(s->errors, Py_NewRef(errors));
        Py_RETURN_NONE;
}

/* The descriptor stays open: it is the job's output. */
static PyObject *stdio_close(PyObject *self, PyObject *unused) {
        Stdio *s = (Stdio *) self;
        int r = s->is_closed ? 0 : stdio_flush_buffer(s);

        s->is_closed = true;
        return r < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *stdio_enter(PyObject *self, PyObject *unused) {
        return stdio_is_open((Stdio *) self) ? Py_NewRef(self) : NULL;
}

static PyObject *stdio_exit(PyObject *self, PyObject *args) {
        return stdio_close(self, NULL);
}

static PyObject *stdio_repr(PyObject *self) {
        Stdio *s = (Stdio *) self;

        return PyUnicode_FromFormat("<Stdio name=%R mode=%R encoding='utf-8'>", s->name, s->mode);
}

static void stdio_dealloc(PyObject *self) {
        Stdio *s = (Stdio *) self;
        PyTypeObject *type = Py_TYPE(self);

        Py_XDECREF(s->name);
        Py_XDECREF(s->mode);
        Py_XDECREF(s->errors);
        Py_XDECREF(s->decoder);
        Py_XDECREF(s->text);
        type->tp_free(self);
        Py_DECREF(type);
}

static PyObject *stdio_get_constant(PyObject *self, void *value) {
        return PyUnicode_FromString(value);
}

static PyObject *stdio_get_none(PyObject *self, void *unused) {
        Py_RETURN_NONE;
}

static PyObject *stdio_get_line_buffering(PyObject *self, void *unused) {
        return PyBool_FromLong(!((Stdio *) self)->is_reader);
}

static PyObject *stdio_get_false(PyObject *self, void *unused) {
        Py_RETURN_FALSE;
}

#define FASTCALL(f) ((PyCFunction) (void (*)(void))(f)), METH_FASTCALL
#define KEYWORDS(f) ((PyCFunction) (void (*)(void))(f)), METH_VARARGS | METH_KEYWORDS

static PyMethodDef stdio_methods[] = {
        { "close", stdio_close, METH_NOARGS, NULL },
        { "detach", stdio_detach, METH_NOARGS, NULL },
        { "fileno", stdio_fileno, METH_NOARGS, NULL },
        { "flush", stdio_flush, METH_NOARGS, NULL },
        { "isatty", stdio_no, METH_NOARGS, NULL },
        { "read", FASTCALL(stdio_read), NULL },
        { "readable", stdio_readable, METH_NOARGS, NULL },
        { "readline", FASTCALL(stdio_readline), NULL },
        { "readlines", FASTCALL(stdio_readlines), NULL },
        { "reconfigure", KEYWORDS(stdio_reconfigure), NULL },
        { "seek", stdio_not_seekable, METH_VARARGS, NULL },
        { "seekable", stdio_no, METH_NOARGS, NULL },
        { "tell", stdio_not_seekable, METH_VARARGS, NULL },
        { "truncate", stdio_not_seekable, METH_VARARGS, NULL },
        { "writable", stdio_writable, METH_NOARGS, NULL },
        { "write", stdio_write, METH_O, NULL },
        { "writelines", stdio_writelines, METH_O, NULL },
        { "__enter__", stdio_enter, METH_NOARGS, NULL },
        { "__exit__", stdio_exit, METH_VARARGS, NULL },
        {},
};

static PyMemberDef stdio_members[] = {
        { "closed", T_BOOL, offsetof(Stdio, is_closed), READONLY, NULL },
        { "errors", T_OBJECT, offsetof(Stdio, errors), READONLY, NULL },
        { "mode", T_OBJECT, offsetof(Stdio, mode), READONLY, NULL },
        { "name", T_OBJECT, offsetof(Stdio, name), READONLY, NULL },
        {},
};

static PyGetSetDef stdio_getset[] = {
        { "encoding", stdio_get_constant, NULL, NULL, (void *) "utf-8" },
        { "line_buffering", stdio_get_line_buffering, NULL, NULL, NULL },
        { "newlines", stdio_get_none, NULL, NULL, NULL },
        { "write_through", stdio_get_false, NULL, NULL, NULL },
        {},
};

static PyType_Slot stdio_slots[] = {
        { Py_tp_dealloc, stdio_dealloc },
        { Py_tp_repr, stdio_repr },
        { Py_tp_iter, PyObject_SelfIter },
        { Py_tp_iternext, stdio_next },
        { Py_tp_methods, stdio_methods },
        { Py_tp_members, stdio_members },
        { Py_tp_getset, stdio_getset },
        { Py_tp_doc, (void *) PyDoc_STR("A standard stream of the sandbox.") },
        {},
};

static PyType_Spec stdio_spec = {
        .name = "_sandbox.Stdio",
        .basicsize = sizeof(Stdio),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = stdio_slots,
};

PyObject *stdio_new_type(void) {
        return PyType_FromSpec(&stdio_spec);
}

static PyObject *stdio_new_decoder(void) {
        _cleanup_python_ PyObject *io = PyImport_ImportModule("_io");
        _cleanup_python_ PyObject *inner = PyCodec_IncrementalDecoder("utf-8", "surrogateescape");

        return io && inner
                       ? PyObject_CallMethod(io, "IncrementalNewlineDecoder", "OO", inner, Py_True)
                       : NULL;
}

PyObject *stdio_new(PyObject *type, int fd, PyObject *mode, PyObject *name, PyObject *errors) {
        Stdio *s = PyObject_New(Stdio, (PyTypeObject *) type);

        if (!s)
                return NULL;
        s->fd = fd;
        s->is_closed = false;
        s->is_reader = PyUnicode_CompareWithASCIIString(mode, "r") == 0;
        s->mode = Py_NewRef(mode);
        s->name = Py_NewRef(name);
        s->errors = Py_NewRef(errors);
        s->decoder = s->is_reader ? stdio_new_decoder() : Py_NewRef(Py_None);
        s->text = PyUnicode_New(0, 0);
        s->position = 0;
        s->n_buffered = 0;
        if (s->decoder && s->text)
                return (PyObject *) s;
        Py_DECREF(s);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard streams of a profile without access to the host: text on a descriptor, without the classes
 * below it (buffer, raw) that could open others. */

#include "runner/python.h"

/* The class of such streams; a program cannot make one. */
PyObject *stdio_new_type(void);

/* A new stream; mode is "r" or "w", all three are str. */
PyObject *stdio_new(PyObject *type, int fd, PyObject *mode, PyObject *name, PyObject *errors);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the interpreter does with an exception that nobody caught, and the EXCEPTION frame. */

#include "runner/python.h"

/* The exit status that a SystemExit asks for; prints what is no number, as CPython does. */
int report_system_exit(PyObject *error);

/* Sends the EXCEPTION frame, then lets sys.excepthook print. Works without memory and with an
 * exception that cannot be printed: then only its type is told. channel_fd is -EBADF where the frame
 * is not wanted. Returns the exit status. */
int report_exception(PyObject *error, int channel_fd);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The built-in module _pysb: frames of proto/runner-wire.h for our own Python parts. No program is
 * shown it, and none needs it: the public names are those of python/sandbox.py. */

#include "runner/python.h"

#include <stdbool.h>

/* For PyImport_AppendInittab(), before the interpreter starts. */
PyObject *channel_module_init(void);

/* From now on this process, and none that it forks, has the channel: two readers would take each
 * other's replies. False if there is no memory. */
bool channel_module_begin(void);

/* Waits for the next cell of a session, without the GIL: the payload of its JOB frame as bytes, None for a
 * BRANCH, or NULL with an exception, such as a channel that has closed. Answers that nobody waited for are
 * parked in sandbox. */
PyObject *channel_module_next_job(PyObject *sandbox);

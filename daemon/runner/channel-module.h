/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The built-in module _pysb: frames of proto/runner-wire.h for our own Python parts. No program is
 * shown it, and none needs it: the public names are those of python/sandbox.py. */

#include "runner/python.h"

/* For PyImport_AppendInittab(), before the interpreter starts. */
PyObject *channel_module_init(void);

/* From now on this process, and none that it forks, has the channel: two readers would take each
 * other's replies. */
void channel_module_begin(void);

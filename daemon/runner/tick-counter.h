/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The budget of ticks of one job: loop iterations and function entries of its own code. python/ticks.py
 * writes them into a program, here they are counted. Cooperative: code that does not want to be counted
 * finds a way. */

#include "runner/python.h"

/* The module `_tick_counter`, for PyImport_AppendInittab(). */
PyObject *tick_counter_module_init(void);

/* Tells the broker, if this process is the job and counts. Nothing of the program may run after it. */
void tick_counter_report(void);

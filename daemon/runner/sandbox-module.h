/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The built-in module _sandbox: what a program can ask of the sandbox around it. */

#include "runner/python.h"

#include <stdint.h>

/* For PyImport_AppendInittab(), before the interpreter starts. */
PyObject *sandbox_module_init(void);

/* Largest JSON text that result() sends, in bytes; per job. */
void sandbox_module_set_result_max(PyObject *module, uint64_t bytes);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting CPython: isolated, from explicit paths, without anything of the host's configuration. */

struct _frozen;

/* Initialises the interpreter with these frozen modules on top of CPython's own; NULL is none. The
 * directories in package_paths, one a line, are searched behind the standard library. Returns 0; -EIO after one sentence on standard error. */
int interp_start(const struct _frozen *modules, const char *package_paths);

/* Writes "pysb-runner: WHAT: TYPE: MESSAGE" to standard error for the exception that is set, and
 * clears it. For start-up only: a job's exceptions go another way. */
void interp_complain(const char *what);

/* Of the Python that we were built with, such as "3.11.2". */
const char *interp_version(void);

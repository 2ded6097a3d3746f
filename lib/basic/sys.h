/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls without a glibc 2.36 wrapper that more than one program makes. */

#include <linux/sched.h>

/* clone3(2) without a stack of its own: the child goes on with a copy of ours, as after fork(2).
 * Returns the process id, 0 in the child, or a negative errno. */
long sys_clone3(struct clone_args *args);

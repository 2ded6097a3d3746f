/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls without a glibc 2.36 wrapper that more than one program makes. */

#include <linux/sched.h>

/* clone3(2) without a stack of its own: the child goes on with a copy of ours, as after fork(2).
 * Returns the process id, 0 in the child, or a negative errno. */
long sys_clone3(struct clone_args *args);

/* The first version that lets files be renamed from one directory to another; what is older is of no use to us. */
#define LANDLOCK_ABI_MIN 2
/* The first one that has all that we ask of it. */
#define LANDLOCK_ABI_WHOLE 6

/* The version of Landlock's interface that this kernel has: 0 is none, or one that is out of our reach. A negative
 * errno if the kernel does not say. */
int sys_landlock_abi(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job writes to nearly the same pages as the one before it, each of them a page fault. So a fork of the template
 * rehearses one and tells which these are, and every job's process has them made at once, before it is asked for. */

/* In the template: lets a child call rehearse() and remembers what that wrote to. Returns 0, also where the kernel
 * does not tell; a negative errno if the child could not be made or did not come to its end. */
int prefault_learn(void (*rehearse)(void));

/* In a job's process, at its start. Changes nothing but time. */
void prefault(void);

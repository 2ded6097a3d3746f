/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls of the builder that glibc 2.36 does not wrap, or not as it needs them: each once. */

#include <signal.h>
#include <sys/resource.h>

/* waitid(P_PIDFD, WEXITED | WNOHANG) with the resource usage of the child and of all that it
 * reaped. Returns 1 if it ended and is reaped now, 0 if it still runs. */
int sys_wait_pidfd(int pidfd, siginfo_t *ret_info, struct rusage *ret_usage);

/* Waits for the end of a child that was killed. */
int sys_reap_pidfd(int pidfd);

/* The process id behind a pidfd, from /proc/self/fdinfo. */
int sys_pidfd_pid(int pidfd, pid_t *ret_pid);

/* SIGKILL by pidfd; a process that has ended already is no error. */
int sys_kill_pidfd(int pidfd);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls of the builder that glibc 2.36 does not wrap, or not as it needs them: each once. */

#include <signal.h>
#include <sys/types.h>

/* waitid(P_PIDFD) without waiting: returns 1 if the child ended and is reaped now, 0 if it runs. */
int sys_try_reap_pidfd(int pidfd, siginfo_t *ret_info);

/* Waits for the end of a child. */
int sys_reap_pidfd(int pidfd, siginfo_t *ret_info);

/* The process id behind a pidfd, from /proc/self/fdinfo. */
int sys_pidfd_pid(int pidfd, pid_t *ret_pid);

/* SIGKILL by pidfd; a process that has ended already is no error. */
int sys_kill_pidfd(int pidfd);

/* The same of a process that has this uid, where that is not ours: (uid_t) -1. */
int sys_kill_pidfd_of(int pidfd, uid_t uid);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls without a glibc 2.36 wrapper: each raw syscall() of the cage stands here, once. All
 * return a negative errno. */

#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stddef.h>

/* pivot_root(".", "."): the working directory becomes the root, with the old one on top of it. */
int sys_pivot_root_here(void);

/* keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL). */
int sys_join_session_keyring(void);

/* seccomp(SECCOMP_SET_MODE_FILTER) with SECCOMP_FILTER_FLAG_NEW_LISTENER: returns the listener. */
int sys_seccomp_listener(const struct sock_fprog *program);

/* seccomp(SECCOMP_GET_NOTIF_SIZES). */
int sys_seccomp_sizes(struct seccomp_notif_sizes *ret_sizes);

/* prctl(PR_GET_TID_ADDRESS): where glibc keeps the thread id of this thread. */
int sys_tid_address(int **ret_address);

/* openat2(): returns the descriptor. */
int sys_openat2(int directory_fd, const char *path, const struct open_how *how);

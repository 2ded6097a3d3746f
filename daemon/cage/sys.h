/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls without a glibc 2.36 wrapper: each raw syscall() of the cage stands here, once. All
 * return a negative errno. */

#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

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

/* struct landlock_ruleset_attr of ABI 6; <linux/landlock.h> of Debian 12 has that of ABI 2. */
typedef struct LandlockRuleset {
        uint64_t handled_files;
        uint64_t handled_network;
        uint64_t scoped;
} LandlockRuleset;

/* landlock_create_ruleset(): returns the descriptor. The kernel refuses members that it does not know, unless they
 * are 0. */
int sys_landlock_create_ruleset(const LandlockRuleset *ruleset);

/* landlock_add_rule(LANDLOCK_RULE_PATH_BENEATH). */
int sys_landlock_allow_beneath(int ruleset_fd, const struct landlock_path_beneath_attr *rule);

/* landlock_restrict_self(): this thread, and all that it starts. */
int sys_landlock_restrict_self(int ruleset_fd, uint32_t flags);

/* openat2(): returns the descriptor. */
int sys_openat2(int directory_fd, const char *path, const struct open_how *how);

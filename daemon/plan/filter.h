/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Groups of system calls -> a classic BPF program. The only file that knows libseccomp is
 * filter.c. */

#include <linux/filter.h>
#include <stdbool.h>

#include "plan/syscalls.h"

typedef enum FilterDenial {
        DENY_NOTIFY, /* a supervisor answers and counts; needs a listener */
        DENY_EPERM,
} FilterDenial;

/* Whether the groups of a plan with these PLAN_FLAG_* have this one among them. */
bool syscall_group_is_selected(const SyscallGroup *group, uint32_t flags);

/* How many system calls are allowed, at least with some arguments. */
uint32_t syscall_count_allowed(const SyscallGroup *groups, size_t n_groups, uint32_t flags);

/* Compiles the selected groups. Another ABI than the native one kills the process; numbers that the
 * build does not know are answered with ENOSYS. -E2BIG if more than max instructions are needed,
 * -EINVAL for a rule that libseccomp cannot express. */
int filter_compile(const SyscallGroup *groups,
                   size_t n_groups,
                   uint32_t flags,
                   FilterDenial denial,
                   struct sock_filter *ret_filter,
                   size_t max,
                   size_t *ret_n);

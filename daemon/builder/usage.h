/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* CPU time of a child of ours, of all its descendants that live, and of those that were waited for,
 * from proc(5) in steps of a clock tick: what there is to ask where a box has no cgroup. */
uint64_t usage_tree_cpu_usec(pid_t pid);

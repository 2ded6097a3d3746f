/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

typedef struct TreeUsage {
        uint64_t cpu_user_usec, cpu_system_usec;
        uint64_t memory_bytes; /* resident, of the largest one */
} TreeUsage;

/* Of a child of ours and all its descendants that live: what they and those that were waited for have used of
 * the CPU, in steps of a clock tick, and their memory, from proc(5): what there is to ask where a box
 * has no cgroup. */
TreeUsage usage_read_tree(pid_t pid);

/* Both kinds of its CPU time. */
uint64_t usage_tree_cpu_usec(pid_t pid);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder/cgroup.h"

/* Looks for a delegated subtree around this process and prepares it; removes what boxes of an
 * earlier daemon left, killing what still runs there. No subtree is no error: layers is then 0. */
int cgroup_tree_open(CgroupTree *ret_tree);

/* All three controllers are there. */
bool cgroup_tree_is_complete(const CgroupTree *tree);

/* For the self-test. */

/* Whether this process is in this leaf. */
bool cgroup_leaf_has(int leaf_fd, pid_t pid);

/* The first number of an attribute such as "cpu.max"; -1 is "max", and what cannot be read. */
int64_t cgroup_leaf_maximum(int leaf_fd, const char *name);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The delegated cgroup v2 subtree (Documentation/admin-guide/cgroup-v2.rst, systemd's
 * CGROUP_DELEGATION): the daemon's own processes move to the leaf "daemon", each box gets a leaf
 * below "jobs". Names are slot numbers: nothing here comes from outside. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/cleanup.h"
#include "proto/box-facts.h"
#include "proto/limits.h"

#define CPU_PERIOD_USEC 100000 /* of cpu.max */

typedef struct CgroupTree {
        int jobs_fd;           /* -EBADF: no delegated subtree with controllers */
        uint64_t layers;       /* LAYER_BIT()s of the controllers that boxes get */
        uint64_t memory_bytes; /* what all of it may use, UINT64_MAX is no maximum */
        /* Has EPOLLPRI while the daemon's own processes wait for memory, -EBADF: nobody tells. What a job
         * suffers below its own limit is no pressure there. */
        int pressure_fd;
} CgroupTree;

#define CGROUP_TREE_NONE \
        ((CgroupTree){ .jobs_fd = -EBADF, .memory_bytes = UINT64_MAX, .pressure_fd = -EBADF })

void cgroup_tree_close(CgroupTree *tree);

/* Makes the leaf of a slot with these limits; cpu_weight 0 is the kernel's own. *ret_fd is its directory. */
int cgroup_leaf_new(const CgroupTree *tree,
                    uint32_t slot,
                    const Limits *limits,
                    uint32_t cpu_weight,
                    int *ret_fd);

/* Gives it other ones. */
int cgroup_leaf_limit(const CgroupTree *tree,
                      int leaf_fd,
                      const Limits *limits,
                      uint32_t cpu_weight);

/* CPU time used so far, of all processes. */
int cgroup_leaf_cpu_usec(int leaf_fd, uint64_t *ret_usec);

/* Memory of all processes and files now; 0 is unknown. */
uint64_t cgroup_leaf_memory_bytes(int leaf_fd);

/* Fills in the figures that come from the leaf. */
void cgroup_leaf_read_facts(int leaf_fd, BoxFacts *facts);

/* The text of an attribute, and of one that is a number; 0 is unknown. */
int cgroup_attribute_read(int dir_fd, const char *name, char **ret_text);
uint64_t cgroup_attribute_read_number(int dir_fd, const char *name);

/* Kills everything in a leaf, then removes it. -EBUSY: not empty yet, try again later. */
int cgroup_kill_and_remove(int jobs_fd, const char *name);

/* Removes the leaf, killing what may be left in it, in the same way. */
int cgroup_leaf_remove(const CgroupTree *tree, uint32_t slot);

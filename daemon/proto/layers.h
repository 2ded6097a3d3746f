/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The protection layers, by the names that results, GetNode and the summary line show. */

#include <stdint.h>

typedef enum Layer {
        LAYER_USER_NAMESPACE,
        LAYER_MOUNT_NAMESPACE,
        LAYER_PID_NAMESPACE,
        LAYER_NETWORK_NAMESPACE,
        LAYER_IPC_NAMESPACE,
        LAYER_UTS_NAMESPACE,
        LAYER_CGROUP_NAMESPACE,
        LAYER_UID_RANGE, /* a host uid of its own; missing where an ordinary user runs embedded */
        LAYER_READ_ONLY_ROOT,
        LAYER_CAPABILITIES,
        LAYER_NO_NEW_PRIVILEGES,
        LAYER_SECCOMP,
        LAYER_LANDLOCK, /* missing where the kernel has none */
        LAYER_RLIMITS,
        LAYER_CGROUP_MEMORY,
        LAYER_CGROUP_CPU,
        LAYER_CGROUP_PIDS,
        _LAYER_MAX,
} Layer;

#define LAYER_BIT(l) (UINT64_C(1) << (l))

/* Such as "user-namespace". */
const char *layer_to_string(Layer layer);

/* What replaces a layer that a host cannot give, and what to do about it; NULL if nothing does. */
const char *layer_missing_detail(Layer layer);

/* What to do about a host on which a box lacks the layer although it was made. */
const char *layer_remedy(Layer layer);

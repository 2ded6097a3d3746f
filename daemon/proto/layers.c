/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/layers.h"

#include <assert.h>
#include <stddef.h>

typedef struct LayerInfo {
        const char *name;
        const char *missing;
} LayerInfo;

static const LayerInfo layers[_LAYER_MAX] = {
        [LAYER_USER_NAMESPACE] = { "user-namespace", NULL },
        [LAYER_MOUNT_NAMESPACE] = { "mount-namespace", NULL },
        [LAYER_PID_NAMESPACE] = { "pid-namespace", NULL },
        [LAYER_NETWORK_NAMESPACE] = { "network-namespace", NULL },
        [LAYER_IPC_NAMESPACE] = { "ipc-namespace", NULL },
        [LAYER_UTS_NAMESPACE] = { "uts-namespace", NULL },
        [LAYER_CGROUP_NAMESPACE] = { "cgroup-namespace", NULL },
        [LAYER_UID_RANGE] = { "uid-range",
                              "Jobs run under the uid of the caller; run pysbd as a service, or "
                              "embedded as root, for one uid per job." },
        [LAYER_READ_ONLY_ROOT] = { "read-only-root", NULL },
        [LAYER_CAPABILITIES] = { "capabilities", NULL },
        [LAYER_NO_NEW_PRIVILEGES] = { "no-new-privileges", NULL },
        [LAYER_SECCOMP] = { "seccomp", NULL },
        [LAYER_RLIMITS] = { "rlimits", NULL },
        [LAYER_CGROUP_MEMORY] = { "cgroup-memory",
                                  "No delegated cgroup v2 memory controller: RLIMIT_AS bounds each "
                                  "process instead; run pysbd under systemd with Delegate=yes." },
        [LAYER_CGROUP_CPU] = { "cgroup-cpu",
                               "No delegated cgroup v2 cpu controller: RLIMIT_CPU bounds each "
                               "process and the CPU share is not limited." },
        [LAYER_CGROUP_PIDS] = { "cgroup-pids",
                                "No delegated cgroup v2 pids controller: RLIMIT_NPROC bounds the "
                                "box instead." },
};

const char *layer_to_string(Layer layer) {
        assert(layer < _LAYER_MAX);
        return layers[layer].name;
}

const char *layer_missing_detail(Layer layer) {
        assert(layer < _LAYER_MAX);
        return layers[layer].missing;
}

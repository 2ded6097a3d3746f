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
        [LAYER_LANDLOCK] = { "landlock",
                             "The kernel has no Landlock: mounts and the filter of system calls "
                             "hold without it; boot with landlock in lsm=." },
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

#define KERNEL(option) \
        "Boot a kernel that has it (" option "); one that emulates Linux does not do."
#define DELEGATION                                                                          \
        "Let the service have its controllers: Delegate=memory pids cpu in its unit, on a " \
        "machine that is booted with the unified cgroup hierarchy."

static const char *const remedies[_LAYER_MAX] = {
        [LAYER_USER_NAMESPACE] = KERNEL("CONFIG_USER_NS"),
        [LAYER_MOUNT_NAMESPACE] = KERNEL("CONFIG_NAMESPACES"),
        [LAYER_PID_NAMESPACE] = KERNEL("CONFIG_PID_NS"),
        [LAYER_NETWORK_NAMESPACE] = KERNEL("CONFIG_NET_NS"),
        [LAYER_IPC_NAMESPACE] = KERNEL("CONFIG_IPC_NS"),
        [LAYER_UTS_NAMESPACE] = KERNEL("CONFIG_UTS_NS"),
        [LAYER_CGROUP_NAMESPACE] = KERNEL("CONFIG_CGROUPS"),
        [LAYER_UID_RANGE] =
                "Start pysbd by its own unit, which gives it CAP_SETUID and CAP_SETGID.",
        [LAYER_READ_ONLY_ROOT] = KERNEL("Linux 5.12, for mount_setattr()"),
        [LAYER_CAPABILITIES] = KERNEL("CONFIG_MULTIUSER"),
        [LAYER_NO_NEW_PRIVILEGES] = KERNEL("Linux 3.5"),
        [LAYER_SECCOMP] = KERNEL("CONFIG_SECCOMP_FILTER"),
        [LAYER_LANDLOCK] = KERNEL("CONFIG_SECURITY_LANDLOCK"),
        [LAYER_RLIMITS] = KERNEL("setrlimit()"),
        [LAYER_CGROUP_MEMORY] = DELEGATION,
        [LAYER_CGROUP_CPU] = DELEGATION,
        [LAYER_CGROUP_PIDS] = DELEGATION,
};

const char *layer_remedy(Layer layer) {
        assert(layer < _LAYER_MAX);
        return remedies[layer];
}

const char *layer_to_string(Layer layer) {
        assert(layer < _LAYER_MAX);
        return layers[layer].name;
}

const char *layer_missing_detail(Layer layer) {
        assert(layer < _LAYER_MAX);
        return layers[layer].missing;
}

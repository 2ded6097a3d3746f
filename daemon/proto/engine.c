/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/engine.h"

#include "proto/layers.h"

const char *const engine_names[_ENGINE_MAX + 1] = {
        [ENGINE_NAMESPACE] = "namespace",
        [ENGINE_PROCESS] = "process",
};

#define ALL (LAYER_BIT(_LAYER_MAX) - 1)

static const uint64_t layers[_ENGINE_MAX] = {
        [ENGINE_NAMESPACE] = ALL,
        [ENGINE_PROCESS] =
                ALL & ~(LAYER_BIT(LAYER_USER_NAMESPACE) | LAYER_BIT(LAYER_MOUNT_NAMESPACE) |
                        LAYER_BIT(LAYER_PID_NAMESPACE) | LAYER_BIT(LAYER_NETWORK_NAMESPACE) |
                        LAYER_BIT(LAYER_IPC_NAMESPACE) | LAYER_BIT(LAYER_UTS_NAMESPACE) |
                        LAYER_BIT(LAYER_CGROUP_NAMESPACE) | LAYER_BIT(LAYER_READ_ONLY_ROOT)),
};

uint64_t engine_layers(Engine engine) {
        return layers[engine];
}

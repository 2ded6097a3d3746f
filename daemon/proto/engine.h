/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What boxes are made of: the kernel's namespaces, or, for containers that give none, one process in the host's. */

#include <stdint.h>

typedef enum Engine {
        ENGINE_NAMESPACE,
        ENGINE_PROCESS,
        _ENGINE_MAX,
} Engine;

#define ENGINE_BIT(e) (1U << (e))

/* In the order of the enumeration, and a NULL behind them. */
extern const char *const engine_names[_ENGINE_MAX + 1];

/* The LAYER_BIT()s that its boxes have where the host gives them all. */
uint64_t engine_layers(Engine engine);

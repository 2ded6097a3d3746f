/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TEST ONLY, and nothing of it is in a build without -Dlayer_switches=true. A box without one of its layers: the
 * linker puts the functions of this directory before those of the product (--wrap), which know nothing of it. */

#include <stdbool.h>

#include "proto/layers.h"

/* Names the layer that boxes lack: a word of layer_to_string(), where cgroup-memory is the whole cgroup and
 * read-only-root all flags of mounts. A second word lets the service serve although its self-test has failed. */
#define SWITCH_FILE "/run/pysb-layer-switch"

bool switch_is_off(Layer layer);
bool switch_serves_anyway(void);

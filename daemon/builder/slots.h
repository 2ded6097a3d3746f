/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Host ids of boxes: a box has one slot while it lives, and its uid and gid are first + slot. The
 * slot that was free for the longest time is taken next, so that no id comes back soon. Pure. */

#include <stdint.h>

#include "basic/cleanup.h"

typedef struct Slots Slots;

int slots_new(uint32_t count, Slots **ret_slots);
Slots *slots_free(Slots *slots);
DEFINE_CLEANUP(Slots *, slots_free);

/* Returns 0, or -EAGAIN if all are in use. */
int slots_take(Slots *slots, uint32_t *ret_slot);
void slots_release(Slots *slots, uint32_t slot);

uint32_t slots_n_free(const Slots *slots);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/slots.h"

#include <assert.h>
#include <errno.h>

/* A ring of the free slots: taken at the head, given back at the tail. */
struct Slots {
        uint32_t count, head, n_free;
        uint32_t ring[];
};

int slots_new(uint32_t count, Slots **ret_slots) {
        Slots *slots;

        slots = malloc(sizeof(*slots) + count * sizeof(slots->ring[0]));
        if (!slots)
                return -ENOMEM;
        *slots = (Slots){ .count = count, .n_free = count };
        for (uint32_t i = 0; i < count; i++)
                slots->ring[i] = i;
        *ret_slots = slots;
        return 0;
}

Slots *slots_free(Slots *slots) {
        free(slots);
        return NULL;
}

int slots_take(Slots *slots, uint32_t *ret_slot) {
        if (slots->n_free == 0)
                return -EAGAIN;
        *ret_slot = slots->ring[slots->head];
        slots->head = (slots->head + 1) % slots->count;
        slots->n_free--;
        return 0;
}

void slots_release(Slots *slots, uint32_t slot) {
        assert(slot < slots->count && slots->n_free < slots->count);
        slots->ring[(slots->head + slots->n_free) % slots->count] = slot;
        slots->n_free++;
}

uint32_t slots_n_free(const Slots *slots) {
        return slots->n_free;
}

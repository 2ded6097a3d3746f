/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A target is one file fuzz-NAME.c with LLVMFuzzerTestOneInput(). `./dev fuzz` links it with libFuzzer; the
 * ordinary build links it with replay.c, which feeds it what is in corpus/NAME. */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Also where NDEBUG is set. */
#define fuzz_check(condition)                                                              \
        do {                                                                               \
                if (!(condition)) {                                                        \
                        (void) fprintf(stderr, "%s:%d: %s is wrong\n", __FILE__, __LINE__, \
                                       #condition);                                        \
                        abort();                                                           \
                }                                                                          \
        } while (0)

/* What is left of an input. Behind its end everything is 0. */
typedef struct FuzzInput {
        const uint8_t *data;
        size_t size;
} FuzzInput;

static inline const void *fuzz_take(FuzzInput *in, size_t max, size_t *ret_size) {
        const uint8_t *p = in->data;

        *ret_size = MIN(max, in->size);
        in->data += *ret_size;
        in->size -= *ret_size;
        return p;
}

static inline uint8_t fuzz_byte(FuzzInput *in) {
        size_t size;
        const uint8_t *p = fuzz_take(in, 1, &size);

        return size > 0 ? *p : 0;
}

/* Fills target, with zeros where the input has ended. */
static inline void fuzz_fill(FuzzInput *in, void *target, size_t size) {
        size_t given;
        const void *p = fuzz_take(in, size, &given);

        memset(target, 0, size);
        if (given > 0)
                memcpy(target, p, given);
}

/* How many descriptors are open: as many before as after, or one was left. One call: a number that is no descriptor
 * says so. */
static inline unsigned fuzz_count_fds(void) {
        struct pollfd fds[128];
        unsigned n = 0;

        for (int i = 0; i < (int) ELEMENTSOF(fds); i++)
                fds[i] = (struct pollfd){ .fd = i };
        fuzz_check(poll(fds, ELEMENTSOF(fds), 0) >= 0);
        FOREACH_ARRAY(fd, fds, ELEMENTSOF(fds))
                n += !(fd->revents & POLLNVAL);
        return n;
}

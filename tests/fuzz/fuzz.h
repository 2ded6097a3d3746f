/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A target is one file fuzz-NAME.c with LLVMFuzzerTestOneInput(). `./dev fuzz` links it with libFuzzer; the
 * ordinary build links it with replay.c, which feeds it what is in corpus/NAME. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The lowest number that is free: it is the same before and after, or a descriptor was left open. */
static inline int fuzz_next_fd(void) {
        int fd = dup(STDERR_FILENO);

        fuzz_check(fd >= 0);
        (void) close(fd);
        return fd;
}

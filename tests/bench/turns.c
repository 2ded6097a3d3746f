/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/turns.h"

#define TURN_MAX 1000000U

uint64_t turns_now_nsec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000000U + (uint64_t) ts.tv_nsec;
}

static int turn_take(TurnsWork work, void *userdata, size_t n) {
        uint64_t *nsec = calloc(n, sizeof(*nsec)), start, all;
        int r;

        if (!nsec)
                return -ENOMEM;
        start = turns_now_nsec();
        r = work(userdata, n, nsec);
        all = turns_now_nsec() - start;
        if (r >= 0) {
                (void) printf("%" PRIu64, all);
                for (size_t i = 0; i < n; i++)
                        (void) printf(" %" PRIu64, nsec[i]);
                (void) printf("\n");
                r = fflush(stdout) == 0 ? 0 : -EPIPE;
        }
        free(nsec);
        return r;
}

int turns_serve(TurnsWork work, void *userdata) {
        unsigned n;

        while (scanf("%u", &n) == 1) {
                int r = n > 0 && n <= TURN_MAX ? turn_take(work, userdata, n) : -EINVAL;

                if (r < 0) {
                        (void) fprintf(stderr, "%s\n", strerror(-r));
                        return EXIT_FAILURE;
                }
        }
        return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the cases of the program in C have in common. */

#include <pysb.h>
#include <stdint.h>
#include <stdio.h>

extern PysbClient *client;
extern PysbRequest *request;

/* Fails the case that calls it, and says where. */
#define CHECK(condition)                                                                       \
        do {                                                                                   \
                if (!(condition)) {                                                            \
                        const char *why = pysb_client_get_error(client);                       \
                        printf("# line %d: %s (%s)\n", __LINE__, #condition, why ? why : "-"); \
                        return -1;                                                             \
                }                                                                              \
        } while (0)

/* What the callback saw of a streamed job. */
typedef struct Seen {
        char job[64], output[64], display[64];
        unsigned kinds;
        uint64_t sequence;
        int error;
        PysbResult *result;
} Seen;

int is_text(const char *text, const char *expected);
int set_code(const char *code);

/* A callback; userdata is a Seen. */
void see(PysbClient *from, const PysbEvent *event, PysbResult *result, int error, void *userdata);

/* The loop that a program of its own would have. */
int drive(void);

int case_files(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A byte queue with a bound: bytes are appended at the end and consumed at the start. */

#include <stddef.h>

typedef struct Buf {
        char *data;       /* first unread byte is data[start] */
        size_t start;     /* consumed bytes before it */
        size_t end;       /* one past the last byte */
        size_t allocated; /* of data */
        size_t max;       /* bound of end - start; 0 is no bound */
} Buf;

#define BUF_INIT(max_)        \
        (Buf) {               \
                .max = (max_) \
        }

void buf_done(Buf *b);

static inline size_t buf_size(const Buf *b) {
        return b->end - b->start;
}

static inline char *buf_data(const Buf *b) {
        return b->data + b->start;
}

/* Makes room for size more bytes and returns where they go; NULL with errno ENOBUFS (the bound) or
 * ENOMEM. buf_commit() then says how many were written there. */
void *buf_reserve(Buf *b, size_t size);
void buf_commit(Buf *b, size_t size);

/* -ENOBUFS beyond the bound, -ENOMEM. All or nothing. */
int buf_append(Buf *b, const void *data, size_t size);

void buf_consume(Buf *b, size_t size);

/* Gives memory back once the queue is empty and its allocation is large. */
void buf_shrink(Buf *b);

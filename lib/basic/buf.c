/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

#define BUF_KEEP (16 * KIB)

void buf_done(Buf *b) {
        free(b->data);
        *b = BUF_INIT(b->max);
}

void *buf_reserve(Buf *b, size_t size) {
        size_t used = buf_size(b), want;
        char *bigger;

        if (size > SIZE_MAX / 4 || (b->max > 0 && (size > b->max || used > b->max - size))) {
                errno = ENOBUFS;
                return NULL;
        }
        if (b->allocated - b->end >= size)
                return b->data + b->end;
        if (b->start > 0 && b->allocated - used >= size && b->start >= used) {
                memmove(b->data, b->data + b->start, used);
                b->start = 0;
                b->end = used;
                return b->data + b->end;
        }
        want = MAX(MAX(b->allocated * 2, used + size), (size_t) 256);
        bigger = malloc(want);
        if (!bigger) {
                errno = ENOMEM;
                return NULL;
        }
        if (used > 0)
                memcpy(bigger, b->data + b->start, used);
        free(b->data);
        b->data = bigger;
        b->start = 0;
        b->end = used;
        b->allocated = want;
        return b->data + b->end;
}

void buf_commit(Buf *b, size_t size) {
        assert(size <= b->allocated - b->end);
        b->end += size;
}

int buf_append(Buf *b, const void *data, size_t size) {
        void *p;

        if (size == 0)
                return 0;
        p = buf_reserve(b, size);
        if (!p)
                return -errno;
        memcpy(p, data, size);
        buf_commit(b, size);
        return 0;
}

void buf_consume(Buf *b, size_t size) {
        assert(size <= buf_size(b));
        b->start += size;
        if (b->start == b->end)
                b->start = b->end = 0;
}

void buf_shrink(Buf *b) {
        if (buf_size(b) == 0 && b->allocated > BUF_KEEP)
                buf_done(b);
}

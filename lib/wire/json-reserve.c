/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/json-reserve.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/macro.h"
#include "wire/conn.h"

/* When the first allocation fails, it is at most the token's buffer, which doubles up to twice the longest message; what
 * the lexer has read ahead, and makes values of, are some hundred bytes. */
#define RESERVE_BYTES ((size_t) 4 * VARLINK_MESSAGE_MAX_BYTES)
#define ALIGNMENT _Alignof(max_align_t)

static struct {
        char *memory;
        size_t used;
        bool is_parsing;
} reserve;

typedef struct Text {
        const char *next;
        size_t left;
} Text;

static void *reserve_malloc(size_t size) {
        void *p = malloc(size);

        if (p || !reserve.is_parsing)
                return p;
        size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
        if (size > RESERVE_BYTES - reserve.used)
                abort(); /* by what is said above it cannot be; and NULL would be written behind */
        p = reserve.memory + reserve.used;
        reserve.used += size;
        return p;
}

static void reserve_free(void *p) {
        uintptr_t at = (uintptr_t) p, begin = (uintptr_t) reserve.memory;

        if (at < begin || at >= begin + RESERVE_BYTES)
                free(p);
}

int json_reserve_setup(void) {
        void *memory = mmap(NULL, RESERVE_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (memory == MAP_FAILED)
                return -errno;
        reserve.memory = memory;
        json_set_alloc_funcs(reserve_malloc, reserve_free);
        return 0;
}

/* The end of the text, or of the memory. */
static size_t text_read(void *buffer, size_t size, void *userdata) {
        Text *text = userdata;
        size_t n = reserve.used > 0 ? 0 : MIN(size, text->left);

        memcpy(buffer, text->next, n);
        text->next += n;
        text->left -= n;
        return n;
}

int json_reserve_load(const char *text, size_t size, size_t flags, json_t **ret_value) {
        Text rest = { .next = text, .left = size };
        bool was_used;
        json_error_t error;
        json_t *value;

        reserve.is_parsing = reserve.memory; /* not in a client */
        value = reserve.is_parsing ? json_load_callback(text_read, &rest, flags, &error)
                                   : json_loadb(text, size, flags, &error);
        reserve.is_parsing = false;
        was_used = reserve.used > 0;
        if (was_used) {
                json_decref(value);
                value = NULL;
                reserve.used = 0;
        }
        if (!value)
                return was_used || json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
                                                                                       : -EBADMSG;
        *ret_value = value;
        return 0;
}

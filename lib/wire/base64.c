/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "basic/cleanup.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size) {
        const uint8_t *p = data;
        char *text, *t;

        if (size > SIZE_MAX / 2)
                return NULL;
        t = text = malloc((size + 2) / 3 * 4 + 1);
        if (!text)
                return NULL;
        for (; size > 0; p += 3, t += 4) {
                uint32_t bits = (uint32_t) p[0] << 16;

                if (size > 1)
                        bits |= (uint32_t) p[1] << 8;
                if (size > 2)
                        bits |= p[2];
                t[0] = alphabet[bits >> 18];
                t[1] = alphabet[bits >> 12 & 63];
                t[2] = size > 1 ? alphabet[bits >> 6 & 63] : '=';
                t[3] = size > 2 ? alphabet[bits & 63] : '=';
                size -= MIN(size, (size_t) 3);
        }
        *t = '\0';
        return text;
}

/* 0 to 63, or -1. */
static int digit_value(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+')
                return 62;
        if (c == '/')
                return 63;
        return -1;
}

static size_t padding_size(const char *text, size_t size) {
        return size < 4 ? 0 : (text[size - 1] == '=') + (text[size - 2] == '=');
}

size_t base64_decoded_size(const char *text, size_t size) {
        return size / 4 * 3 - padding_size(text, size);
}

int base64_decode(const char *text, size_t size, char **ret_data, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t padding, n = 0;
        uint32_t bits = 0;

        if (size % 4 != 0)
                return -EINVAL;
        padding = padding_size(text, size);
        if (padding == 2 && text[size - 1] != '=')
                return -EINVAL;
        data = malloc(size / 4 * 3 + 1);
        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                /* Padding decodes as zero bits; a '=' anywhere else is an error. */
                int v = i >= size - padding ? 0 : digit_value(text[i]);

                if (v < 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t) v;
                if (i % 4 == 3) {
                        data[n++] = (char) (bits >> 16 & 0xff);
                        data[n++] = (char) (bits >> 8 & 0xff);
                        data[n++] = (char) (bits & 0xff);
                        bits = 0;
                }
        }
        /* One text per value: bits that no byte takes must be zero, or two texts mean the same. */
        for (size_t i = 0; i < padding; i++)
                if (data[--n] != 0)
                        return -EINVAL;
        data[n] = '\0';
        *ret_data = TAKE_PTR(data);
        *ret_size = n;
        return 0;
}

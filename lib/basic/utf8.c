/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/utf8.h"

#include <stdint.h>

#include "basic/macro.h"

/* Length of the character that starts with this byte, 0 if none can. */
static size_t utf8_expected_size(unsigned char c) {
        if (c < 0x80)
                return 1;
        if (c >= 0xc2 && c <= 0xdf)
                return 2;
        if (c >= 0xe0 && c <= 0xef)
                return 3;
        if (c >= 0xf0 && c <= 0xf4)
                return 4;
        return 0;
}

static bool utf8_second_is_valid(unsigned char first, unsigned char second) {
        switch (first) {
        case 0xe0:
                return second >= 0xa0 && second <= 0xbf;
        case 0xed:
                return second >= 0x80 && second <= 0x9f;
        case 0xf0:
                return second >= 0x90 && second <= 0xbf;
        case 0xf4:
                return second >= 0x80 && second <= 0x8f;
        default:
                return second >= 0x80 && second <= 0xbf;
        }
}

bool utf8_is_valid(const void *data, size_t size) {
        const unsigned char *p = data;

        while (size > 0) {
                size_t n = utf8_expected_size(*p);

                if (n == 0 || n > size || *p == 0)
                        return false;
                if (n > 1 && !utf8_second_is_valid(p[0], p[1]))
                        return false;
                for (size_t i = 2; i < n; i++)
                        if ((p[i] & 0xc0) != 0x80)
                                return false;
                p += n;
                size -= n;
        }
        return true;
}

size_t utf8_incomplete_tail(const void *data, size_t size) {
        const unsigned char *p = data;

        for (size_t back = 1; back <= MIN(size, (size_t) 3); back++) {
                unsigned char c = p[size - back];

                if ((c & 0xc0) == 0x80)
                        continue;
                return utf8_expected_size(c) > back ? back : 0;
        }
        return 0;
}

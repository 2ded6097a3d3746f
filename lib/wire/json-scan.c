/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/json-scan.h"

#include <errno.h>
#include <stdbool.h>

/* What may stand between values; everything else that is no bracket and no string is part of a
 * number or a word. */
static bool is_separator(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':';
}

/* Index behind the string that starts at i; size if it does not end. */
static size_t string_end(const char *text, size_t size, size_t i) {
        for (i++; i < size && text[i] != '"'; i++)
                if (text[i] == '\\')
                        i++;
        return i < size ? i + 1 : size;
}

static size_t word_end(const char *text, size_t size, size_t i) {
        for (; i < size; i++)
                switch (text[i]) {
                case '{':
                case '}':
                case '[':
                case ']':
                case '"':
                        return i;
                default:
                        if (is_separator(text[i]))
                                return i;
                }
        return i;
}

int json_scan(const char *text, size_t size) {
        size_t depth = 0, n_values = 0, i = 0;

        while (i < size) {
                char c = text[i];

                if (is_separator(c)) {
                        i++;
                        continue;
                }
                if (c == '}' || c == ']') {
                        /* Closing too often is the parser's business; the depth must not wrap. */
                        if (depth > 0)
                                depth--;
                        i++;
                        continue;
                }
                if (++n_values > WIRE_JSON_VALUES_MAX)
                        return -E2BIG;
                if (c == '{' || c == '[') {
                        if (++depth > WIRE_JSON_DEPTH_MAX)
                                return -E2BIG;
                        i++;
                } else if (c == '"')
                        i = string_end(text, size, i);
                else
                        i = word_end(text, size, i);
        }
        return 0;
}

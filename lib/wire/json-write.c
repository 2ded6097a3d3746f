/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/json-write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX 64 /* characters of any integer or double */

static int add(Buf *buf, const char *text) {
        return buf_append(buf, text, strlen(text));
}

static bool is_plain(char c) {
        return (unsigned char) c >= 0x20 && c != '"' && c != '\\';
}

static int add_escaped(Buf *buf, char c) {
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *found = c ? strchr(from, c) : NULL;
        char text[8];

        if (found)
                (void) snprintf(text, sizeof(text), "\\%c", to[found - from]);
        else
                (void) snprintf(text, sizeof(text), "\\u%04X", (unsigned) c);
        return add(buf, text);
}

static int add_string(Buf *buf, const char *s, size_t size) {
        int r = add(buf, "\"");

        for (size_t i = 0, plain; i < size && r >= 0; i = plain) {
                for (plain = i; plain < size && is_plain(s[plain]);)
                        plain++;
                if (plain > i)
                        r = buf_append(buf, s + i, plain - i);
                if (plain < size && r >= 0)
                        r = add_escaped(buf, s[plain++]);
        }
        return r < 0 ? r : add(buf, "\"");
}

static int add_array(Buf *buf, const json_t *array) {
        int r = add(buf, "[");

        for (size_t i = 0; i < json_array_size(array) && r >= 0; i++) {
                if (i > 0)
                        r = add(buf, ",");
                if (r >= 0)
                        r = json_write(buf, json_array_get(array, i));
        }
        return r < 0 ? r : add(buf, "]");
}

static int add_object(Buf *buf, json_t *object) {
        const char *separator = "{";
        int r = 0;

        for (void *i = json_object_iter(object); i && r >= 0;
             i = json_object_iter_next(object, i)) {
                r = add(buf, separator);
                if (r >= 0)
                        r = add_string(buf, json_object_iter_key(i), json_object_iter_key_len(i));
                if (r >= 0)
                        r = add(buf, ":");
                if (r >= 0)
                        r = json_write(buf, json_object_iter_value(i));
                separator = ",";
        }
        if (r < 0)
                return r;
        return add(buf, json_object_size(object) > 0 ? "}" : "{}");
}

/* How a double looks is jansson's business. */
static int add_number(Buf *buf, const json_t *number) {
        char text[NUMBER_MAX];
        size_t size = json_dumpb(number, text, sizeof(text), JSON_ENCODE_ANY);

        return size == 0 || size > sizeof(text) ? -EINVAL : buf_append(buf, text, size);
}

int json_write(Buf *buf, const json_t *value) {
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return add_object(buf, (json_t *) value);
        case JSON_ARRAY:
                return add_array(buf, value);
        case JSON_STRING:
                return add_string(buf, json_string_value(value), json_string_length(value));
        case JSON_INTEGER:
        case JSON_REAL:
                return add_number(buf, value);
        case JSON_TRUE:
                return add(buf, "true");
        case JSON_FALSE:
                return add(buf, "false");
        case JSON_NULL:
                return add(buf, "null");
        }
        return -EINVAL;
}

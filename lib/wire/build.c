/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/build.h"

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/utf8.h"
#include "wire/base64.h"

void json_build_done(JsonBuild *b) {
        json_decref(b->object);
        b->object = NULL;
}

void json_build_value(JsonBuild *b, const char *key, json_t *value) {
        if (!b->object)
                json_decref(value);
        else if (json_object_set_new(b->object, key, value) < 0) /* takes NULL as a failure */
                json_build_done(b);
}

void json_build_optional(JsonBuild *b, const char *key, json_t *value) {
        if (value)
                json_build_value(b, key, value);
}

void json_build_string(JsonBuild *b, const char *key, const char *value) {
        if (value)
                json_build_value(b, key, json_string(value));
}

void json_build_string_n(JsonBuild *b, const char *key, const char *text, size_t size) {
        /* An empty buffer has no memory. */
        json_build_value(b, key, json_stringn(size > 0 ? text : "", size));
}

void json_build_bool(JsonBuild *b, const char *key, bool value) {
        json_build_value(b, key, json_boolean(value));
}

void json_build_int(JsonBuild *b, const char *key, int64_t value) {
        json_build_value(b, key, json_integer(value));
}

void json_build_uint(JsonBuild *b, const char *key, uint64_t value) {
        json_build_int(b, key, (int64_t) MIN(value, (uint64_t) INT64_MAX));
}

void json_build_strings(JsonBuild *b, const char *key, const char *const *strings, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                if (json_array_append_new(array, json_string(strings[i])) < 0) {
                        json_decref(array);
                        array = NULL;
                }
        json_build_value(b, key, array);
}

void json_build_strv(JsonBuild *b, const char *key, const char *const *strings) {
        size_t n = 0;

        while (strings && strings[n])
                n++;
        json_build_strings(b, key, strings, n);
}

/* Bytes of this text inside a JSON string: \n, \", \\ take two, other control characters six. */
static size_t escaped_size(const char *text, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) text[i];

                if (c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' || c == '\r' ||
                    c == '\t')
                        n += 2;
                else
                        n += c < 0x20 ? 6 : 1;
        }
        return n;
}

bool json_bytes_are_text(const void *data, size_t size, unsigned int growth) {
        return utf8_is_valid(data, size) && escaped_size(data, size) <= growth * size;
}

void json_build_bytes(JsonBuild *b, const void *data, size_t size, unsigned int growth) {
        _cleanup_free_ char *base64 = NULL;

        if (json_bytes_are_text(data, size, growth)) {
                json_build_string_n(b, "text", data, size);
                return;
        }
        base64 = base64_encode(data, size);
        json_build_value(b, "data", base64 ? json_string(base64) : NULL);
}

json_t *json_build_take(JsonBuild *b) {
        return TAKE_PTR(b->object);
}

int json_get_bytes(json_t *object,
                   const char *text_key,
                   const char *data_key,
                   char **ret_data,
                   size_t *ret_size) {
        json_t *text = json_object_get(object, text_key), *data = json_object_get(object, data_key);
        json_t *one = text && !json_is_null(text) ? text : data;
        char *copy;

        if (!one || json_is_null(one))
                one = NULL;
        else if (!json_is_string(one) || (one == text && data && !json_is_null(data)))
                return -EINVAL;
        if (one && one == data)
                return base64_decode(json_string_value(data), json_string_length(data), ret_data,
                                     ret_size);
        copy = strndup(one ? json_string_value(one) : "", one ? json_string_length(one) : 0);
        if (!copy)
                return -ENOMEM;
        *ret_data = copy;
        *ret_size = json_string_length(one);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "wire/names.h"

/* ret = first, second; cut to the size of a path, never inside a character: the name of an unknown
 * key is the client's, and it goes back in a JSON string. */
static void path_set(char ret_path[static JSON_PATH_MAX], const char *first, const char *second) {
        char path[JSON_PATH_MAX];
        size_t size;

        (void) snprintf(path, sizeof(path), "%s%s", first, second);
        size = strlen(path);
        path[size - utf8_incomplete_tail(path, size)] = '\0';
        memcpy(ret_path, path, JSON_PATH_MAX);
}

static const JsonField *field_find(const JsonField *fields, const char *name) {
        for (; fields->name; fields++)
                if (strcmp(fields->name, name) == 0)
                        return fields;
        return NULL;
}

static int check_unknown(json_t *object, const JsonField *fields, char ret_path[JSON_PATH_MAX]) {
        const char *key;
        json_t *value;

        json_object_foreach(object, key, value) {
                /* null is the same as absent, for keys of a later version as well. */
                if (!field_find(fields, key) && !json_is_null(value)) {
                        path_set(ret_path, key, "");
                        return -EINVAL;
                }
        }
        return 0;
}

int json_dispatch(json_t *object,
                  const JsonField *fields,
                  void *target,
                  char ret_path[static JSON_PATH_MAX]) {
        for (const JsonField *f = fields; f->name; f++) {
                json_t *value = json_object_get(object, f->name);
                char below[JSON_PATH_MAX] = "";
                int r = 0;

                if (value && !json_is_null(value))
                        r = f->dispatch(f, value, (char *) target + f->offset, below);
                else if (f->flags & JSON_REQUIRED)
                        r = -EINVAL;
                if (r < 0) {
                        path_set(ret_path, f->name, below);
                        return r;
                }
        }
        return check_unknown(object, fields, ret_path);
}

int json_dispatch_string(const JsonField *field, json_t *value, void *target, char *path) {
        if (!json_is_string(value))
                return -EINVAL;
        *(const char **) target = json_string_value(value);
        return 0;
}

int json_dispatch_bool(const JsonField *field, json_t *value, void *target, char *path) {
        if (!json_is_boolean(value))
                return -EINVAL;
        *(bool *) target = json_is_true(value);
        return 0;
}

int json_dispatch_int(const JsonField *field, json_t *value, void *target, char *path) {
        /* Not 1.0 and not true. What does not fit into 64 bits was refused by the parser. */
        if (!json_is_integer(value))
                return -EINVAL;
        *(OptionalInt *) target = (OptionalInt){
                .is_set = true,
                .value = json_integer_value(value),
        };
        return 0;
}

int json_dispatch_uint(const JsonField *field, json_t *value, void *target, char *path) {
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return -EINVAL;
        *(OptionalUint *) target = (OptionalUint){
                .is_set = true,
                .value = (uint64_t) json_integer_value(value),
        };
        return 0;
}

int json_dispatch_enum(const JsonField *field, json_t *value, void *target, char *path) {
        int index;

        if (!json_is_string(value))
                return -EINVAL;
        index = wire_name_find(field->data, json_string_value(value));
        if (index < 0)
                return index;
        *(int *) target = index;
        return 0;
}

static size_t field_max(const JsonField *field) {
        return field->max > 0 ? field->max : JSON_ENTRIES_MAX;
}

static void path_set_index(char *path, size_t index) {
        (void) snprintf(path, JSON_PATH_MAX, "[%zu]", index);
}

int json_dispatch_enum_set(const JsonField *field, json_t *value, void *target, char *path) {
        OptionalUint set = { .is_set = true };
        json_t *item;
        size_t i;

        if (!json_is_array(value) || json_array_size(value) > field_max(field))
                return -EINVAL;
        json_array_foreach(value, i, item) {
                int index;

                if (json_dispatch_enum(field, item, &index, path) < 0) {
                        path_set_index(path, i);
                        return -EINVAL;
                }
                set.value |= UINT64_C(1) << index;
        }
        *(OptionalUint *) target = set;
        return 0;
}

int json_dispatch_object(const JsonField *field, json_t *value, void *target, char *path) {
        char below[JSON_PATH_MAX];
        int r;

        if (!json_is_object(value))
                return -EINVAL;
        r = json_dispatch(value, field->data, target, below);
        if (r < 0)
                path_set(path, ".", below);
        return r;
}

int json_dispatch_entry(json_t *array,
                        size_t index,
                        const JsonField *fields,
                        void *target,
                        char path[static JSON_PATH_MAX]) {
        json_t *entry = json_array_get(array, index);
        char below[JSON_PATH_MAX], number[32];

        (void) snprintf(number, sizeof(number), "[%zu]", index);
        if (!json_is_object(entry)) {
                path_set(path, number, "");
                return -EINVAL;
        }
        if (json_dispatch(entry, fields, target, below) >= 0)
                return 0;
        (void) snprintf(number, sizeof(number), "[%zu].", index);
        path_set(path, number, below);
        return -EINVAL;
}

int json_dispatch_any_object(const JsonField *field, json_t *value, void *target, char *path) {
        if (!json_is_object(value) || json_object_size(value) > field_max(field))
                return -EINVAL;
        *(json_t **) target = value;
        return 0;
}

int json_dispatch_any_array(const JsonField *field, json_t *value, void *target, char *path) {
        if (!json_is_array(value) || json_array_size(value) > field_max(field))
                return -EINVAL;
        *(json_t **) target = value;
        return 0;
}

int json_dispatch_strings(const JsonField *field, json_t *value, void *target, char *path) {
        json_t *item;
        size_t i;

        if (json_dispatch_any_array(field, value, target, path) < 0)
                return -EINVAL;
        json_array_foreach(value, i, item) {
                if (!json_is_string(item)) {
                        path_set_index(path, i);
                        return -EINVAL;
                }
        }
        return 0;
}

int json_dispatch_string_map(const JsonField *field, json_t *value, void *target, char *path) {
        const char *key;
        json_t *item;

        if (json_dispatch_any_object(field, value, target, path) < 0)
                return -EINVAL;
        json_object_foreach(value, key, item) {
                if (!json_is_string(item)) {
                        path_set(path, ".", key);
                        return -EINVAL;
                }
        }
        return 0;
}

size_t json_strings_size(json_t *strings) {
        return json_array_size(strings);
}

const char *json_strings_get(json_t *strings, size_t index) {
        return json_string_value(json_array_get(strings, index));
}

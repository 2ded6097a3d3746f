/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON object -> C struct by a table: handlers never walk raw JSON. Types are strict, an unknown
 * key is an error, null is the same as absent. Strings, arrays and maps stay in the JSON value: the
 * struct points into it and lives as long as that.
 *
 *      typedef struct WaitParameters {
 *              const char *job;
 *              OptionalUint timeout_usec;
 *      } WaitParameters;
 *
 *      static const JsonField wait_fields[] = {
 *              { "job", json_dispatch_string, offsetof(WaitParameters, job), JSON_REQUIRED },
 *              { "timeoutUSec", json_dispatch_uint, offsetof(WaitParameters, timeout_usec) },
 *              {},
 *      };
 *
 *      if (json_dispatch(call->parameters, wait_fields, &p, path) < 0)
 *              return varlink_error_invalid_parameter(path);
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_PATH_MAX 128

typedef struct JsonField JsonField;

/* Stores value (never null) at target, which is the field inside the struct. Returns 0 or -EINVAL;
 * deeper functions have put what they know into path, see json_dispatch(). */
typedef int (*JsonDispatch)(const JsonField *field,
                            json_t *value,
                            void *target,
                            char path[static JSON_PATH_MAX]);

#define JSON_REQUIRED 1U

struct JsonField {
        const char *name; /* NULL ends the table */
        JsonDispatch dispatch;
        size_t offset;
        unsigned flags;
        const void *data; /* object: JsonField table; enums: NULL-terminated array of names */
        size_t max;       /* arrays and maps: number of entries; 0 is JSON_ENTRIES_MAX */
};

#define JSON_ENTRIES_MAX 1024

typedef struct OptionalInt {
        bool is_set;
        int64_t value;
} OptionalInt;

typedef struct OptionalUint {
        bool is_set;
        uint64_t value;
} OptionalUint;

/* Fills target, which the caller has zeroed. On failure returns -EINVAL and path names the
 * parameter, such as "request.limits.memoryBytes" or "request.arguments[3]"; valid UTF-8, cut where
 * it is too long. */
int json_dispatch(json_t *object,
                  const JsonField *fields,
                  void *target,
                  char ret_path[static JSON_PATH_MAX]);

/* The types: what the field of the struct is. */
int json_dispatch_string(const JsonField *, json_t *, void *, char *);   /* const char * */
int json_dispatch_bool(const JsonField *, json_t *, void *, char *);     /* bool */
int json_dispatch_int(const JsonField *, json_t *, void *, char *);      /* OptionalInt */
int json_dispatch_uint(const JsonField *, json_t *, void *, char *);     /* OptionalUint, not < 0 */
int json_dispatch_enum(const JsonField *, json_t *, void *, char *);     /* int, index in data */
int json_dispatch_enum_set(const JsonField *, json_t *, void *, char *); /* OptionalUint of bits */
int json_dispatch_object(const JsonField *, json_t *, void *, char *);   /* the struct, in place */
int json_dispatch_strings(const JsonField *, json_t *, void *, char *);  /* json_t *: array */
int json_dispatch_string_map(const JsonField *, json_t *, void *, char *); /* json_t *: object */
int json_dispatch_any_object(const JsonField *, json_t *, void *, char *); /* json_t *, unchecked */
int json_dispatch_any_array(const JsonField *, json_t *, void *, char *);  /* json_t *, unchecked */

/* For arrays of objects: the object at that index, as json_dispatch() does it. On failure path names
 * the parameter from the array on, such as "[3].text": what a JsonDispatch function returns. */
int json_dispatch_entry(json_t *array,
                        size_t index,
                        const JsonField *fields,
                        void *target,
                        char path[static JSON_PATH_MAX]);

/* The entries of json_dispatch_strings(): NULL arrays have none. */
size_t json_strings_size(json_t *strings);
const char *json_strings_get(json_t *strings, size_t index);

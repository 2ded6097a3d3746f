/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Building a JSON object field by field. A failure (lack of memory, a string that is not UTF-8)
 * sticks: json_build_take() then returns NULL, and nothing in between needs a check.
 *
 *      JsonBuild b = JSON_BUILD_INIT;
 *
 *      json_build_string(&b, "job", job->id);
 *      json_build_uint(&b, "position", position);
 *      return varlink_reply_new(json_build_take(&b), false);
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct JsonBuild {
        json_t *object; /* NULL after a failure */
} JsonBuild;

#define JSON_BUILD_INIT \
        { json_object() }

void json_build_string(JsonBuild *b, const char *key, const char *value); /* NULL is left out */
void json_build_string_n(JsonBuild *b, const char *key, const char *text, size_t size);
void json_build_bool(JsonBuild *b, const char *key, bool value);
void json_build_int(JsonBuild *b, const char *key, int64_t value);
void json_build_uint(JsonBuild *b, const char *key, uint64_t value); /* at most INT64_MAX */

/* Any value; stolen, NULL is a failure. */
void json_build_value(JsonBuild *b, const char *key, json_t *value);
/* The same, but NULL leaves the key out. */
void json_build_optional(JsonBuild *b, const char *key, json_t *value);

/* An array of strings; n entries, or up to the NULL. */
void json_build_strings(JsonBuild *b, const char *key, const char *const *strings, size_t n);
void json_build_strv(JsonBuild *b, const char *key, const char *const *strings);

/* Whether bytes travel as text: UTF-8 without NUL that escaping does not make longer than growth
 * times their size. */
bool json_bytes_are_text(const void *data, size_t size, unsigned int growth);

/* The pair for bytes: "text" when they are that, else "data" with standard Base64. data may be NULL if size
 * is 0. */
void json_build_bytes(JsonBuild *b, const void *data, size_t size, unsigned int growth);

/* The object, owned by the caller, or NULL after a failure. */
json_t *json_build_take(JsonBuild *b);
void json_build_done(JsonBuild *b); /* for _cleanup_() where a builder may be left early */

/* The bytes of such a pair in *ret_data (owned by the caller, a NUL behind them), whichever of the
 * two members is set; an absent pair is 0 bytes. -EINVAL for both or for bad Base64. */
int json_get_bytes(json_t *object,
                   const char *text_key,
                   const char *data_key,
                   char **ret_data,
                   size_t *ret_size);

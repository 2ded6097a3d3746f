/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The reader of flat lines, "FILE:LINE: section.key = VALUE", and of tables of keys. What it reads
 * comes from an unprivileged compiler, so every byte is checked again. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/cleanup.h"
#include "profile/profile.h"

#define FLAT_LINE_MAX 4096
#define FLAT_MARK "== " /* and a name: what follows is of that profile or tenant */

typedef enum FlatType {
        FLAT_INTEGER, /* text is digits, perhaps with a minus */
        FLAT_BOOLEAN, /* text is "true" or "false" */
        FLAT_EMPTY,   /* a list without elements: "[]" */
        FLAT_STRING,  /* text is what stood between the quotes, UTF-8 without control characters */
} FlatType;

typedef struct FlatLine {
        char *where; /* "default.toml:12" */
        char *key;   /* "limits.memory" */
        char *text;
        FlatType type;
} FlatLine;

void flat_line_done(FlatLine *line);

/* Reads the line at *lines, which has *size bytes left, and moves behind it. Returns 1, 0 at the end,
 * -ENOMEM, or -EINVAL with a sentence in *ret_error. Empty lines are skipped; the fields of an earlier
 * line are freed. */
int flat_line_next(const char **lines, size_t *size, FlatLine *line, char **ret_error);

/* The next line that begins with the mark, or end. s is at the begin of a line. */
const char *flat_next_mark(const char *s, const char *end);

/* Sets *ret_error to a formatted sentence and returns -EINVAL; -ENOMEM if there is no memory. */
int flat_error(char **ret_error, const char *format, ...) _printf_(2, 3);

typedef struct Key Key;

/* Puts the value into the object. Errors like flat_line_next(). */
typedef int (*KeyParser)(const Key *key, const FlatLine *line, void *field, char **ret_error);

/* One row of a key table: all that is known of a key stands here. */
struct Key {
        const char *name; /* "python.policy"; "limits." is a row for every key of that section */
        KeyParser parse;
        size_t offset;             /* of the field in the object */
        const char *const *values; /* of an enumeration, NULL-terminated */
        bool is_list;              /* each line adds an element; no line is the empty list */
        bool is_optional;
        bool is_computed;          /* no file can set it */
        const char *documentation; /* what the man page says */
};

int key_parse_boolean(const Key *key, const FlatLine *line, void *field, char **ret_error);
int key_parse_string(const Key *key, const FlatLine *line, void *field, char **ret_error);
int key_parse_count(const Key *key, const FlatLine *line, void *field, char **ret_error);
int key_parse_duration(const Key *key, const FlatLine *line, void *field, char **ret_error);
int key_parse_size(const Key *key, const FlatLine *line, void *field, char **ret_error);
int key_parse_enumeration(const Key *key, const FlatLine *line, void *field, char **ret_error);

/* A row "SECTION." for every limit, named behind the point; the field is of type Limits. */
int key_parse_limit(const Key *key,
                    const FlatLine *line,
                    void *field,
                    char **ret_error); /* profile.c */

/* The key table of profiles. */
const Key *profile_keys(size_t *ret_n);

/* Which keys were set, and where: for a list, where the first element from each file was. */
typedef struct KeySources {
        ProfileSource *items;
        size_t n_items;
} KeySources;

void key_sources_done(KeySources *sources);

/* Where the key was set, or NULL. */
const char *key_sources_find(const KeySources *sources, const char *key);

/* Reads all lines into the object: each key must be in the table, and stand once unless it is a
 * list. Whether one is missing is for the caller to say. */
int keys_parse(const Key *keys,
               size_t n_keys,
               const char *lines,
               size_t size,
               void *object,
               KeySources *sources,
               char **ret_error);

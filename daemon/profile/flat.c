/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/flat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "basic/utf8.h"

int flat_error(char **ret_error, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(ret_error, format, args);
        va_end(args);
        if (n < 0) {
                *ret_error = NULL;
                return -ENOMEM;
        }
        return -EINVAL;
}

void flat_line_done(FlatLine *line) {
        free(line->where);
        free(line->key);
        free(line->text);
        *line = (FlatLine){};
}

/* A JSON string without its quotes. The compiler writes no other escapes than these two: control
 * characters have no business in a profile and would travel into logs and terminals. */
static bool string_decode(char *s) {
        char *to = s;

        for (; *s != '\0'; s++) {
                if (*s == '"')
                        return false;
                if (*s == '\\' && *++s != '"' && *s != '\\')
                        return false;
                *to++ = *s;
        }
        *to = '\0';
        return true;
}

static bool text_is_integer(const char *s) {
        s += *s == '-';
        return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static int value_decode(FlatLine *line) {
        size_t size = strlen(line->text);
        bool boolean;

        if (size >= 2 && line->text[0] == '"' && line->text[size - 1] == '"') {
                memmove(line->text, line->text + 1, size - 2);
                line->text[size - 2] = '\0';
                line->type = FLAT_STRING;
                return string_decode(line->text) ? 0 : -EINVAL;
        }
        if (parse_bool(line->text, &boolean) >= 0) {
                line->type = FLAT_BOOLEAN;
                return 0;
        }
        if (strcmp(line->text, "[]") == 0) {
                line->type = FLAT_EMPTY;
                return 0;
        }
        line->type = FLAT_INTEGER;
        /* One that no integer holds is still one, and out of the range of its key. */
        return text_is_integer(line->text) ? 0 : -EINVAL;
}

static bool line_is_text(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) s[i] < 0x20 || s[i] == 0x7f)
                        return false;
        return utf8_is_valid(s, size);
}

/* "FILE:LINE: KEY = VALUE": a file name may hold a colon, but neither ": " nor " = ". */
static int line_split(const char *s, size_t size, FlatLine *line) {
        const char *key, *value;

        key = memmem(s, size, ": ", 2);
        if (!key || key == s)
                return -EINVAL;
        line->where = strndup(s, (size_t) (key - s));
        key += 2;
        value = memmem(key, (size_t) (s + size - key), " = ", 3);
        if (!value || value == key)
                return -EINVAL;
        line->key = strndup(key, (size_t) (value - key));
        value += 3;
        line->text = strndup(value, (size_t) (s + size - value));
        if (!line->where || !line->key || !line->text)
                return -ENOMEM;
        return value_decode(line);
}

/* Names what stands before the value, if that is no longer than it should be. */
static int line_too_long(const char *s, size_t size, char **ret_error) {
        const char *value = memmem(s, FLAT_LINE_MAX, " = ", 3);

        return flat_error(ret_error,
                          "%.*s%sa line of %zu bytes is too long, at most %d are allowed",
                          value ? (int) (value - s) : 0, s, value ? ": " : "", size, FLAT_LINE_MAX);
}

int flat_line_next(const char **lines, size_t *size, FlatLine *line, char **ret_error) {
        const char *s, *end;
        size_t length;
        int r;

        flat_line_done(line);
        do {
                if (*size == 0)
                        return 0;
                s = *lines;
                end = memchr(s, '\n', *size);
                length = end ? (size_t) (end - s) : *size;
                *lines += length + (end ? 1 : 0);
                *size -= length + (end ? 1 : 0);
        } while (length == 0);

        if (!line_is_text(s, length))
                return flat_error(ret_error,
                                  "a line is not UTF-8 text or has a control character in it");
        if (length > FLAT_LINE_MAX)
                return line_too_long(s, length, ret_error);
        r = line_split(s, length, line);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return flat_error(
                        ret_error,
                        "this is no line of the form FILE:LINE: section.key = VALUE: %.*s",
                        (int) MIN(length, (size_t) 200), s);
        return 1;
}

const char *flat_next_mark(const char *s, const char *end) {
        while (s < end) {
                const char *newline;

                if ((size_t) (end - s) >= strlen(FLAT_MARK) &&
                    memcmp(s, FLAT_MARK, strlen(FLAT_MARK)) == 0)
                        return s;
                newline = memchr(s, '\n', (size_t) (end - s));
                s = newline ? newline + 1 : end;
        }
        return end;
}

int key_parse_boolean(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_BOOLEAN)
                return flat_error(ret_error, "%s: %s: must be true or false", line->where,
                                  line->key);
        return parse_bool(line->text, field);
}

int key_parse_string(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        char **string = field;

        if (line->type != FLAT_STRING || line->text[0] == '\0')
                return flat_error(ret_error, "%s: %s: must be a string that is not empty",
                                  line->where, line->key);
        *string = strdup(line->text);
        return *string ? 0 : -ENOMEM;
}

int key_parse_count(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        uint64_t *value = field;
        int r = line->type == FLAT_INTEGER ? parse_u64(line->text, value) : -EINVAL;

        if (r == -ERANGE) {
                *value = UINT64_MAX; /* above the highest value of any key, as its range will say */
                return 0;
        }
        if (r < 0)
                return flat_error(ret_error, "%s: %s: must be an integer that is not negative",
                                  line->where, line->key);
        return 0;
}

int key_parse_duration(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        int r = line->type == FLAT_BOOLEAN ? -EINVAL : parse_duration(line->text, field);

        if (r == -ERANGE)
                return flat_error(ret_error, "%s: %s: %s is out of range, at most %" PRIu64 " s",
                                  line->where, line->key, line->text, UINT64_MAX / USEC_PER_SEC);
        if (r < 0)
                return flat_error(ret_error,
                                  "%s: %s: '%s' is no time; write a number of seconds, or a "
                                  "string with one of us, ms, s, min, h, such as \"500ms\"",
                                  line->where, line->key, line->text);
        return 0;
}

int key_parse_size(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type == FLAT_BOOLEAN || parse_size(line->text, field) < 0)
                return flat_error(ret_error,
                                  "%s: %s: '%s' is no size; write a number of bytes, or a string "
                                  "such as \"512M\"",
                                  line->where, line->key, line->text);
        return 0;
}

int key_parse_enumeration(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        _cleanup_free_ char *choice = NULL;
        unsigned *value = field;
        size_t n = 0;

        for (; key->values[n]; n++)
                if (line->type == FLAT_STRING && strcmp(line->text, key->values[n]) == 0) {
                        *value = (unsigned) n;
                        return 0;
                }
        for (size_t i = 0; i < n; i++) {
                char *longer;

                if (asprintf(&longer, "%s%s\"%s\"", choice ? choice : "",
                             i == 0      ? ""
                             : i + 1 < n ? ", "
                                         : " or ",
                             key->values[i]) < 0)
                        return -ENOMEM;
                free(choice);
                choice = longer;
        }
        return flat_error(ret_error, "%s: %s: '%s' is not one of its values; it must be %s",
                          line->where, line->key, line->text, choice);
}

void key_sources_done(KeySources *sources) {
        FOREACH_ARRAY(source, sources->items, sources->n_items) {
                free(source->key);
                free(source->where);
        }
        free(sources->items);
        *sources = (KeySources){};
}

const char *key_sources_find(const KeySources *sources, const char *key) {
        FOREACH_ARRAY(source, sources->items, sources->n_items)
                if (strcmp(source->key, key) == 0)
                        return source->where;
        return NULL;
}

/* Whether a line of this key and of the same file was there before: a list may have elements from
 * several files. */
static bool key_sources_has_file(const KeySources *sources, const FlatLine *line) {
        const char *colon = strrchr(line->where, ':');
        size_t n = colon ? (size_t) (colon - line->where) + 1 : strlen(line->where) + 1;

        /* From the end: the elements of a list come one after the other. */
        for (size_t i = sources->n_items; i-- > 0;)
                if (strncmp(sources->items[i].where, line->where, n) == 0 &&
                    strcmp(sources->items[i].key, line->key) == 0)
                        return true;
        return false;
}

/* Takes key and where out of the line. */
static int key_sources_add(KeySources *sources, FlatLine *line) {
        ProfileSource *items =
                reallocarray(sources->items, sources->n_items + 1, sizeof(*sources->items));

        if (!items)
                return -ENOMEM;
        sources->items = items;
        sources->items[sources->n_items++] = (ProfileSource){
                .key = TAKE_PTR(line->key),
                .where = TAKE_PTR(line->where),
        };
        return 0;
}

static const Key *key_find(const Key *keys, size_t n_keys, const char *name) {
        FOREACH_ARRAY(key, keys, n_keys) {
                size_t length = strlen(key->name);
                bool is_section = key->name[length - 1] == '.';

                if (is_section ? strncmp(name, key->name, length) == 0
                               : strcmp(name, key->name) == 0)
                        return key;
        }
        return NULL;
}

/* Where a key of that name belongs; false if there is none. The first section is the top of the file. */
static bool print_right_section(const Key *keys, size_t n_keys, const char *name, FILE *f) {
        FOREACH_ARRAY(key, keys, n_keys) {
                const char *dot = strchr(key->name, '.');
                bool has_it = strcmp(dot + 1, name) == 0;

                for (LimitId id = 0; dot[1] == '\0' && id < _LIMIT_MAX; id++)
                        has_it = has_it || strcmp(limit_infos[id].key, name) == 0;
                if (!has_it)
                        continue;
                if (strncmp(key->name, keys->name, (size_t) (dot - key->name)) == 0)
                        fputs("it stands at the top, above all sections", f);
                else
                        fprintf(f, "it stands in [%.*s]", (int) (dot - key->name), key->name);
                return true;
        }
        return false;
}

/* The keys of a section; false if there is no such section. */
static bool print_section(const Key *keys, size_t n_keys, const char *name, FILE *f) {
        size_t size = (size_t) (strchr(name, '.') - name) + 1;
        const char *separator = "there are ";

        FOREACH_ARRAY(key, keys, n_keys)
                if (!key->is_computed && strncmp(key->name, name, size) == 0) {
                        fprintf(f, "%s%s", separator, key->name + size);
                        separator = ", ";
                }
        return *separator == ',';
}

static void print_sections(const Key *keys, size_t n_keys, FILE *f) {
        const char *separator = "the sections are ", *last = keys->name;

        FOREACH_ARRAY(key, keys, n_keys) {
                size_t size = (size_t) (strchr(key->name, '.') - key->name);

                if (strncmp(key->name, keys->name, size + 1) == 0 ||
                    strncmp(key->name, last, size + 1) == 0)
                        continue;
                fprintf(f, "%s[%.*s]", separator, (int) size, key->name);
                separator = ", ";
                last = key->name;
        }
}

static int key_unknown(const Key *keys, size_t n_keys, const FlatLine *line, char **ret_error) {
        _cleanup_free_ char *right = NULL;
        const char *dot = strchr(line->key, '.');
        size_t size;
        FILE *f = dot ? open_memstream(&right, &size) : NULL;

        if (f) {
                if (!print_right_section(keys, n_keys, dot + 1, f) &&
                    !print_section(keys, n_keys, line->key, f))
                        print_sections(keys, n_keys, f);
                fclose(f);
        }
        return flat_error(ret_error, "%s: %s: there is no such key%s%s", line->where, line->key,
                          right ? "; " : "", right ? right : "");
}

int keys_parse(const Key *keys,
               size_t n_keys,
               const char *lines,
               size_t size,
               void *object,
               KeySources *sources,
               char **ret_error) {
        _cleanup_(flat_line_done) FlatLine line = {};
        const Key *key = NULL;
        int r;

        while ((r = flat_line_next(&lines, &size, &line, ret_error)) > 0) {
                const char *first;

                if (!key || strcmp(key->name, line.key) != 0) /* else the next element of a list */
                        key = key_find(keys, n_keys, line.key);
                if (!key)
                        return key_unknown(keys, n_keys, &line, ret_error);
                if (line.type == FLAT_EMPTY && key->is_list)
                        continue;
                first = key->is_list ? NULL : key_sources_find(sources, line.key);
                if (first)
                        return flat_error(
                                ret_error,
                                "%s: %s: was already set at %s; a key may stand only once",
                                line.where, line.key, first);
                r = key->parse(key, &line, (char *) object + key->offset, ret_error);
                if (r < 0)
                        return r;
                if (!key_sources_has_file(sources, &line) &&
                    (r = key_sources_add(sources, &line)) < 0)
                        return r;
        }
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The key table for the manual, and a profile for people: both walk the one table of keys. */

#include <inttypes.h>
#include <string.h>

#include "basic/macro.h"
#include "profile/flat.h"

#define SOURCE_COLUMN 44
#define LINE_COLUMNS 100
#define SHORT_LIST_COLUMNS 60

/* Keys of the top of a file have the section "profile." here; a row of limits has only a section. */
static bool key_is_section(const Key *key) {
        return key->name[strlen(key->name) - 1] == '.';
}

void profile_print_keys(FILE *f) {
        size_t n;
        const Key *keys = profile_keys(&n);

        FOREACH_ARRAY(key, keys, n) {
                if (!key_is_section(key)) {
                        fprintf(f, "%s\n        %s.\n", key->name, key->documentation);
                        continue;
                }
                fprintf(f, "%s*\n        %s:\n", key->name, key->documentation);
                for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                        char lowest[32], highest[32];

                        fprintf(f, "        %-11s %s, %s to %s\n", limit_infos[id].key,
                                limit_infos[id].label,
                                limit_format(id, limit_infos[id].lowest, lowest, sizeof(lowest)),
                                limit_format(id, limit_infos[id].highest, highest,
                                             sizeof(highest)));
                }
        }
}

static void print_string(const char *text, FILE *f) {
        fputc('"', f);
        for (; *text != '\0'; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', f);
                fputc(*text, f);
        }
        fputc('"', f);
}

/* All the files that a list has elements of. An empty list may stand nowhere, and a value that is a default. */
static void print_sources(const Profile *p, const char *key, const char *nowhere, FILE *f) {
        const char *separator = "# ";

        FOREACH_ARRAY(source, p->sources, p->n_sources) {
                if (strcmp(source->key, key) != 0)
                        continue;
                fprintf(f, "%s%s", separator, source->where);
                separator = ", ";
        }
        if (*separator == '#')
                fprintf(f, "# %s", nowhere);
        fputc('\n', f);
}

/* What cannot be set stands behind a #: a copy of the whole is a profile. */
static void print_name(const char *name, bool is_comment, FILE *f) {
        static const char top[] = "profile.";

        fprintf(f, "%s%s = ", is_comment ? "# " : "",
                strncmp(name, top, strlen(top)) == 0 ? name + strlen(top) : name);
}

/* "NAME = TEXT    # FILE:LINE". */
static void
print_line(const Profile *p, const char *name, bool is_comment, const char *text, FILE *f) {
        _cleanup_free_ char *line = NULL;
        size_t size;
        FILE *memory = open_memstream(&line, &size);

        if (!memory)
                return;
        print_name(name, is_comment, memory);
        fputs(text, memory);
        fclose(memory);
        fprintf(f, "%-*s ", SOURCE_COLUMN - 1, line);
        print_sources(p, name, *text == '[' || strcmp(text, "\"\"") == 0 ? "empty" : "default", f);
}

/* Elements as many to a line as fit, behind the bracket the files that they come from. */
static void
print_long_list(const Profile *p, const char *name, bool is_comment, char *const *list, FILE *f) {
        const char *indent = is_comment ? "#    " : "    ";
        size_t column = 0;

        print_name(name, is_comment, f);
        fputs("[    ", f);
        print_sources(p, name, "empty", f);
        for (; *list; list++) {
                size_t width = strlen(*list) + strlen("\"\", ");

                if (column == 0 || column + width > LINE_COLUMNS) {
                        fprintf(f, "%s%s", column == 0 ? "" : "\n", indent);
                        column = strlen(indent);
                } else
                        fputc(' ', f);
                print_string(*list, f);
                fputc(',', f);
                column += width;
        }
        fprintf(f, "\n%s]\n", is_comment ? "# " : "");
}

static void print_list(const Profile *p, const Key *key, char *const *list, FILE *f) {
        /* The modules of a blacklist are what is left of the library. What is inherited stands here. */
        bool is_comment = key->is_computed || list == p->extends ||
                          (list == p->modules && p->imports == PROFILE_IMPORTS_BLACKLIST);
        _cleanup_free_ char *text = NULL;
        size_t n = 0, size;
        FILE *memory = open_memstream(&text, &size);

        if (!memory)
                return;
        fputc('[', memory);
        for (; list[n]; n++) {
                fputs(n > 0 ? ", " : "", memory);
                print_string(list[n], memory);
        }
        fputc(']', memory);
        fclose(memory);
        if (list == p->internal && n > 0) /* never named to a program, and long */
                (void) snprintf(text, size, "%zu names", n);
        if (strlen(text) > SHORT_LIST_COLUMNS)
                print_long_list(p, key->name, is_comment, list, f);
        else
                print_line(p, key->name, is_comment, text, f);
}

/* The default and the maximum of each limit, one below the other. */
static void print_limits(const Profile *p, FILE *f) {
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                const LimitInfo *info = &limit_infos[id];
                char name[64], value[32];

                (void) snprintf(name, sizeof(name), "limits.%s", info->key);
                limit_format_toml(info->unit, p->limits.value[id], value, sizeof(value));
                print_line(p, name, false, value, f);
                (void) snprintf(name, sizeof(name), "maximum.%s", info->key);
                limit_format_toml(info->unit, p->maximum.value[id], value, sizeof(value));
                print_line(p, name, false, value, f);
        }
}

static void print_scalar(const Profile *p, const Key *key, const void *field, FILE *f) {
        bool is_count = key->parse == key_parse_count;
        bool is_absent = key->is_optional && !key->values && !is_count && !*(char *const *) field;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *memory = open_memstream(&text, &size);
        char buf[32];

        if (!memory)
                return;
        if (key->values)
                print_string(key->values[*(const unsigned *) field], memory);
        else if (key->parse == key_parse_boolean)
                fputs(*(const bool *) field ? "true" : "false", memory);
        else if (is_count)
                fprintf(memory, "%" PRIu64, *(const uint64_t *) field);
        else if (key->parse == key_parse_duration)
                fputs(limit_format_toml(LIMIT_UNIT_USEC, *(const uint64_t *) field, buf,
                                        sizeof(buf)),
                      memory);
        else
                print_string(is_absent ? "" : *(char *const *) field, memory);
        fclose(memory);
        print_line(p, key->name, key->is_computed || is_absent, text, f);
}

void profile_print(const Profile *profile, FILE *f) {
        size_t n;
        const Key *keys = profile_keys(&n);

        FOREACH_ARRAY(key, keys, n) {
                const void *field = (const char *) profile + key->offset;

                if (key->is_list)
                        print_list(profile, key, *(char *const *const *) field, f);
                else if (!key_is_section(key))
                        print_scalar(profile, key, field, f);
        }
        print_limits(profile, f);
}

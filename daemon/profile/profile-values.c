/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/profile-values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

#define LIST_ELEMENTS_MAX 2048

/* A name goes into file names, messages and fixed fields of the wires. */
static bool name_is_valid(const char *name) {
        size_t size = strlen(name);

        return size > 0 && size <= PROFILE_NAME_MAX && islower((unsigned char) name[0]) &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == size;
}

int value_parse_name(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_STRING || !name_is_valid(line->text))
                return flat_error(ret_error,
                                  "%s: %s: '%s' is no name; it must be at most %d lower case "
                                  "letters, digits, '-' and '_', and start with a letter",
                                  line->where, line->key, line->text, PROFILE_NAME_MAX);
        return key_parse_string(key, line, field, ret_error);
}

int value_parse_digest(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_STRING || strlen(line->text) != 64 ||
            strspn(line->text, "0123456789abcdef") != 64)
                return flat_error(ret_error, "%s: %s: must be 64 lower case hexadecimal digits",
                                  line->where, line->key);
        return key_parse_string(key, line, field, ret_error);
}

static int list_append(char ***list, const char *text, const FlatLine *line, char **ret_error) {
        char **longer;
        size_t n = 0;

        while ((*list)[n])
                n++;
        if (n >= LIST_ELEMENTS_MAX)
                return flat_error(ret_error, "%s: %s: has more than %d elements", line->where,
                                  line->key, LIST_ELEMENTS_MAX);
        longer = reallocarray(*list, n + 2, sizeof(**list));
        if (!longer)
                return -ENOMEM;
        *list = longer;
        longer[n] = strdup(text);
        if (!longer[n])
                return -ENOMEM;
        longer[n + 1] = NULL;
        return 0;
}

int value_parse_names(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        _cleanup_free_ char *name = NULL;
        int r = value_parse_name(key, line, &name, ret_error);

        return r < 0 ? r : list_append(field, name, line, ret_error);
}

/* Dotted identifiers. ASCII only: what looks like another name is not allowed to be one. */
static bool module_is_valid(const char *s) {
        bool at_start = true;

        for (; *s != '\0'; s++) {
                unsigned char c = (unsigned char) *s;

                if (at_start ? !(isalpha(c) || c == '_') : !(isalnum(c) || c == '_' || c == '.'))
                        return false;
                at_start = c == '.';
        }
        return !at_start;
}

int value_parse_module(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_STRING || !module_is_valid(line->text))
                return flat_error(ret_error, "%s: %s: '%s' is no module name, such as \"os.path\"",
                                  line->where, line->key, line->text);
        return list_append(field, line->text, line, ret_error);
}

static bool variable_is_valid(const char *s) {
        size_t length = strcspn(s, "=");

        if (length == 0 || s[length] != '=' || isdigit((unsigned char) s[0]))
                return false;
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char) s[i]) && s[i] != '_')
                        return false;
        return true;
}

int value_parse_variable(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_STRING || !variable_is_valid(line->text))
                return flat_error(ret_error,
                                  "%s: %s: '%s' is no variable of the form \"NAME=VALUE\"",
                                  line->where, line->key, line->text);
        return list_append(field, line->text, line, ret_error);
}

int value_parse_package(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_STRING || line->text[0] == '\0' ||
            strspn(line->text, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != strlen(line->text))
                return flat_error(ret_error, "%s: %s: '%s' is no name of a Debian package",
                                  line->where, line->key, line->text);
        return list_append(field, line->text, line, ret_error);
}

/* What a box has of its own, and what ends in a component that is no name. */
static bool path_is_own(const char *path) {
        static const char *const own[] = { "/app", "/dev", "/proc", "/tmp" };
        const char *last = strrchr(path, '/');

        FOREACH_ARRAY(p, own, ELEMENTSOF(own)) {
                size_t n = strlen(*p);

                if (strncmp(path, *p, n) == 0 && (path[n] == '\0' || path[n] == '/'))
                        return true;
        }
        return last && (strcmp(last, "/.") == 0 || strcmp(last, "/..") == 0);
}

/* It becomes a mount point and its source: one way to write each. */
static int check_path(const FlatLine *line, char **ret_error) {
        const char *text = line->text;

        if (line->type != FLAT_STRING || text[0] != '/' || text[1] == '\0' ||
            text[strlen(text) - 1] == '/' || strstr(text, "//") || strstr(text, "/./") ||
            strstr(text, "/../") || path_is_own(text) || strlen(text) > 240)
                return flat_error(ret_error,
                                  "%s: %s: '%s' must be an absolute path without \"..\", such as "
                                  "\"/usr/share/fonts\", and none of /app, /dev, /proc and /tmp",
                                  line->where, line->key, text);
        return 0;
}

int value_parse_path(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        int r = check_path(line, ret_error);

        return r < 0 ? r : key_parse_string(key, line, field, ret_error);
}

int value_parse_paths(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        int r = check_path(line, ret_error);

        return r < 0 ? r : list_append(field, line->text, line, ret_error);
}

int value_parse_text(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        if (line->type != FLAT_STRING)
                return flat_error(ret_error, "%s: %s: must be a string", line->where, line->key);
        return list_append(field, line->text, line, ret_error);
}

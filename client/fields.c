/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/fields.h"

#include <string.h>

#include "basic/cleanup.h"
#include "client/text.h"

#define LABEL_WIDTH 16
#define PATH_MAX_SIZE 192

static void print_label(const char *label) {
        printf("%*s: ", LABEL_WIDTH, label);
}

/* The elements of an array of strings; false if it is none, or empty. */
static bool print_strings(const PysbDocument *document, const char *path) {
        char element[PATH_MAX_SIZE];
        const char *text;

        for (size_t i = 0;; i++) {
                snprintf(element, sizeof(element), "%s.%zu", path, i);
                text = pysb_document_get_string(document, element);
                if (!text)
                        return i > 0;
                fputs(i > 0 ? ", " : "", stdout);
                text_print(stdout, text);
        }
}

static bool path_is_instant(const char *path) {
        return strstr(path, "AtUSec") || strstr(path, "UntilUSec");
}

static void print_value(const PysbDocument *document, const char *path) {
        const char *text = pysb_document_get_string(document, path);
        char buf[TEXT_NUMBER_MAX];
        int64_t value;

        if (text)
                text_print(stdout, text);
        else if (pysb_document_get_integer(document, path, &value) < 0)
                (void) (print_strings(document, path) ||
                        fputs(pysb_document_is_true(document, path) ? "yes" : "no", stdout));
        else if (path_is_instant(path))
                fputs(text_instant(value, buf), stdout);
        else
                fputs(text_figure(path, value, buf), stdout);
        fputc('\n', stdout);
}

/* Nothing to print, but neither a "no". */
static bool is_empty_array(const PysbDocument *document, const char *path) {
        _cleanup_free_ char *json = NULL;

        return pysb_document_to_json(document, path, &json) >= 0 && strcmp(json, "[]") == 0;
}

void fields_print(const PysbDocument *document, const Field *fields, size_t n_fields) {
        FOREACH_ARRAY(field, fields, n_fields) {
                if (!pysb_document_has(document, field->path) ||
                    is_empty_array(document, field->path))
                        continue;
                print_label(field->label);
                print_value(document, field->path);
        }
}

void fields_print_members(const PysbDocument *document, const char *label, const char *path) {
        const char *name;

        for (size_t i = 0; (name = pysb_document_get_name(document, path, i)); i++) {
                char member[PATH_MAX_SIZE];

                print_label(i == 0 ? label : "");
                text_print(stdout, name);
                fputs(" = ", stdout);
                snprintf(member, sizeof(member), "%s.%s", path, name);
                print_value(document, member);
        }
}

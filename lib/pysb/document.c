/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/utf8.h"
#include "pysb/handles.h"
#include "wire/message.h"

struct PysbDocument {
        json_t *root;
};

int document_new(json_t *root, PysbDocument **ret_document) {
        PysbDocument *document = calloc(1, sizeof(*document));

        if (!document)
                return -ENOMEM;
        document->root = json_incref(root);
        *ret_document = document;
        return 0;
}

_public_ int pysb_document_new(PysbDocument **ret_document, const char *json) {
        _cleanup_(json_decrefp) json_t *root = NULL;

        root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
        return json_is_object(root) ? document_new(root, ret_document) : -EBADMSG;
}

_public_ PysbDocument *pysb_document_free(PysbDocument *document) {
        if (!document)
                return NULL;
        json_decref(document->root);
        free(document);
        return NULL;
}

/* The value at the path; NULL if there is none. */
static const json_t *document_find(const PysbDocument *document, const char *path) {
        const json_t *value = document->root;

        for (const char *part = path; value && part;) {
                char name[128];
                const char *dot = strchr(part, '.');
                size_t size = dot ? (size_t) (dot - part) : strlen(part);
                uint64_t index;

                if (size >= sizeof(name))
                        return NULL;
                memcpy(name, part, size);
                name[size] = '\0';
                if (!json_is_array(value))
                        value = json_object_get(value, name);
                else if (parse_u64(name, &index) == 0)
                        value = json_array_get(value, index);
                else
                        return NULL;
                part = dot ? dot + 1 : NULL;
        }
        return value;
}

_public_ bool pysb_document_has(const PysbDocument *document, const char *path) {
        const json_t *value = document_find(document, path);

        return value && !json_is_null(value);
}

_public_ const char *pysb_document_get_string(const PysbDocument *document, const char *path) {
        return json_string_value(document_find(document, path));
}

_public_ int
pysb_document_get_integer(const PysbDocument *document, const char *path, int64_t *ret_value) {
        const json_t *value = document_find(document, path);

        if (!json_is_integer(value))
                return -ENODATA;
        *ret_value = json_integer_value(value);
        return 0;
}

_public_ bool pysb_document_is_true(const PysbDocument *document, const char *path) {
        return json_is_true(document_find(document, path));
}

_public_ size_t pysb_document_get_size(const PysbDocument *document, const char *path) {
        const json_t *value = document_find(document, path);

        return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

_public_ const char *
pysb_document_get_name(const PysbDocument *document, const char *path, size_t index) {
        json_t *object = (json_t *) document_find(document, path);
        void *i = json_object_iter(object);

        while (i && index-- > 0)
                i = json_object_iter_next(object, i);
        return i ? json_object_iter_key(i) : NULL;
}

_public_ int
pysb_document_to_json(const PysbDocument *document, const char *path, char **ret_json) {
        const json_t *value = path ? document_find(document, path) : document->root;

        return value ? json_to_text(value, ret_json) : -ENODATA;
}

_public_ int pysb_quote(const char *text, char **ret_json) {
        _cleanup_(json_decrefp) json_t *string = NULL;
        char *json;

        if (!utf8_is_valid(text, strlen(text)))
                return -EILSEQ;
        string = json_string_nocheck(text);
        json = wire_json_text(string);
        if (!json)
                return -ENOMEM;
        *ret_json = json;
        return 0;
}

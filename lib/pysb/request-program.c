/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "basic/fd.h"
#include "basic/utf8.h"
#include "pysb/handles.h"
#include "wire/base64.h"

/* What to run, and what it is given. */

static const char *const program_members[] = { "code", "scriptPath", "module", "expression" };

bool request_has_program(const PysbRequest *request) {
        FOREACH_ARRAY(name, program_members, ELEMENTSOF(program_members))
                if (json_object_get(request->json, *name))
                        return true;
        return false;
}

/* The ways to say what to run exclude each other: the last one counts. */
static int
request_set_program(PysbRequest *request, const char *member, const char *text, size_t size) {
        int r;

        if (!text)
                return -EINVAL;
        r = object_set_string(request->json, member, text, size);
        if (r < 0)
                return r;
        FOREACH_ARRAY(name, program_members, ELEMENTSOF(program_members))
                if (strcmp(*name, member) != 0)
                        json_object_del(request->json, *name);
        return 0;
}

static int request_set_text(PysbRequest *request, const char *member, const char *text) {
        if (text)
                return object_set_string(request->json, member, text, strlen(text));
        json_object_del(request->json, member);
        return 0;
}

_public_ int pysb_request_set_code(PysbRequest *request, const char *code, size_t size) {
        return request_set_program(request, "code", code, size);
}

_public_ int pysb_request_set_script(PysbRequest *request, const char *path) {
        return request_set_program(request, "scriptPath", path, path ? strlen(path) : 0);
}

_public_ int pysb_request_set_module(PysbRequest *request, const char *module) {
        return request_set_program(request, "module", module, module ? strlen(module) : 0);
}

_public_ int pysb_request_set_expression(PysbRequest *request, const char *expression) {
        return request_set_program(request, "expression", expression,
                                   expression ? strlen(expression) : 0);
}

_public_ int pysb_request_set_callable(PysbRequest *request, const char *name) {
        return request_set_text(request, "callable", name);
}

_public_ int pysb_request_set_inputs_json(PysbRequest *request, const char *json) {
        return request_set_text(request, "inputsJson", json);
}

_public_ int pysb_request_set_analysis(PysbRequest *request, const char *level) {
        return request_set_text(request, "analysis", level);
}

_public_ int pysb_request_set_display_last_expression(PysbRequest *request, bool display) {
        return object_set(request->json, "displayLastExpression", json_boolean(display));
}

/* Appends to the member that is an array. Takes the reference to value. */
static int request_append(PysbRequest *request, const char *member, json_t *value) {
        json_t *array = object_get_container(request->json, member, json_array);

        return json_array_append_new(array, value) < 0 ? -ENOMEM : 0;
}

_public_ int pysb_request_add_module(PysbRequest *request, const char *module) {
        if (!utf8_is_valid(module, strlen(module)))
                return -EILSEQ;
        return request_append(request, "modules", json_string_nocheck(module));
}

/* One place is that of stdin. Behind as many as there may be, files are in the message, too. */
static bool request_has_fd_left(const PysbRequest *request) {
        return request->files.n < VARLINK_FDS_MAX - 1;
}

static int request_add_memfd(PysbRequest *request, json_t *file, const void *data, size_t size) {
        int fd = fd_new_sealed("file", data, size), r;

        if (fd < 0)
                return fd;
        r = object_set(file, "fileDescriptor", json_integer((json_int_t) request->files.n));
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        request->files.fds[request->files.n++] = fd;
        return request_number_stdin(request);
}

_public_ int
pysb_request_add_file(PysbRequest *request, const char *path, const void *data, size_t size) {
        _cleanup_(json_decrefp) json_t *file = json_object();
        _cleanup_free_ char *encoded = NULL;
        int r;

        r = object_set_string(file, "path", path, strlen(path));
        if (r < 0)
                return r;
        if (size > INLINE_MAX_BYTES && request_has_fd_left(request)) {
                r = request_add_memfd(request, file, data, size);
        } else if (utf8_is_valid(data, size)) {
                r = object_set_string(file, "text", data ? data : "", size);
        } else {
                encoded = base64_encode(data, size);
                r = object_set(file, "data", encoded ? json_string_nocheck(encoded) : NULL);
        }
        return r < 0 ? r : request_append(request, "files", TAKE_PTR(file));
}

_public_ int pysb_request_add_blob(PysbRequest *request, const char *path, const char *blob) {
        _cleanup_(json_decrefp) json_t *file = json_object();
        int r;

        r = object_set_string(file, "path", path, strlen(path));
        if (r >= 0)
                r = object_set_string(file, "blob", blob, strlen(blob));
        return r < 0 ? r : request_append(request, "files", TAKE_PTR(file));
}

_public_ int pysb_request_set_file_mode(PysbRequest *request, bool executable, bool read_only) {
        json_t *files = json_object_get(request->json, "files");
        json_t *file = json_array_get(files, json_array_size(files) - 1);
        int r;

        if (!file)
                return -ENOENT;
        r = object_set(file, "executable", json_boolean(executable));
        return r < 0 ? r : object_set(file, "readOnly", json_boolean(read_only));
}

_public_ int pysb_request_set_collect_delivery(PysbRequest *request, const char *delivery) {
        json_t *rules = json_object_get(request->json, "collect");
        json_t *rule = json_array_get(rules, json_array_size(rules) - 1);

        return rule ? object_set_string(rule, "delivery", delivery, strlen(delivery)) : -ENOENT;
}

_public_ int
pysb_request_add_collect(PysbRequest *request, const char *pattern, bool truncate, bool unchanged) {
        _cleanup_(json_decrefp) json_t *rule = json_object();
        int r;

        r = object_set_string(rule, "pattern", pattern, strlen(pattern));
        if (r >= 0 && truncate)
                r = object_set(rule, "truncate", json_true());
        if (r >= 0 && unchanged)
                r = object_set(rule, "unchanged", json_true());
        return r < 0 ? r : request_append(request, "collect", TAKE_PTR(rule));
}

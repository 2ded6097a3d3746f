/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "pysb/handles.h"

/* A PysbFile is the FileOutput itself: nobody else looks into it. */
static const json_t *file_json(const PysbFile *file) {
        return (const json_t *) file;
}

static const PysbFile *file_from_json(const json_t *json) {
        return json_member_string(json, "path") ? (const PysbFile *) json : NULL;
}

_public_ const PysbFile *pysb_result_get_file(const PysbResult *result, size_t index) {
        return file_from_json(json_array_get(json_object_get(result->json, "files"), index));
}

_public_ const PysbFile *pysb_event_get_file(const PysbEvent *event) {
        return file_from_json(json_object_get(event->json, "file"));
}

_public_ const char *pysb_file_get_path(const PysbFile *file) {
        return json_member_string(file_json(file), "path");
}

_public_ const char *pysb_file_get_problem(const PysbFile *file) {
        return json_member_string(file_json(file), "problem");
}

_public_ const char *pysb_file_get_sha256(const PysbFile *file) {
        return json_member_string(file_json(file), "sha256");
}

_public_ const char *pysb_file_get_blob(const PysbFile *file) {
        return json_member_string(file_json(file), "blob");
}

_public_ uint64_t pysb_file_get_size(const PysbFile *file) {
        int64_t size = 0;

        (void) json_member_integer(file_json(file), "sizeBytes", &size);
        return size < 0 ? 0 : (uint64_t) size;
}

_public_ bool pysb_file_is_executable(const PysbFile *file) {
        return json_is_true(json_object_get(file_json(file), "executable"));
}

_public_ bool pysb_file_is_truncated(const PysbFile *file) {
        return json_is_true(json_object_get(file_json(file), "truncated"));
}

_public_ int pysb_file_get_content(const PysbFile *file, char **ret_data, size_t *ret_size) {
        const json_t *json = file_json(file);
        Bytes bytes;
        int r;

        if (!json_object_get(json, "text") && !json_object_get(json, "data"))
                return -ENODATA;
        r = bytes_from_json(json, &bytes);
        if (r < 0)
                return r;
        *ret_data = bytes.data;
        *ret_size = bytes.size;
        return 0;
}

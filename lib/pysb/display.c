/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "pysb/handles.h"
#include "wire/build.h"

/* Displays: of a result by index, of an event the one that it carries. */

static const json_t *result_display(const PysbResult *result, size_t index) {
        return json_array_get(json_object_get(result->json, "displays"), index);
}

static const json_t *event_display(const PysbEvent *event) {
        return json_object_get(event->json, "display");
}

/* The n-th MIME type, those with text first; NULL at the end. */
static const char *display_type(const json_t *display, size_t n) {
        static const char *const members[] = { "text", "data" };

        FOREACH_ARRAY(member, members, ELEMENTSOF(members)) {
                json_t *map = json_object_get(display, *member);
                const char *mime;
                json_t *value;

                json_object_foreach(map, mime, value) {
                        if (n-- == 0)
                                return mime;
                }
        }
        return NULL;
}

static int
display_bytes(const json_t *display, const char *mime_type, char **ret_data, size_t *ret_size) {
        _cleanup_(json_decrefp) json_t *pair = json_object();
        json_t *text = json_object_get(json_object_get(display, "text"), mime_type);
        json_t *data = json_object_get(json_object_get(display, "data"), mime_type);
        int r;

        if (!text && !data)
                return -ENODATA;
        if (json_object_set(pair, text ? "text" : "data", text ? text : data) < 0)
                return -ENOMEM;
        r = json_get_bytes(pair, "text", "data", ret_data, ret_size);
        return r == -EINVAL ? -EBADMSG : r;
}

_public_ const char *
pysb_result_get_display_type(const PysbResult *result, size_t index, size_t n) {
        return display_type(result_display(result, index), n);
}

_public_ int pysb_result_get_display(const PysbResult *result,
                                     size_t index,
                                     const char *mime_type,
                                     char **ret_data,
                                     size_t *ret_size) {
        return display_bytes(result_display(result, index), mime_type, ret_data, ret_size);
}

_public_ const char *pysb_event_get_display_type(const PysbEvent *event, size_t n) {
        return display_type(event_display(event), n);
}

_public_ int pysb_event_get_display(const PysbEvent *event,
                                    const char *mime_type,
                                    char **ret_data,
                                    size_t *ret_size) {
        return display_bytes(event_display(event), mime_type, ret_data, ret_size);
}

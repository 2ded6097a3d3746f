/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "pysb/handles.h"
#include "wire/build.h"
#include "wire/message.h"

void bytes_done(Bytes *bytes) {
        free(bytes->data);
        *bytes = (Bytes){};
}

int bytes_from_json(const json_t *object, Bytes *ret_bytes) {
        Bytes bytes = {};
        int r;

        if (json_is_object(object)) {
                r = json_get_bytes((json_t *) object, "text", "data", &bytes.data, &bytes.size);
                if (r < 0)
                        return r == -ENOMEM ? r : -EBADMSG;
        }
        *ret_bytes = bytes;
        return 0;
}

int json_to_text(const json_t *json, char **ret_text) {
        char *text;

        text = wire_json_text(json);
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        return 0;
}

const char *json_member_string(const json_t *object, const char *name) {
        return json_string_value(json_object_get(object, name));
}

int json_member_integer(const json_t *object, const char *name, int64_t *ret_value) {
        const json_t *value = json_object_get(object, name);

        if (!json_is_integer(value))
                return -ENODATA;
        *ret_value = json_integer_value(value);
        return 0;
}

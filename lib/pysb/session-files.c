/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/buf.h"
#include "pysb/client.h"
#include "pysb/pysb-files.h"
#include "wire/base64.h"
#include "wire/build.h"
#include "wire/message.h"

/* Files of a session. */

static json_t *file_object(const char *session, const char *path) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "session", session);
        json_build_string(&b, "path", path);
        return json_build_take(&b);
}

_public_ int pysb_put_files(PysbClient *client, const char *session, const PysbRequest *request) {
        _cleanup_(varlink_fds_done) VarlinkFds fds = {};
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *parameters = file_object(session, NULL), *files = NULL;
        int r = request ? request_open_fds(request, false, &fds) : 0;

        if (request)
                files = json_object_get(request->json, "files");
        if (json_object_set_new(parameters, "files", files ? json_incref(files) : json_array()) < 0)
                r = -ENOMEM;
        if (r < 0) {
                json_decref(parameters);
                return r;
        }
        return client_call_wait_fds(client, SANDBOX_METHOD("PutFiles"), parameters, &fds, &reply);
}

static int append_piece(Buf *buf, json_t *file) {
        const char *text = json_member_string(file, "text");
        const char *data = json_member_string(file, "data");
        _cleanup_free_ char *decoded = NULL;
        size_t size;
        int r;

        if (text)
                return buf_append(buf, text, json_string_length(json_object_get(file, "text")));
        if (!data)
                return -EBADMSG;
        r = base64_decode(data, strlen(data), &decoded, &size);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        return buf_append(buf, decoded, size);
}

/* Returns 1 at the end of the file. */
static int read_piece(PysbClient *client, const char *session, const char *path, Buf *buf) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *parameters = file_object(session, path);
        size_t before = buf_size(buf);
        int r;

        if (json_object_set_new(parameters, "offset", json_integer((json_int_t) before)) < 0) {
                json_decref(parameters);
                return -ENOMEM;
        }
        r = client_call_wait(client, SANDBOX_METHOD("ReadFile"), parameters, &reply);
        if (r < 0)
                return r;
        r = append_piece(buf, json_object_get(reply, "file"));
        if (r < 0)
                return r == -ENOBUFS ? -EFBIG : r;
        return json_is_true(json_object_get(reply, "endOfFile")) || buf_size(buf) == before;
}

_public_ int pysb_read_file(PysbClient *client,
                            const char *session,
                            const char *path,
                            size_t max,
                            void **ret_data,
                            size_t *ret_size) {
        Buf buf = {};
        char *data;
        int r;

        do
                r = read_piece(client, session, path, &buf);
        while (r == 0 && buf_size(&buf) <= max);
        if (r >= 0 && buf_size(&buf) > max)
                r = -EFBIG;
        data = r >= 0 ? malloc(buf_size(&buf) + 1) : NULL;
        if (r >= 0 && !data)
                r = -ENOMEM;
        if (r >= 0) {
                if (buf_size(&buf) > 0)
                        memcpy(data, buf_data(&buf), buf_size(&buf));
                data[buf_size(&buf)] = '\0';
                *ret_data = data;
                *ret_size = buf_size(&buf);
        }
        buf_done(&buf);
        return r < 0 ? r : 0;
}

_public_ int pysb_list_files(PysbClient *client,
                             const char *session,
                             const char *pattern,
                             PysbDocument **ret_document) {
        _cleanup_free_ char *text = NULL, *json = NULL;
        JsonBuild b = JSON_BUILD_INIT;
        json_t *parameters;
        int r;

        json_build_string(&b, "session", session);
        json_build_string(&b, "pattern", pattern);
        parameters = json_build_take(&b);
        text = parameters ? wire_json_text(parameters) : NULL;
        json_decref(parameters);
        if (!text)
                return -ENOMEM;
        r = pysb_call(client, "ListFiles", text, &json);
        return r < 0 ? r : pysb_document_new(ret_document, json);
}

_public_ int
pysb_remove_files(PysbClient *client, const char *session, const char *path, bool recursive) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *parameters = file_object(session, NULL);

        if (json_object_set_new(parameters, "paths", json_pack("[s]", path)) < 0 ||
            json_object_set_new(parameters, "recursive", json_boolean(recursive)) < 0) {
                json_decref(parameters);
                return -EINVAL;
        }
        return client_call_wait(client, SANDBOX_METHOD("RemoveFiles"), parameters, &reply);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/buf.h"
#include "basic/fd.h"
#include "basic/utf8.h"
#include "pysb/client.h"
#include "wire/base64.h"

/* No blob is larger; what claims to be is not read any further. */
#define BLOB_MAX_BYTES (64 * MIB)

_public_ int pysb_client_set_tenant(PysbClient *client, const char *tenant) {
        char *copy = NULL;

        if (tenant && !utf8_is_valid(tenant, strlen(tenant)))
                return -EILSEQ;
        if (tenant && !(copy = strdup(tenant)))
                return -ENOMEM;
        free(client->tenant);
        client->tenant = copy;
        return 0;
}

/* Takes parameters, which may be NULL for lack of memory. */
static json_t *with_tenant(const PysbClient *client, json_t *parameters) {
        if (!parameters || !client->tenant ||
            object_set(parameters, "tenant", json_string(client->tenant)) >= 0)
                return parameters;
        json_decref(parameters);
        return NULL;
}

/* The parameters of PutBlob, and a descriptor if they need one. */
static int put_parameters(const void *data, size_t size, json_t **ret_parameters, VarlinkFds *fds) {
        _cleanup_(json_decrefp) json_t *parameters = json_object();
        _cleanup_free_ char *encoded = NULL;
        int r;

        if (size > INLINE_MAX_BYTES) {
                r = fd_new_sealed("blob", data, size);
                if (r < 0)
                        return r;
                fds->fds[0] = r;
                fds->n = 1;
                r = object_set(parameters, "fileDescriptor", json_integer(0));
        } else if (utf8_is_valid(data, size) && !memchr(data ?: "", 0, size)) {
                r = object_set_string(parameters, "text", data ?: "", size);
        } else {
                encoded = base64_encode(data, size);
                r = object_set(parameters, "data", encoded ? json_string_nocheck(encoded) : NULL);
        }
        if (r >= 0)
                *ret_parameters = TAKE_PTR(parameters);
        return r;
}

_public_ int pysb_put_blob(PysbClient *client, const void *data, size_t size, char **ret_blob) {
        _cleanup_(varlink_fds_done) VarlinkFds fds = {};
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *parameters;
        const char *blob;
        int r;

        r = put_parameters(data, size, &parameters, &fds);
        if (r < 0)
                return r;
        r = client_call_wait_fds(client, SANDBOX_METHOD("PutBlob"), with_tenant(client, parameters),
                                 &fds, &reply);
        if (r < 0)
                return r;
        blob = json_member_string(json_object_get(reply, "blob"), "blob");
        if (!blob) {
                client_fail(client, -EBADMSG);
                return -EBADMSG;
        }
        *ret_blob = strdup(blob);
        return *ret_blob ? 0 : -ENOMEM;
}

/* One piece from offset on, at the end of all. */
static int get_piece(PysbClient *client, const char *blob, Buf *all, bool *ret_end) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *parameters =
                json_pack("{sssI}", "blob", blob, "offset", (json_int_t) buf_size(all));
        Bytes bytes;
        int r;

        r = client_call_wait(client, SANDBOX_METHOD("GetBlob"), with_tenant(client, parameters),
                             &reply);
        if (r < 0)
                return r;
        r = bytes_from_json(reply, &bytes);
        if (r < 0) {
                client_fail(client, r);
                return r;
        }
        *ret_end = json_is_true(json_object_get(reply, "endOfFile"));
        if (bytes.size == 0 && !*ret_end) { /* or it would never end */
                client_fail(client, -EBADMSG);
                r = -EBADMSG;
        } else
                r = buf_append(all, bytes.data, bytes.size);
        free(bytes.data);
        return r;
}

_public_ int
pysb_get_blob(PysbClient *client, const char *blob, char **ret_data, size_t *ret_size) {
        _cleanup_(buf_done) Buf all = BUF_INIT(BLOB_MAX_BYTES);
        bool end = false;
        char *data;

        while (!end) {
                int r = get_piece(client, blob, &all, &end);

                if (r < 0)
                        return r;
        }
        data = malloc(buf_size(&all) + 1);
        if (!data)
                return -ENOMEM;
        if (buf_size(&all) > 0)
                memcpy(data, buf_data(&all), buf_size(&all));
        data[buf_size(&all)] = '\0';
        *ret_size = buf_size(&all);
        *ret_data = data;
        return 0;
}

_public_ int pysb_remove_blob(PysbClient *client, const char *blob) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        int64_t removed = 0;
        int r;

        r = client_call_wait(client, SANDBOX_METHOD("RemoveBlobs"),
                             with_tenant(client, json_pack("{s[s]}", "blobs", blob)), &reply);
        if (r < 0)
                return r;
        (void) json_member_integer(reply, "removed", &removed);
        return removed > 0;
}

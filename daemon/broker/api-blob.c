/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PutBlob, GetBlob and RemoveBlobs: bytes that a tenant keeps here for its requests. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macro.h"
#include "broker/api.h"
#include "broker/reply.h"
#include "broker/request.h"
#include "broker/scheduler.h"
#include "broker/spec-internal.h"
#include "wire/base64.h"
#include "wire/build.h"

#define REMOVE_MAX 1000

typedef struct BlobParameters {
        const char *text, *data, *blob, *tenant;
        OptionalUint fd, offset, max_bytes;
        json_t *blobs;
} BlobParameters;

static const JsonField put_fields[] = {
        { "text", json_dispatch_string, offsetof(BlobParameters, text) },
        { "data", json_dispatch_string, offsetof(BlobParameters, data) },
        { "fileDescriptor", request_dispatch_uint, offsetof(BlobParameters, fd) },
        { "tenant", json_dispatch_string, offsetof(BlobParameters, tenant) },
        {},
};

static const JsonField get_fields[] = {
        { "blob", json_dispatch_string, offsetof(BlobParameters, blob), JSON_REQUIRED },
        { "offset", request_dispatch_uint, offsetof(BlobParameters, offset) },
        { "maxBytes", request_dispatch_uint, offsetof(BlobParameters, max_bytes) },
        { "tenant", json_dispatch_string, offsetof(BlobParameters, tenant) },
        {},
};

static const JsonField remove_fields[] = {
        { "blobs", json_dispatch_strings, offsetof(BlobParameters, blobs), JSON_REQUIRED },
        { "tenant", json_dispatch_string, offsetof(BlobParameters, tenant) },
        {},
};

/* The parameters, and the tenant that the call is for; NULL if it is answered. */
static Tenant *parse_blob(Connection *c, const JsonField *fields, BlobParameters *p) {
        return api_parse(c, fields, p) ? api_acting_tenant(c, p->tenant) : NULL;
}

/* Of the descriptor with this index: its size. Reading must not block, as it might on a disk or in a network: the
 * file is in memory. */
static int
fd_measure(const Connection *c, const char *field, uint64_t index, size_t *ret_size, SpecError *e) {
        struct stat st;
        int fd, flags;

        error_field(e, "%s", field);
        if (index >= c->call.fds.n)
                return error_invalid(e, "only %zu descriptors came with the call", c->call.fds.n);
        fd = c->call.fds.fds[index];
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY ||
            fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return error_invalid(e, "neither a memfd nor a file in a tmpfs, open for reading");
        if ((uint64_t) st.st_size > BLOB_BYTES_MAX)
                return error_too_large(e, field, (uint64_t) st.st_size, BLOB_BYTES_MAX);
        *ret_size = (size_t) st.st_size;
        return 0;
}

/* What may have grown since it was measured is cut, what has become shorter is so. */
static int fd_load(const Connection *c, uint64_t index, char **ret_data, size_t *size) {
        int fd = c->call.fds.fds[index];
        _cleanup_free_ char *data = malloc(*size + 1);
        size_t done = 0;

        if (!data)
                return -ENOMEM;
        while (done < *size) {
                ssize_t n = pread(fd, data + done, *size - done, (off_t) done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                done += (size_t) n;
        }
        *ret_data = TAKE_PTR(data);
        *size = done;
        return 0;
}

int api_measure_file(
        void *loader, const FileRequest *file, const char *field, size_t *ret_size, SpecError *e) {
        const FileLoader *l = loader;
        Broker *b = l->connection->broker;
        const Blob *blob;

        if (file->fd.is_set)
                return fd_measure(l->connection, field, file->fd.value, ret_size, e);
        blob = blob_store_find(&b->blobs, l->tenant, file->blob, b->clock().monotonic_usec);
        if (!blob) {
                error_field(e, "%s", file->blob);
                return SPEC_BLOB_NOT_FOUND;
        }
        *ret_size = blob->size;
        return 0;
}

int api_load_file(void *loader,
                  const FileRequest *file,
                  char **ret_data,
                  const char **ret_bytes,
                  size_t *size) {
        const FileLoader *l = loader;
        Broker *b = l->connection->broker;
        int r = 0;

        /* It is copied, and may be hashed. */
        server_count(l->connection, ROUND_BYTES_PER_BYTE * *size);
        if (file->fd.is_set) {
                r = fd_load(l->connection, file->fd.value, ret_data, size);
                *ret_bytes = r < 0 ? NULL : *ret_data;
        } else
                *ret_bytes =
                        blob_store_find(&b->blobs, l->tenant, file->blob, b->clock().monotonic_usec)
                                        ->data
                                ?: "";
        return r;
}

/* How many bytes the call brings: 0 or a SpecErrorKind. */
static int
put_measure(const Connection *c, const BlobParameters *p, size_t *ret_size, SpecError *e) {
        error_field(e, "text");
        if (!!p->text + !!p->data + p->fd.is_set != 1)
                return error_invalid(e, "give exactly one of text, data and fileDescriptor");
        if (p->fd.is_set)
                return fd_measure(c, "fileDescriptor", p->fd.value, ret_size, e);
        *ret_size = p->text ? strlen(p->text) : base64_decoded_size(p->data, strlen(p->data));
        return 0;
}

/* The bytes: 0, a SpecErrorKind or -ENOMEM. */
static int put_load(
        const Connection *c, const BlobParameters *p, char **ret_data, size_t *size, SpecError *e) {
        int r;

        server_count(c, ROUND_BYTES_PER_BYTE * *size);
        if (p->fd.is_set)
                return fd_load(c, p->fd.value, ret_data, size);
        if (p->text) {
                *ret_data = strdup(p->text);
                return *ret_data ? 0 : -ENOMEM;
        }
        error_field(e, "data");
        r = base64_decode(p->data, strlen(p->data), ret_data, size);
        return r == -EINVAL ? error_invalid(e, "no valid Base64") : r;
}

static void answer_blob(Connection *c, const Blob *blob) {
        Instant now = c->broker->clock();
        JsonBuild b = JSON_BUILD_INIT, object = JSON_BUILD_INIT;

        json_build_string(&object, "blob", blob->id);
        json_build_uint(&object, "sizeBytes", blob->size);
        json_build_uint(&object, "expiresAtUSec",
                        now.realtime_usec + (blob->expires_usec - now.monotonic_usec));
        json_build_value(&b, "blob", json_build_take(&object));
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

static void refuse_blob(Connection *c, const Tenant *tenant, int r) {
        const Refusal refusal = { .scope = (ChargeRefusal) r, .quota = QUOTA_BLOB_BYTES };

        (void) api_answer_submit(c, tenant, r < 0 ? r : SUBMIT_REFUSED, &refusal);
}

void api_put_blob(Connection *c) {
        BlobParameters p = {};
        _cleanup_(tenant_unrefp) Tenant *tenant = parse_blob(c, put_fields, &p);
        SpecError error = {};
        char *data = NULL;
        size_t size = 0;
        Blob *blob;
        int r;

        if (!tenant)
                return;
        r = put_measure(c, &p, &size, &error);
        if (r == 0) {
                /* Before it is copied and hashed: also if the tenant has it already, which nobody knows yet. */
                r = tenant_fits(tenant, QUOTA_BLOB_BYTES, blob_charge(size));
                if (r != 0) {
                        refuse_blob(c, tenant, r);
                        return;
                }
                r = put_load(c, &p, &data, &size, &error);
        }
        if (r > 0)
                api_answer_spec_error(c, (SpecErrorKind) r, &error);
        if (r < 0)
                c->is_dead = true;
        if (r != 0)
                return;
        r = blob_store_put(&c->broker->blobs, tenant, data, size, c->broker->clock().monotonic_usec,
                           &blob);
        if (r != 0) {
                free(data);
                refuse_blob(c, tenant, r);
                return;
        }
        broker_wake_at(c->broker, blob->expires_usec);
        answer_blob(c, blob);
}

static void answer_piece(Connection *c, const BlobParameters *p, const Blob *blob) {
        uint64_t size = MIN(blob->size - p->offset.value, (uint64_t) REPLY_INLINE_BYTES_MAX);
        JsonBuild b = JSON_BUILD_INIT;

        if (p->max_bytes.is_set)
                size = MIN(size, p->max_bytes.value);
        json_build_uint(&b, "sizeBytes", blob->size);
        json_build_uint(&b, "offset", p->offset.value);
        json_build_bool(&b, "endOfFile", p->offset.value + size == blob->size);
        json_build_bytes(&b, blob->data ? blob->data + p->offset.value : "", size,
                         FILE_TEXT_GROWTH);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

void api_get_blob(Connection *c) {
        BlobParameters p = {};
        _cleanup_(tenant_unrefp) Tenant *tenant = parse_blob(c, get_fields, &p);
        SpecError error = {};
        const Blob *blob;

        if (!tenant)
                return;
        blob = blob_store_find(&c->broker->blobs, tenant, p.blob,
                               c->broker->clock().monotonic_usec);
        error_field(&error, "%s", p.blob);
        if (!blob)
                api_answer_spec_error(c, SPEC_BLOB_NOT_FOUND, &error);
        else if (p.offset.value > blob->size)
                api_answer_invalid(c, "offset", "behind the end");
        else
                answer_piece(c, &p, blob);
}

void api_remove_blobs(Connection *c) {
        BlobParameters p = {};
        _cleanup_(tenant_unrefp) Tenant *tenant = parse_blob(c, remove_fields, &p);
        uint64_t removed = 0;
        JsonBuild b;

        if (!tenant)
                return;
        if (json_strings_size(p.blobs) > REMOVE_MAX) {
                api_answer_invalid(c, "blobs", "more than 1000");
                return;
        }
        for (size_t i = 0; i < json_strings_size(p.blobs); i++)
                removed +=
                        blob_store_remove(&c->broker->blobs, tenant, json_strings_get(p.blobs, i));
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_uint(&b, "removed", removed);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
        broker_check_idle(c->broker);
}

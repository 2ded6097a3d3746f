/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/blob-store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

void blob_store_init(BlobStore *store) {
        list_init(&store->blobs);
        FOREACH_ARRAY(bucket, store->buckets, BLOB_BUCKETS)
                list_init(bucket);
}

/* With what malloc() and the list of a thousand tiny ones take. */
uint64_t blob_charge(size_t size) {
        return sizeof(Blob) + 64 + size;
}

static void blob_free(Blob *blob) {
        list_remove(&blob->by_use);
        list_remove(&blob->in_bucket);
        tenant_release(blob->tenant, QUOTA_BLOB_BYTES, blob_charge(blob->size));
        tenant_unref(blob->tenant);
        free(blob->data);
        free(blob);
}

void blob_store_done(BlobStore *store) {
        LIST_FOREACH(l, &store->blobs)
                blob_free(container_of(l, Blob, by_use));
}

/* By the first two digits: the identifier is a hash already. */
static List *blob_bucket(BlobStore *store, const char *id) {
        unsigned high = (unsigned char) id[7], low = (unsigned char) id[8];

        return &store->buckets[(high * 16 + low) % BLOB_BUCKETS];
}

static Blob *blob_look_up(BlobStore *store, const Tenant *tenant, const char *id) {
        if (strlen(id) != BLOB_ID_SIZE - 1)
                return NULL;
        LIST_FOREACH(l, blob_bucket(store, id)) {
                Blob *blob = container_of(l, Blob, in_bucket);

                if (blob->tenant == tenant && strcmp(blob->id, id) == 0)
                        return blob;
        }
        return NULL;
}

static Blob *blob_use(BlobStore *store, Blob *blob, uint64_t now_usec) {
        blob->expires_usec = now_usec + BLOB_USEC;
        list_remove(&blob->by_use);
        list_insert_before(&store->blobs, &blob->by_use);
        return blob;
}

static void blob_name(const void *data, size_t size, char ret_id[static BLOB_ID_SIZE]) {
        uint8_t sha256[SHA256_BYTES];

        collect_sha256(data, size, sha256);
        memcpy(ret_id, "sha256:", 7);
        for (size_t i = 0; i < SHA256_BYTES; i++)
                (void) snprintf(ret_id + 7 + 2 * i, 3, "%02x", sha256[i]);
}

int blob_store_put(BlobStore *store,
                   Tenant *tenant,
                   char *data,
                   size_t size,
                   uint64_t now_usec,
                   Blob **ret_blob) {
        char id[BLOB_ID_SIZE];
        Blob *blob;
        int r;

        blob_name(data, size, id);
        blob = blob_look_up(store, tenant, id);
        if (blob) {
                free(data);
                *ret_blob = blob_use(store, blob, now_usec);
                return 0;
        }
        r = tenant_charge(tenant, QUOTA_BLOB_BYTES, blob_charge(size));
        if (r != 0)
                return r;
        blob = calloc(1, sizeof(*blob));
        if (!blob) {
                tenant_release(tenant, QUOTA_BLOB_BYTES, blob_charge(size));
                return -ENOMEM;
        }
        list_init(&blob->by_use);
        list_init(&blob->in_bucket);
        memcpy(blob->id, id, sizeof(blob->id));
        blob->tenant = tenant_ref(tenant);
        blob->data = data;
        blob->size = size;
        list_insert_before(blob_bucket(store, id), &blob->in_bucket);
        *ret_blob = blob_use(store, blob, now_usec);
        return 0;
}

Blob *blob_store_find(BlobStore *store, const Tenant *tenant, const char *id, uint64_t now_usec) {
        Blob *blob = blob_look_up(store, tenant, id);

        return blob ? blob_use(store, blob, now_usec) : NULL;
}

bool blob_store_remove(BlobStore *store, const Tenant *tenant, const char *id) {
        Blob *blob = blob_look_up(store, tenant, id);

        if (blob)
                blob_free(blob);
        return blob;
}

uint64_t blob_store_sweep(BlobStore *store, uint64_t now_usec) {
        LIST_FOREACH(l, &store->blobs) {
                Blob *blob = container_of(l, Blob, by_use);

                if (now_usec < blob->expires_usec)
                        return blob->expires_usec;
                blob_free(blob);
        }
        return UINT64_MAX;
}

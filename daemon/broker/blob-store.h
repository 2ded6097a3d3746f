/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes that tenants keep here for later requests, named by their SHA-256. A tenant finds its own only. They are
 * charged to it, and go when they were not used for a while. Pure: time comes in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/collect.h"
#include "broker/tenant.h"

#define BLOB_BYTES_MAX COLLECT_BLOB_BYTES_MAX
#define BLOB_USEC (UINT64_C(3600) * 1000000)

/* "sha256:", 64 hexadecimal digits, and a NUL. */
#define BLOB_ID_SIZE (7 + 2 * SHA256_BYTES + 1)

#define BLOB_BUCKETS 256

typedef struct BlobStore {
        List blobs; /* Blob.by_use: the one that was used last is the last */
        List buckets[BLOB_BUCKETS];
} BlobStore;

typedef struct Blob {
        List by_use, in_bucket;
        Tenant *tenant; /* held, and charged */
        char id[BLOB_ID_SIZE];
        char *data;
        size_t size;
        uint64_t expires_usec; /* monotonic */
} Blob;

void blob_store_init(BlobStore *store);
void blob_store_done(BlobStore *store);

/* What a blob of this size is charged with. */
uint64_t blob_charge(size_t size);

/* Keeps the bytes, for another BLOB_USEC if the tenant has them already: 0, a ChargeRefusal or -ENOMEM. Takes
 * data on success; that is from malloc(), or NULL if size is 0. */
int blob_store_put(BlobStore *store,
                   Tenant *tenant,
                   char *data,
                   size_t size,
                   uint64_t now_usec,
                   Blob **ret_blob);

/* The tenant's own, used now; NULL if there is none of this name. */
Blob *blob_store_find(BlobStore *store, const Tenant *tenant, const char *id, uint64_t now_usec);

/* Whether there was one. */
bool blob_store_remove(BlobStore *store, const Tenant *tenant, const char *id);

/* Removes what has expired; returns when the next one does, UINT64_MAX is never. */
uint64_t blob_store_sweep(BlobStore *store, uint64_t now_usec);

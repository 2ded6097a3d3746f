/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a tenant may have: the tables of /etc/pysb/tenants.toml. */

#include <stdint.h>

/* What is counted, for each tenant and for the node. */
typedef enum Quota {
        QUOTA_RUNNING, /* jobs that have a box */
        QUOTA_QUEUED,  /* jobs that wait for one */
        QUOTA_CONNECTIONS,
        QUOTA_MEMORY,       /* sum of the memory limits of what runs */
        QUOTA_QUEUED_BYTES, /* programs and input of what waits */
        QUOTA_RETAINED,     /* results that are kept */
        QUOTA_RETAINED_BYTES,
        QUOTA_BUFFERED_BYTES, /* messages of its connections, both ways */
        QUOTA_SESSIONS,       /* open ones */
        QUOTA_BLOB_BYTES,     /* in the tenant's blob store */
        _QUOTA_MAX,
} Quota;

#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000
#define WEIGHT_DEFAULT 100

typedef struct TenantPolicy {
        uint64_t weight;
        uint64_t maximum[_QUOTA_MAX]; /* UINT64_MAX is none */
        uint64_t submits_per_second;  /* 0 is any number */
        uint64_t submit_burst;
} TenantPolicy;

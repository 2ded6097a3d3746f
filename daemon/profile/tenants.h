/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a tenant may have: the tables of /etc/pysb/tenants.toml. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "proto/limits.h"

/* What is counted, for each tenant and for the node. */
typedef enum Quota {
        QUOTA_RUNNING, /* jobs that have a box */
        QUOTA_QUEUED,  /* jobs that wait for one */
        QUOTA_CONNECTIONS,
        QUOTA_MEMORY,       /* sum of the memory limits of what runs */
        QUOTA_QUEUED_BYTES, /* programs and input of what waits */
        QUOTA_RETAINED,     /* results that are kept */
        QUOTA_RETAINED_BYTES,
        QUOTA_REQUESTS,       /* requestIds that are remembered */
        QUOTA_BUFFERED_BYTES, /* messages of its connections, both ways */
        QUOTA_SESSIONS,       /* open ones */
        QUOTA_BLOB_BYTES,     /* in the tenant's blob store */
        _QUOTA_MAX,
} Quota;

#define TENANT_NAME_MAX 64 /* with the NUL */

#define PRIORITIES 10 /* 0 is the lowest */
#define PRIORITY_DEFAULT 5

#define TENANT_BYTES_DEFAULT (64U << 20)
#define TENANT_BYTES_MAX (256U << 20) /* what the node has of each kind */

#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000
#define WEIGHT_DEFAULT 100

typedef struct TenantPolicy {
        uint64_t weight;
        uint64_t maximum[_QUOTA_MAX]; /* UINT64_MAX is none */
        uint64_t cpu_weight;          /* of each job's cgroup; 0 is the kernel's own */
        uint64_t max_bytes; /* of each kind that the daemon keeps: see tenant_policy_spread() */
        Limits ceiling;     /* of each of its jobs, whatever the profile says; UINT64_MAX is none */
        uint64_t submits_per_second; /* 0 is any number */
        uint64_t submit_burst;
        char **profiles; /* that it may use, NULL-terminated; NULL: those that are granted to all */
        char *default_profile; /* NULL is the daemon's */
        bool is_denied;        /* may call nothing */
} TenantPolicy;

typedef struct IdList {
        uint32_t *ids;
        size_t n;
} IdList;

/* One table of the file. Its policy says only what the file says: weight 0 and maximum UINT64_MAX are
 * left to whoever knows the node. */
typedef struct TenantEntry {
        char *name; /* "default" is of all users that no other table names */
        IdList uids, gids;
        TenantPolicy policy;
} TenantEntry;

typedef struct TenantTable {
        TenantEntry *entries;
        size_t n;
} TenantTable;

/* Reads flat lines, each tenant's behind "== NAME"; one to which nobody belongs is a mistake unless there
 * is a gateway that can name it. Errors as of profile_parse(). Pure. */
int tenant_table_parse(
        const char *lines, size_t size, bool has_gateway, TenantTable *ret_table, char **ret_error);
void tenant_table_done(TenantTable *table);

/* The table that names this user, by uid before any of the groups. NULL: none does. */
TenantEntry *
tenant_table_find(const TenantTable *table, uid_t uid, const gid_t *gids, size_t n_gids);

/* The table [default], or NULL. */
TenantEntry *tenant_table_default(const TenantTable *table);

/* Whether the policy names the profile; is_granted is what the profile says of itself. */
bool tenant_policy_allows(const TenantPolicy *policy, const char *profile, bool is_granted);

/* Nothing that limits anything. */
TenantPolicy tenant_policy_unlimited(void);

/* What follows from its numbers. To be called after one has changed. */
void tenant_policy_spread(TenantPolicy *policy);

/* A profile's limits, as far as this tenant may have them. */
Limits tenant_policy_clamp(const TenantPolicy *policy, const Limits *limits);

/* What the number at this offset of a TenantPolicy may be. */
void tenant_policy_range(size_t offset, uint64_t *ret_lowest, uint64_t *ret_highest);

/* The documentation of every key. */
void tenant_print_keys(FILE *f);

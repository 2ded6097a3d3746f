/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/tenants.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "basic/parse.h"
#include "profile/flat.h"

static int parse_id(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        IdList *list = field;
        uint64_t id = UINT64_MAX;
        uint32_t *ids;
        int r = key_parse_count(key, line, &id, ret_error);

        if (r < 0)
                return r;
        if (id >= UINT32_MAX)
                return flat_error(ret_error, "%s: %s: %s is no id", line->where, line->key,
                                  line->text);
        ids = reallocarray(list->ids, list->n + 1, sizeof(*ids));
        if (!ids)
                return -ENOMEM;
        list->ids = ids;
        list->ids[list->n++] = (uint32_t) id;
        return 0;
}

static int parse_profile(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        char ***list = field, **longer, *name = NULL;
        size_t n = 0;
        int r = key_parse_string(key, line, &name, ret_error);

        if (r < 0)
                return r;
        while (*list && (*list)[n])
                n++;
        longer = reallocarray(*list, n + 2, sizeof(*longer));
        if (!longer) {
                free(name);
                return -ENOMEM;
        }
        *list = longer;
        longer[n] = name;
        longer[n + 1] = NULL;
        return 0;
}

#define TENANT_KEY(name_, parse_, field, documentation_)                                  \
        {                                                                                 \
                .name = "tenant." name_, .parse = (parse_), .is_optional = true,          \
                .offset = offsetof(TenantEntry, field), .documentation = (documentation_) \
        }
#define TENANT_LIST(name_, parse_, field, documentation_)                                 \
        {                                                                                 \
                .name = "tenant." name_, .parse = (parse_), .is_list = true,              \
                .offset = offsetof(TenantEntry, field), .documentation = (documentation_) \
        }

static const Key keys[] = {
        TENANT_LIST("uids", parse_id, uids, "Users, by name or number"),
        TENANT_LIST("groups",
                    parse_id,
                    gids,
                    "Groups, by name or number, whose members belong to the tenant if no table has "
                    "them by uid; the first table that fits"),
        TENANT_KEY("weight",
                   key_parse_count,
                   policy.weight,
                   "Share of the places when several tenants wait, 1 to 10000. Default: 100"),
        TENANT_KEY(
                "cpu_weight",
                key_parse_count,
                policy.cpu_weight,
                "Share of the CPU of each of its jobs where there is not enough for all that run, 1 to "
                "10000: cpu.weight of its cgroup. Default: 100"),
        TENANT_LIST("profiles",
                    parse_profile,
                    policy.profiles,
                    "Profiles that it may use. Default: those with granted = true"),
        TENANT_KEY("default_profile",
                   key_parse_string,
                   policy.default_profile,
                   "Profile of a request that names none. Default: as in pysbd.toml"),
        TENANT_KEY(
                "max_running",
                key_parse_count,
                policy.maximum[QUOTA_RUNNING],
                "Jobs that run at once. Default: no maximum but the node's places, of which the last "
                "quarter is for tenants that run nothing"),
        TENANT_KEY("max_queued",
                   key_parse_count,
                   policy.maximum[QUOTA_QUEUED],
                   "Jobs that wait. Default: half of the node's max_queued_jobs"),
        TENANT_KEY("max_connections",
                   key_parse_count,
                   policy.maximum[QUOTA_CONNECTIONS],
                   "Connections at once. Default: max_connections_per_user"),
        TENANT_KEY(
                "max_memory",
                key_parse_size,
                policy.maximum[QUOTA_MEMORY],
                "Sum of the memory limits of its jobs that run. Default: no maximum but the node's, of "
                "which the last quarter is for tenants that run nothing"),
        TENANT_KEY(
                "max_bytes",
                key_parse_size,
                policy.max_bytes,
                "Bytes that the daemon itself keeps for it, of each of three kinds: programs and input of jobs "
                "that wait (more are refused with QueueFull), results (the oldest are forgotten), "
                "messages from and to its clients (a connection that needs more is closed). 8M to "
                "256M. Default: 64M"),
        TENANT_KEY("maximum.",
                   key_parse_limit,
                   policy.ceiling,
                   "Highest value of a limit of each of its jobs, where the profile allows more; "
                   "also for a request that does not name it. In a table of its own, "
                   "[NAME.maximum]"),
        TENANT_KEY(
                "max_sessions",
                key_parse_count,
                policy.maximum[QUOTA_SESSIONS],
                "Sessions that are open, 0 is none. Those of all tenants together take half of the "
                "node's places. Default: no other maximum, but the last quarter of these is for "
                "tenants that have none"),
        TENANT_KEY(
                "max_blob_bytes",
                key_parse_size,
                policy.maximum[QUOTA_BLOB_BYTES],
                "Blobs that it keeps in the daemon's memory, 0 is none. Default: 64M. Those of all "
                "tenants together take at most 256M"),
        TENANT_KEY("submits_per_second",
                   key_parse_count,
                   policy.submits_per_second,
                   "Jobs that are accepted in a second, over time; 0 is any number. Default: 0"),
        TENANT_KEY("submit_burst",
                   key_parse_count,
                   policy.submit_burst,
                   "Jobs that are accepted at once. Default: submits_per_second"),
};

static const struct {
        const char *key;
        size_t offset; /* in the policy */
        uint64_t lowest, highest;
} ranges[] = {
        { "tenant.weight", offsetof(TenantPolicy, weight), WEIGHT_MIN, WEIGHT_MAX },
        { "tenant.cpu_weight", offsetof(TenantPolicy, cpu_weight), WEIGHT_MIN, WEIGHT_MAX },
        { "tenant.max_running", offsetof(TenantPolicy, maximum[QUOTA_RUNNING]), 1, 4096 },
        { "tenant.max_queued", offsetof(TenantPolicy, maximum[QUOTA_QUEUED]), 0, 65536 },
        { "tenant.max_connections", offsetof(TenantPolicy, maximum[QUOTA_CONNECTIONS]), 1, 4096 },
        { "tenant.max_sessions", offsetof(TenantPolicy, maximum[QUOTA_SESSIONS]), 0, 4096 },
        { "tenant.max_bytes", offsetof(TenantPolicy, max_bytes), 8U << 20, TENANT_BYTES_MAX },
        { "tenant.submits_per_second", offsetof(TenantPolicy, submits_per_second), 0, 1000000 },
        { "tenant.submit_burst", offsetof(TenantPolicy, submit_burst), 1, 65536 },
};

TenantPolicy tenant_policy_unlimited(void) {
        TenantPolicy p = {};

        for (Quota q = 0; q < _QUOTA_MAX; q++)
                p.maximum[q] = UINT64_MAX;
        for (LimitId id = 0; id < _LIMIT_MAX; id++)
                p.ceiling.value[id] = UINT64_MAX;
        return p;
}

void tenant_policy_spread(TenantPolicy *policy) {
        static const Quota kinds[] = { QUOTA_QUEUED_BYTES, QUOTA_RETAINED_BYTES,
                                       QUOTA_BUFFERED_BYTES };

        FOREACH_ARRAY(kind, kinds, ELEMENTSOF(kinds))
                policy->maximum[*kind] = policy->max_bytes;
}

Limits tenant_policy_clamp(const TenantPolicy *policy, const Limits *limits) {
        Limits clamped;

        for (LimitId id = 0; id < _LIMIT_MAX; id++)
                clamped.value[id] = MIN(limits->value[id], policy->ceiling.value[id]);
        return clamped;
}

void tenant_policy_range(size_t offset, uint64_t *ret_lowest, uint64_t *ret_highest) {
        *ret_lowest = 0;
        *ret_highest = INT64_MAX;
        FOREACH_ARRAY(range, ranges, ELEMENTSOF(ranges)) {
                if (range->offset != offset)
                        continue;
                *ret_lowest = range->lowest;
                *ret_highest = range->highest;
        }
}

static int entry_check(const TenantEntry *entry, const KeySources *sources, char **ret_error) {
        FOREACH_ARRAY(range, ranges, ELEMENTSOF(ranges)) {
                const char *where = key_sources_find(sources, range->key);
                uint64_t value =
                        *(const uint64_t *) ((const char *) &entry->policy + range->offset);

                if (where && (value < range->lowest || value > range->highest))
                        return flat_error(ret_error,
                                          "%s: %s: %" PRIu64 " is out of range, it must be %" PRIu64
                                          " to %" PRIu64,
                                          where, range->key, value, range->lowest, range->highest);
        }
        return 0;
}

/* The key, or the first line that the table has. */
static const char *table_where(const KeySources *sources, const char *key) {
        const char *where = key ? key_sources_find(sources, key) : NULL;

        if (where)
                return where;
        return sources->n_items > 0 ? sources->items[0].where : "tenants.toml";
}

/* Whether it is somebody's. */
static int members_check(const TenantEntry *entry,
                         const KeySources *sources,
                         bool has_gateway,
                         char **ret_error) {
        bool is_default = strcmp(entry->name, "default") == 0;
        bool is_empty = entry->uids.n + entry->gids.n == 0;

        if (is_default && !is_empty)
                return flat_error(
                        ret_error, "%s: [default] is of all others, it has neither uids nor groups",
                        table_where(sources, entry->uids.n > 0 ? "tenant.uids" : "tenant.groups"));
        if (!is_default && is_empty && !has_gateway)
                return flat_error(ret_error,
                                  "%s: [%s] has neither uids nor groups, and there is no "
                                  "gateway_group in pysbd.toml: nobody would belong to it",
                                  table_where(sources, NULL), entry->name);
        return 0;
}

/* A user belongs to one table only. */
static int table_check(const TenantTable *table,
                       const TenantEntry *entry,
                       const KeySources *sources,
                       char **ret_error) {
        if (strlen(entry->name) >= TENANT_NAME_MAX)
                return flat_error(ret_error, "%s: [%s] is longer than %d characters",
                                  table_where(sources, NULL), entry->name, TENANT_NAME_MAX - 1);
        for (size_t i = 0; i < entry->uids.n; i++) {
                const TenantEntry *other = tenant_table_find(table, entry->uids.ids[i], NULL, 0);

                if (other && other != entry)
                        return flat_error(ret_error,
                                          "%s: tenant.uids: uid %u is in [%s] and in [%s]",
                                          table_where(sources, "tenant.uids"), entry->uids.ids[i],
                                          other->name, entry->name);
        }
        return 0;
}

static int table_add(TenantTable *table,
                     const char *name,
                     size_t name_size,
                     const char *lines,
                     size_t size,
                     bool has_gateway,
                     char **ret_error) {
        _cleanup_(key_sources_done) KeySources sources = {};
        TenantEntry *entries = reallocarray(table->entries, table->n + 1, sizeof(*entries)), *entry;
        int r;

        if (!entries)
                return -ENOMEM;
        table->entries = entries;
        entry = &entries[table->n++];
        *entry = (TenantEntry){
                .name = strndup(name, name_size),
                .policy = tenant_policy_unlimited(),
        };
        if (!entry->name)
                return -ENOMEM;
        r = keys_parse(keys, ELEMENTSOF(keys), lines, size, entry, &sources, ret_error);
        if (r >= 0)
                r = entry_check(entry, &sources, ret_error);
        if (r >= 0)
                r = members_check(entry, &sources, has_gateway, ret_error);
        return r < 0 ? r : table_check(table, entry, &sources, ret_error);
}

int tenant_table_parse(const char *lines,
                       size_t size,
                       bool has_gateway,
                       TenantTable *ret_table,
                       char **ret_error) {
        const char *end = lines + size, *s = flat_next_mark(lines, end);
        _cleanup_(tenant_table_done) TenantTable table = {};

        *ret_error = NULL;
        if (s != lines)
                return flat_error(ret_error, "a tenant does not start with \"== NAME\"");
        while (s < end) {
                const char *name = s + strlen(FLAT_MARK);
                const char *newline = memchr(name, '\n', (size_t) (end - name));
                const char *body = newline ? newline + 1 : end, *next = flat_next_mark(body, end);
                int r = table_add(&table, name, (size_t) ((newline ?: end) - name), body,
                                  (size_t) (next - body), has_gateway, ret_error);

                if (r < 0)
                        return r;
                s = next;
        }
        *ret_table = table;
        table = (TenantTable){};
        return 0;
}

void tenant_table_done(TenantTable *table) {
        FOREACH_ARRAY(entry, table->entries, table->n) {
                free(entry->name);
                free(entry->uids.ids);
                free(entry->gids.ids);
                for (char **p = entry->policy.profiles; p && *p; p++)
                        free(*p);
                free(entry->policy.profiles);
                free(entry->policy.default_profile);
        }
        free(table->entries);
        *table = (TenantTable){};
}

static bool list_has(const IdList *list, uint32_t id) {
        for (size_t i = 0; i < list->n; i++)
                if (list->ids[i] == id)
                        return true;
        return false;
}

TenantEntry *
tenant_table_find(const TenantTable *table, uid_t uid, const gid_t *gids, size_t n_gids) {
        FOREACH_ARRAY(entry, table->entries, table->n)
                if (list_has(&entry->uids, uid))
                        return entry;
        FOREACH_ARRAY(entry, table->entries, table->n)
                for (size_t i = 0; i < n_gids; i++)
                        if (list_has(&entry->gids, gids[i]))
                                return entry;
        return NULL;
}

TenantEntry *tenant_table_default(const TenantTable *table) {
        FOREACH_ARRAY(entry, table->entries, table->n)
                if (strcmp(entry->name, "default") == 0)
                        return entry;
        return NULL;
}

bool tenant_policy_allows(const TenantPolicy *policy, const char *profile, bool is_granted) {
        if (!policy->profiles)
                return is_granted;
        for (char *const *p = policy->profiles; *p; p++)
                if (strcmp(*p, profile) == 0)
                        return true;
        return false;
}

void tenant_print_keys(FILE *f) {
        FOREACH_ARRAY(key, keys, ELEMENTSOF(keys))
                fprintf(f, "%s\n        %s.\n", key->name + strlen("tenant."), key->documentation);
}

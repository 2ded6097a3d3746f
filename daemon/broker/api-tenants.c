/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tenants, for administrators: what they may have and what they use. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/api.h"
#include "broker/scheduler.h"
#include "wire/build.h"
#include "wire/dispatch.h"

#define TENANTS_MAX 1000 /* in one reply */

/* No number that JSON can say. */
#define NUMBER_NONE UINT64_MAX

static int
dispatch_number(const JsonField *field, json_t *value, void *target, char path[JSON_PATH_MAX]) {
        OptionalUint number = {};
        int r = json_dispatch_uint(field, value, &number, path);

        if (r >= 0)
                *(uint64_t *) target = number.value;
        return r;
}

/* The members of a Quota, and where a policy has them. */
static const JsonField quota_fields[] = {
        { "weight", dispatch_number, offsetof(TenantPolicy, weight) },
        { "cpuWeight", dispatch_number, offsetof(TenantPolicy, cpu_weight) },
        { "maxBytes", dispatch_number, offsetof(TenantPolicy, max_bytes) },
        { "maxRunningJobs", dispatch_number, offsetof(TenantPolicy, maximum[QUOTA_RUNNING]) },
        { "maxQueuedJobs", dispatch_number, offsetof(TenantPolicy, maximum[QUOTA_QUEUED]) },
        { "maxConnections", dispatch_number, offsetof(TenantPolicy, maximum[QUOTA_CONNECTIONS]) },
        { "maxSessions", dispatch_number, offsetof(TenantPolicy, maximum[QUOTA_SESSIONS]) },
        { "maxMemoryBytes", dispatch_number, offsetof(TenantPolicy, maximum[QUOTA_MEMORY]) },
        { "maxBlobBytes", dispatch_number, offsetof(TenantPolicy, maximum[QUOTA_BLOB_BYTES]) },
        { "submitsPerSecond", dispatch_number, offsetof(TenantPolicy, submits_per_second) },
        { "submitBurst", dispatch_number, offsetof(TenantPolicy, submit_burst) },
        {},
};

static uint64_t number_get(const TenantPolicy *policy, const JsonField *field) {
        return *(const uint64_t *) (const void *) ((const char *) policy + field->offset);
}

static bool number_is_set(const TenantPolicy *policy, const JsonField *field) {
        uint64_t value = number_get(policy, field);

        /* Without submitsPerSecond there is no burst. */
        return value != NUMBER_NONE &&
               (value > 0 || field->offset != offsetof(TenantPolicy, submit_burst));
}

static void number_set(TenantPolicy *policy, const JsonField *field, uint64_t value) {
        *(uint64_t *) (void *) ((char *) policy + field->offset) = value;
}

static json_t *quota_object(const TenantPolicy *policy) {
        JsonBuild b = JSON_BUILD_INIT;

        for (const JsonField *field = quota_fields; field->name; field++)
                if (number_is_set(policy, field))
                        json_build_uint(&b, field->name, number_get(policy, field));
        return json_build_take(&b);
}

static json_t *tenant_object(const char *name,
                             const TenantPolicy *policy,
                             const uint64_t used[_QUOTA_MAX],
                             uint64_t cpu_usec) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "tenant", name);
        json_build_value(&b, "quota", quota_object(policy));
        json_build_uint(&b, "runningJobs", used[QUOTA_RUNNING]);
        json_build_uint(&b, "queuedJobs", used[QUOTA_QUEUED]);
        json_build_uint(&b, "finishedJobs", used[QUOTA_RETAINED]);
        json_build_uint(&b, "connections", used[QUOTA_CONNECTIONS]);
        json_build_uint(&b, "sessions", used[QUOTA_SESSIONS]);
        json_build_uint(&b, "memoryBytes", used[QUOTA_MEMORY]);
        json_build_uint(&b, "blobBytes", used[QUOTA_BLOB_BYTES]);
        json_build_uint(&b, "daemonBytes",
                        used[QUOTA_QUEUED_BYTES] + used[QUOTA_RETAINED_BYTES] +
                                used[QUOTA_BUFFERED_BYTES]);
        json_build_uint(&b, "cpuTimeUSec", cpu_usec);
        return json_build_take(&b);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Those that use something, and those that tenants.toml names, in alphabetical order. */
static size_t collect_names(const Broker *b, const char ***ret_names) {
        const TenantTable *table = &b->config->tenants;
        size_t n = table->n;
        const char **names;

        LIST_FOREACH(l, &b->tenants.all)
                n++;
        *ret_names = names = calloc(n + 1, sizeof(*names));
        if (!names)
                return 0;
        n = 0;
        LIST_FOREACH(l, &b->tenants.all)
                names[n++] = container_of(l, Tenant, link)->name;
        FOREACH_ARRAY(entry, table->entries, table->n)
                if (broker_find_policy(b, entry->name) && !tenants_find(&b->tenants, entry->name))
                        names[n++] = entry->name;
        qsort(names, n, sizeof(*names), compare_names);
        return n;
}

static json_t *object_of_name(const Broker *b, const char *name) {
        static const uint64_t nothing[_QUOTA_MAX];
        const Tenant *t = tenants_find(&b->tenants, name);

        return t ? tenant_object(name, t->policy, t->used, t->cpu_usec)
                 : tenant_object(name, broker_find_policy(b, name), nothing, 0);
}

typedef struct ListParameters {
        OptionalUint max;
        const char *cursor;
} ListParameters;

void api_manager_list_tenants(Connection *c) {
        static const JsonField fields[] = {
                { "maxEntries", json_dispatch_uint, offsetof(ListParameters, max) },
                { "cursor", json_dispatch_string, offsetof(ListParameters, cursor) },
                {},
        };
        _cleanup_free_ const char **names = NULL;
        ListParameters p = { .max.value = TENANTS_MAX };
        size_t n, i = 0;
        json_t *array;
        JsonBuild b;

        if (!api_parse(c, fields, &p))
                return;
        if (p.max.value < 1 || p.max.value > TENANTS_MAX) {
                api_answer_invalid(c, "maxEntries", "not from 1 to 1000");
                return;
        }
        n = collect_names(c->broker, &names);
        while (p.cursor && i < n && strcmp(names[i], p.cursor) <= 0)
                i++;
        array = json_array();
        for (; i < n && json_array_size(array) < p.max.value; i++)
                (void) json_array_append_new(array, object_of_name(c->broker, names[i]));
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_value(&b, "tenants", array);
        if (i < n)
                json_build_string(&b, "nextCursor", names[i - 1]);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

bool api_manager_has_tenant(Connection *c, const char *name) {
        JsonBuild b;

        if (tenants_find(&c->broker->tenants, name) || broker_find_policy(c->broker, name))
                return true;
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_string(&b, "tenant", name);
        connection_error(c, "TenantNotFound", json_build_take(&b));
        return false;
}

/* Whether all that is given is in range; else the call is answered. */
static bool quota_check(Connection *c, const TenantPolicy *given) {
        for (const JsonField *field = quota_fields; field->name; field++) {
                uint64_t lowest, highest, value = number_get(given, field);
                char name[64], reason[96];

                tenant_policy_range(field->offset, &lowest, &highest);
                if (value == NUMBER_NONE || (value >= lowest && value <= highest))
                        continue;
                (void) snprintf(name, sizeof(name), "quota.%s", field->name);
                (void) snprintf(reason, sizeof(reason), "not from %" PRIu64 " to %" PRIu64, lowest,
                                highest);
                api_answer_invalid(c, name, reason);
                return false;
        }
        return true;
}

typedef struct SetParameters {
        const char *tenant;
        TenantPolicy quota; /* only its numbers */
} SetParameters;

void api_manager_set_tenant(Connection *c) {
        static const JsonField fields[] = {
                { "tenant", json_dispatch_string, offsetof(SetParameters, tenant), JSON_REQUIRED },
                { "quota", json_dispatch_object, offsetof(SetParameters, quota), JSON_REQUIRED,
                  quota_fields },
                {},
        };
        _cleanup_(tenant_unrefp) Tenant *tenant = NULL;
        Tenants *tenants = &c->broker->tenants;
        SetParameters p = {};
        TenantPolicy *policy;
        JsonBuild b;

        for (const JsonField *field = quota_fields; field->name; field++)
                number_set(&p.quota, field, NUMBER_NONE);
        if (!api_parse(c, fields, &p) || !api_manager_has_tenant(c, p.tenant) ||
            !quota_check(c, &p.quota))
                return;
        tenant = tenants_get(tenants, p.tenant, broker_find_policy(c->broker, p.tenant));
        if (!tenant) {
                c->is_dead = true;
                return;
        }
        policy = tenant_change_policy(tenant);
        for (const JsonField *field = quota_fields; field->name; field++)
                if (number_get(&p.quota, field) != NUMBER_NONE)
                        number_set(policy, field, number_get(&p.quota, field));
        tenant_policy_spread(policy);
        log_info("the quota of tenant %s is another one until the next reload, by order of uid %u",
                 tenant->name, c->uid);
        scheduler_start_waiting(c->broker);
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_value(&b, "quota", quota_object(policy));
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

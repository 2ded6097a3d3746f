/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Flat lines, as an unprivileged compiler hands them to the builder: profiles, or the daemon's settings and its
 * tenants. What is read is within the bounds that everybody behind it counts on.
 *
 * An input: one byte that says which of both, then the lines. */

#include "fuzz.h"
#include "profile/config.h"
#include "profile/limits.h"
#include "profile/profile.h"

/* A sentence that stands in one line of a log. */
static void check_error(char *error) {
        fuzz_check(error && *error && !strchr(error, '\n'));
        free(error);
}

static void check_limits(const Profile *p) {
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                fuzz_check(p->limits.value[id] >= limit_infos[id].lowest);
                fuzz_check(p->limits.value[id] <= p->maximum.value[id]);
                fuzz_check(p->maximum.value[id] <= limit_infos[id].highest);
        }
}

static void check_profile(const Profile *p) {
        char problem[512], *text = NULL;
        size_t size;
        FILE *f;

        check_limits(p);
        fuzz_check(strlen(p->digest) == 64);
        (void) profile_digest_short(p);
        (void) profile_problem(p, p->name[0], problem, sizeof(problem));
        f = open_memstream(&text, &size);
        fuzz_check(f);
        profile_print(p, f);
        fuzz_check(fclose(f) == 0 && size > 0);
        free(text);
}

static void read_profiles(const char *lines, size_t size) {
        char *error = NULL;
        ProfileStore *store;

        if (profile_store_parse(lines, size, &store, &error) < 0) {
                check_error(error);
                return;
        }
        fuzz_check(store->n_profiles <= PROFILES_MAX);
        FOREACH_ARRAY(p, store->profiles, store->n_profiles) {
                fuzz_check(profile_store_find(store, (*p)->name) == p - store->profiles);
                check_profile(*p);
        }
        profile_store_unref(store);
}

static void check_tenants(const TenantTable *table) {
        FOREACH_ARRAY(entry, table->entries, table->n) {
                TenantPolicy *policy = &entry->policy;

                fuzz_check(strlen(entry->name) < TENANT_NAME_MAX);
                fuzz_check(policy->weight <= WEIGHT_MAX);
                tenant_policy_spread(policy);
                if (entry->uids.n > 0)
                        fuzz_check(tenant_table_find(table, entry->uids.ids[0], NULL, 0));
        }
        (void) tenant_table_default(table);
}

static void read_config(const char *lines, size_t size) {
        char *error = NULL;
        DaemonConfig *config;

        if (daemon_config_parse(lines, size, &config, &error) < 0) {
                check_error(error);
                return;
        }
        fuzz_check(config->ids_count > 0 && config->max_running_jobs > 0);
        fuzz_check(config->ids_first + config->ids_count <= UINT32_MAX);
        check_tenants(&config->tenants);
        daemon_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput in = { data, size };
        bool is_config = fuzz_byte(&in) & 1;
        /* The end of the lines is the end of the memory. */
        char *lines = malloc(MAX(in.size, (size_t) 1));

        fuzz_check(lines);
        memcpy(lines, in.data, in.size);
        if (is_config)
                read_config(lines, in.size);
        else
                read_profiles(lines, in.size);
        free(lines);
        return 0;
}

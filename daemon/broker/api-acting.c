/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For whom a call acts. A gateway is a service that other programs talk to; it acts for tenants that it
 * names, and has to know who they are. */

#include <string.h>

#include "broker/api.h"
#include "wire/build.h"

void api_answer_denied(Connection *c, const char *tenant) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "tenant", tenant);
        connection_error(c, "TenantDenied", json_build_take(&b));
}

/* It stands in logs and lists: printable, and without blanks. */
static bool name_is_valid(const char *name) {
        size_t size = strlen(name);

        for (const char *p = name; *p; p++)
                if (*p <= 0x20 || *p > 0x7e)
                        return false;
        return size > 0 && size < TENANT_NAME_MAX;
}

Tenant *api_acting_tenant(Connection *c, const char *name) {
        Broker *b = c->broker;
        const TenantPolicy *policy;
        Tenant *tenant;

        /* Who acts for himself may say so. */
        if (!name || strcmp(name, c->tenant->name) == 0) {
                if (!c->tenant->policy->is_denied)
                        return tenant_ref(c->tenant);
                api_answer_denied(c, c->tenant->name);
                return NULL;
        }
        policy = broker_find_policy(b, name) ?: &b->default_policy;
        if (!c->is_gateway || policy->is_denied) {
                api_answer_denied(c, name);
                return NULL;
        }
        if (!name_is_valid(name)) {
                api_answer_invalid(c, "tenant", "not 1 to 63 printable characters without blanks");
                return NULL;
        }
        tenant = tenants_get(&b->tenants, name, policy);
        if (!tenant)
                c->is_dead = true;
        return tenant;
}

const Tenant *api_reach(const Connection *c) {
        return c->is_gateway ? NULL : c->tenant;
}

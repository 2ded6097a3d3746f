/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/tenant.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/macro.h"

#define RETRY_USEC_MIN (10 * USEC_PER_MSEC)
#define RETRY_USEC_MAX (60 * USEC_PER_SEC)
#define RETRY_USEC_UNKNOWN USEC_PER_SEC

void tenants_init(Tenants *t) {
        *t = (Tenants){};
        list_init(&t->all);
        list_init(&t->ready);
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                t->maximum[q] = UINT64_MAX;
}

static void tenant_free(Tenant *tenant) {
        assert(list_is_empty(&tenant->ready));
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                assert(tenant->used[q] == 0);
        list_remove(&tenant->link);
        free(tenant);
}

void tenants_done(Tenants *t) {
        LIST_FOREACH(l, &t->all)
                tenant_free(container_of(l, Tenant, link));
}

static uint64_t token_cost(const TenantPolicy *p) {
        return MAX(USEC_PER_SEC / p->submits_per_second, UINT64_C(1));
}

static uint64_t token_burst(const TenantPolicy *p) {
        return token_cost(p) * MAX(p->submit_burst, UINT64_C(1));
}

/* Whether one that is new now could submit more. */
static bool tenant_owes_tokens(const Tenant *tenant) {
        const TenantPolicy *p = tenant->policy;

        return p->submits_per_second > 0 &&
               tenant->token_usec + token_burst(p) > tenant->tenants->now_usec;
}

/* What a tenant has had of its share is not forgotten by going away for a moment: that would buy the
 * next job a place before the others. Nor are the tokens that it owes. */
static bool tenant_is_forgettable(const Tenant *tenant) {
        const Tenants *t = tenant->tenants;

        if (tenant->n_refs > 0 || tenant->policy == &tenant->changed || tenant_owes_tokens(tenant))
                return false;
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                if (tenant->used[q] > 0)
                        return false;
        return tenant->pass <= t->virtual_time || list_is_empty(&t->ready);
}

Tenant *tenants_find(const Tenants *t, const char *name) {
        LIST_FOREACH(l, &t->all) {
                Tenant *tenant = container_of(l, Tenant, link);

                if (strcmp(tenant->name, name) == 0)
                        return tenant;
        }
        return NULL;
}

Tenant *tenants_get(Tenants *t, const char *name, const TenantPolicy *policy) {
        Tenant *tenant = tenants_find(t, name);

        if (tenant)
                return tenant_ref(tenant);
        LIST_FOREACH(l, &t->all) {
                tenant = container_of(l, Tenant, link);
                if (tenant_is_forgettable(tenant))
                        tenant_free(tenant);
        }
        tenant = calloc(1, sizeof(*tenant));
        if (!tenant)
                return NULL;
        (void) snprintf(tenant->name, sizeof(tenant->name), "%s", name);
        tenant->tenants = t;
        tenant->policy = policy;
        list_init(&tenant->link);
        list_init(&tenant->ready);
        for (size_t i = 0; i < PRIORITIES; i++)
                list_init(&tenant->waiting[i]);
        list_insert_before(&t->all, &tenant->link);
        return tenant_ref(tenant);
}

void tenant_set_policy(Tenant *tenant, const TenantPolicy *policy) {
        tenant->policy = policy;
}

TenantPolicy *tenant_change_policy(Tenant *tenant) {
        if (tenant->policy != &tenant->changed)
                tenant->changed = *tenant->policy;
        tenant->policy = &tenant->changed;
        return &tenant->changed;
}

Tenant *tenant_ref(Tenant *tenant) {
        tenant->n_refs++;
        return tenant;
}

Tenant *tenant_unref(Tenant *tenant) {
        if (!tenant)
                return NULL;
        assert(tenant->n_refs > 0);
        tenant->n_refs--;
        if (tenant_is_forgettable(tenant))
                tenant_free(tenant);
        return NULL;
}

bool tenants_may_start(const Tenants *t) {
        return !t->is_held || t->used[QUOTA_RUNNING] == 0;
}

bool tenants_fit(const Tenants *t, Quota quota, uint64_t amount) {
        return !quota_is_over(t->used[quota], amount, t->maximum[quota]);
}

uint64_t tenant_maximum(const Tenant *tenant, Quota quota, ChargeRefusal scope) {
        const Tenants *t = tenant->tenants;
        uint64_t own = tenant->policy->maximum[quota];
        bool may_use_reserve = own != UINT64_MAX || tenant->used[quota] == 0;

        if (scope == CHARGE_OVER_TENANT)
                return own;
        return t->maximum[quota] - (may_use_reserve ? 0 : t->reserve[quota]);
}

int tenant_fits(const Tenant *tenant, Quota quota, uint64_t amount) {
        if (quota_is_over(tenant->used[quota], amount,
                          tenant_maximum(tenant, quota, CHARGE_OVER_TENANT)))
                return CHARGE_OVER_TENANT;
        return quota_is_over(tenant->tenants->used[quota], amount,
                             tenant_maximum(tenant, quota, CHARGE_OVER_NODE))
                       ? CHARGE_OVER_NODE
                       : 0;
}

bool tenant_is_stuck(const Tenant *tenant) {
        return tenant->watched_bytes > tenant->policy->maximum[QUOTA_RETAINED_BYTES];
}

int tenant_charge(Tenant *tenant, Quota quota, uint64_t amount) {
        int r = tenant_fits(tenant, quota, amount);

        if (r == 0)
                tenant_charge_anyway(tenant, quota, amount);
        return r;
}

void tenant_charge_anyway(Tenant *tenant, Quota quota, uint64_t amount) {
        tenant->used[quota] += amount;
        tenant->tenants->used[quota] += amount;
}

void tenant_release(Tenant *tenant, Quota quota, uint64_t amount) {
        assert(tenant->used[quota] >= amount);
        tenant->used[quota] -= amount;
        tenant->tenants->used[quota] -= amount;
}

/* A bucket without a counter: each submission costs its share of a second, and what is paid for may
 * lie in the past by as much as the burst costs, in the future not at all. */
bool tenant_take_token(Tenant *tenant, uint64_t now, uint64_t *ret_retry_usec) {
        const TenantPolicy *p = tenant->policy;
        uint64_t cost, burst, paid;

        tenant->tenants->now_usec = now;
        if (p->submits_per_second == 0)
                return true;
        cost = token_cost(p);
        burst = token_burst(p);
        paid = MAX(tenant->token_usec, now > burst ? now - burst : 0) + cost;
        if (paid > now) {
                *ret_retry_usec = paid - now;
                return false;
        }
        tenant->token_usec = paid;
        return true;
}

static void pace_note(Pace *p, uint64_t now) {
        uint64_t interval = now - p->last_usec;

        if (p->last_usec != 0)
                p->interval_usec = p->interval_usec == 0 ? MAX(interval, UINT64_C(1))
                                                         : (7 * p->interval_usec + interval) / 8;
        p->last_usec = now;
}

void tenant_note_end(Tenant *tenant, uint64_t now) {
        pace_note(&tenant->pace, now);
        pace_note(&tenant->tenants->pace, now);
}

uint64_t tenant_retry_after(const Tenant *tenant, ChargeRefusal refusal, uint64_t now) {
        const Pace *p = refusal == CHARGE_OVER_NODE ? &tenant->tenants->pace : &tenant->pace;
        uint64_t usec;

        if (p->interval_usec == 0)
                return RETRY_USEC_UNKNOWN;
        /* Nothing has ended for longer than that: it has become slower. */
        usec = MAX(p->interval_usec, now - p->last_usec);
        return MIN(MAX(usec, RETRY_USEC_MIN), RETRY_USEC_MAX);
}

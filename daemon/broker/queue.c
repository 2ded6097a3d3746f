/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/queue.h"

#include <assert.h>

#include "basic/macro.h"

/* A job's cost in virtual time at weight 1: divisible without much loss by every weight, and 2^43 jobs
 * of the lowest weight go into 64 bits. */
#define STRIDE (UINT64_C(1) << 20)
_Static_assert(STRIDE >= UINT64_C(100) * WEIGHT_MAX,
               "the rounding of a share stays below one percent");

void queue_item_init(QueueItem *item,
                     Tenant *tenant,
                     unsigned priority,
                     uint64_t memory_bytes,
                     bool is_session) {
        assert(priority < PRIORITIES);
        *item = (QueueItem){
                .tenant = tenant,
                .priority = priority,
                .memory_bytes = memory_bytes,
                .is_session = is_session,
        };
        list_init(&item->link);
}

void queue_add(QueueItem *item) {
        Tenant *tenant = item->tenant;
        Tenants *t = tenant->tenants;

        list_insert_before(&tenant->waiting[item->priority], &item->link);
        tenant->n_waiting[item->priority]++;
        tenant_charge_anyway(tenant, QUOTA_QUEUED, 1);
        if (!list_is_empty(&tenant->ready))
                return;
        tenant->pass = MAX(tenant->pass, t->virtual_time);
        list_insert_before(&t->ready, &tenant->ready);
}

void queue_remove(QueueItem *item) {
        Tenant *tenant = item->tenant;

        if (list_is_empty(&item->link))
                return;
        list_remove(&item->link);
        tenant->n_waiting[item->priority]--;
        tenant_release(tenant, QUOTA_QUEUED, 1);
        if (tenant->used[QUOTA_QUEUED] == 0)
                list_remove(&tenant->ready);
}

static bool item_fits(const QueueItem *item, int refusal) {
        if (refusal == CHARGE_OVER_TENANT && tenant_is_stuck(item->tenant))
                return false;
        return tenant_fits(item->tenant, QUOTA_RUNNING, 1) != refusal &&
               tenant_fits(item->tenant, QUOTA_MEMORY, item->memory_bytes) != refusal;
}

/* Whether it will once the jobs that run have ended. */
static bool item_will_fit(const QueueItem *item) {
        const Tenant *tenant = item->tenant;
        const Tenants *t = tenant->tenants;
        uint64_t kept = t->session_bytes, own = tenant->policy->maximum[QUOTA_MEMORY];

        if (tenant->session_bytes > 0 && own == UINT64_MAX)
                kept += t->reserve[QUOTA_MEMORY];
        return !quota_is_over(kept, item->memory_bytes, t->maximum[QUOTA_MEMORY]) &&
               !quota_is_over(tenant->session_bytes, item->memory_bytes, own);
}

/* The first in line; but what waits for sessions, whoever has them, keeps nobody behind it waiting. NULL: all do. */
static QueueItem *tenant_next(const Tenant *tenant) {
        for (size_t i = PRIORITIES; i-- > 0;)
                LIST_FOREACH(l, &tenant->waiting[i]) {
                        QueueItem *item = container_of(l, QueueItem, link);

                        if (item_will_fit(item))
                                return item;
                }
        return NULL;
}

static bool tenant_has_one_job(const Tenant *tenant) {
        return tenant->used[QUOTA_RUNNING] == 0 && tenant->used[QUOTA_QUEUED] == 1;
}

/* Of those that their tenants let start, the one that is due. */
static QueueItem *queue_due(const Tenants *t, bool is_for_reserve) {
        QueueItem *next = NULL;

        LIST_FOREACH(l, &t->ready) {
                const Tenant *tenant = container_of(l, Tenant, ready);
                QueueItem *item = tenant_next(tenant);

                if (!item || (is_for_reserve && !tenant_has_one_job(tenant)))
                        continue;
                if (item_fits(item, CHARGE_OVER_TENANT) &&
                    (!next || tenant->pass < next->tenant->pass))
                        next = item;
        }
        return next;
}

QueueItem *queue_take(Tenants *t) {
        QueueItem *next;
        Tenant *tenant;

        if (!tenants_may_start(t) || !tenants_fit(t, QUOTA_RUNNING, 1))
                return NULL;
        next = queue_due(t, false);
        if (next && next->tenant->used[QUOTA_RUNNING] > 0 && !item_fits(next, CHARGE_OVER_NODE))
                next = queue_due(t, true);
        if (!next || !item_fits(next, CHARGE_OVER_NODE))
                return NULL;
        tenant = next->tenant;
        t->virtual_time = MAX(t->virtual_time, tenant->pass);
        tenant->pass += STRIDE / tenant->policy->weight;
        queue_remove(next);
        queue_item_start(next);
        return next;
}

static void charge_session(Tenant *tenant, uint64_t bytes) {
        tenant->session_bytes += bytes;
        tenant->tenants->session_bytes += bytes;
}

static void release_session(Tenant *tenant, uint64_t bytes) {
        tenant->session_bytes -= bytes;
        tenant->tenants->session_bytes -= bytes;
}

void queue_item_start(QueueItem *item) {
        tenant_charge_anyway(item->tenant, QUOTA_RUNNING, 1);
        tenant_charge_anyway(item->tenant, QUOTA_MEMORY, item->memory_bytes);
        if (item->is_session)
                charge_session(item->tenant, item->memory_bytes);
}

void queue_item_ended(QueueItem *item) {
        if (item->is_session)
                release_session(item->tenant, item->memory_bytes);
        tenant_release(item->tenant, QUOTA_RUNNING, 1);
        tenant_release(item->tenant, QUOTA_MEMORY, item->memory_bytes);
}

static bool refuse(Refusal *ret, int scope, Quota quota, uint64_t retry_usec) {
        *ret = (Refusal){ .scope = (ChargeRefusal) scope,
                          .quota = quota,
                          .retry_usec = retry_usec };
        return false;
}

/* Whether it has a place in the queue, if it needs one. */
static bool admit_to_queue(const QueueItem *item, uint64_t bytes, uint64_t now, Refusal *ret) {
        static const Quota quotas[] = { QUOTA_QUEUED, QUOTA_QUEUED_BYTES };
        const uint64_t amounts[] = { 1, bytes };
        const Tenant *tenant = item->tenant;

        if (tenants_may_start(tenant->tenants) && tenant->tenants->used[QUOTA_QUEUED] == 0 &&
            item_fits(item, CHARGE_OVER_TENANT) && item_fits(item, CHARGE_OVER_NODE))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(quotas); i++) {
                int r = tenant_fits(tenant, quotas[i], amounts[i]);

                /* Where both are full, others could not submit either. */
                if (!tenants_fit(tenant->tenants, quotas[i], amounts[i]))
                        r = CHARGE_OVER_NODE;
                if (r != 0)
                        return refuse(ret, r, QUOTA_QUEUED,
                                      tenant_retry_after(tenant, (ChargeRefusal) r, now));
        }
        return true;
}

int queue_item_never_fits(const QueueItem *item) {
        if (item->memory_bytes > item->tenant->policy->maximum[QUOTA_MEMORY])
                return CHARGE_OVER_TENANT;
        return item->memory_bytes > item->tenant->tenants->maximum[QUOTA_MEMORY] ? CHARGE_OVER_NODE
                                                                                 : 0;
}

bool queue_admit(const QueueItem *item, uint64_t bytes, uint64_t now, Refusal *ret) {
        Tenant *tenant = item->tenant;
        uint64_t retry_usec;
        int r = queue_item_never_fits(item);

        if (r != 0)
                return refuse(ret, r, QUOTA_MEMORY, 0);
        if (!admit_to_queue(item, bytes, now, ret))
                return false;
        if (!tenant_take_token(tenant, now, &retry_usec))
                return refuse(ret, CHARGE_OVER_TENANT, _QUOTA_MAX, retry_usec);
        return true;
}

uint64_t queue_ahead(const Tenant *tenant, unsigned priority) {
        uint64_t n = 0;

        for (size_t i = priority; i < PRIORITIES; i++)
                n += tenant->n_waiting[i];
        return n;
}

size_t queue_first(const Tenant *tenant, size_t max, QueueItem *ret_items[]) {
        size_t n = 0;

        for (size_t i = PRIORITIES; i-- > 0 && n < max;)
                LIST_FOREACH(l, &tenant->waiting[i]) {
                        if (n == max)
                                break;
                        ret_items[n++] = container_of(l, QueueItem, link);
                }
        return n;
}

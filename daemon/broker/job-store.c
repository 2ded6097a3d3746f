/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/job-store.h"

#include <string.h>

#include "basic/macro.h"

Job *job_store_find(Broker *b, const Tenant *tenant, const char *id) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job_tenant(job) == tenant && strcmp(job->id, id) == 0)
                        return job;
        }
        return NULL;
}

Job *job_store_find_box(Broker *b, uint64_t box) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job_has_box(job) && job->box == box)
                        return job;
        }
        return NULL;
}

void job_store_release(Broker *b, Job *job) {
        if (job_is_forgettable(job, b->clock().monotonic_usec))
                job_free(job);
}

static int retained_refusal(const Tenant *tenant) {
        int r = tenant_fits(tenant, QUOTA_RETAINED, 0);

        return r != 0 ? r : tenant_fits(tenant, QUOTA_RETAINED_BYTES, 0);
}

static bool retained_is_too_much(const Broker *b) {
        LIST_FOREACH(l, &b->tenants.all)
                if (retained_refusal(container_of(l, Tenant, link)) != 0)
                        return true;
        return false;
}

/* A result that somebody waits for right now stays. */
void job_store_trim(Broker *b) {
        if (!retained_is_too_much(b))
                return;
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job_is_finished(job) && list_is_empty(&job->watchers) &&
                    retained_refusal(job_tenant(job)) != 0)
                        job_free(job);
        }
}

void job_store_sweep(Broker *b, uint64_t now_usec) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job_is_forgettable(job, now_usec))
                        job_free(job);
                else if (job_is_finished(job) && now_usec < job->retained_until_usec)
                        broker_wake_at(b, job->retained_until_usec);
        }
}

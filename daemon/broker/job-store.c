/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/job-store.h"

#include <string.h>

#include "basic/macro.h"

/* FNV-1a. Who makes names that meet in one bucket has as many jobs there as he may have at all, and
 * makes his own look-ups slow first. */
static List *bucket(List buckets[static JOB_BUCKETS], const char *name) {
        uint32_t hash = 2166136261;

        for (; *name; name++)
                hash = (hash ^ (unsigned char) *name) * 16777619;
        return &buckets[hash % JOB_BUCKETS];
}

void job_store_init(Broker *b) {
        list_init(&b->jobs);
        for (size_t i = 0; i < JOB_BUCKETS; i++) {
                list_init(&b->index.ids[i]);
                list_init(&b->index.requests[i]);
                list_init(&b->index.boxes[i]);
        }
}

void job_store_add(Broker *b, Job *job) {
        list_insert_before(&b->jobs, &job->jobs);
        list_insert_before(bucket(b->index.ids, job->id), &job->by_id);
        if (job->spec->request_id)
                list_insert_before(bucket(b->index.requests, job->spec->request_id),
                                   &job->by_request);
}

void job_store_add_box(Broker *b, Job *job) {
        list_insert_before(&b->index.boxes[job->box % JOB_BUCKETS], &job->by_box);
}

Job *job_store_find(Broker *b, const Tenant *tenant, const char *id) {
        LIST_FOREACH(l, bucket(b->index.ids, id)) {
                Job *job = container_of(l, Job, by_id);

                if ((!tenant || job_tenant(job) == tenant) && !job->spec->is_session &&
                    strcmp(job->id, id) == 0)
                        return job;
        }
        return NULL;
}

Job *job_store_find_request(Broker *b, const Tenant *tenant, const char *request_id) {
        LIST_FOREACH(l, bucket(b->index.requests, request_id)) {
                Job *job = container_of(l, Job, by_request);

                if (job_tenant(job) == tenant && strcmp(job->spec->request_id, request_id) == 0)
                        return job;
        }
        return NULL;
}

Job *job_store_find_box(Broker *b, uint64_t box) {
        LIST_FOREACH(l, &b->index.boxes[box % JOB_BUCKETS]) {
                Job *job = container_of(l, Job, by_box);

                if (job_has_box(job) && job->box == box)
                        return job;
        }
        return NULL;
}

void job_store_release(Broker *b, Job *job) {
        if (job_is_forgettable(job, b->clock().monotonic_usec))
                job_free(job);
}

/* Who has too many results of his own; or, where all have too many together, who has most: nobody else's are
 * forgotten for his. NULL: they are not too many. */
static Tenant *retained_too_much(const Broker *b) {
        static const Quota quotas[] = { QUOTA_RETAINED, QUOTA_RETAINED_BYTES };

        FOREACH_ARRAY(q, quotas, ELEMENTSOF(quotas)) {
                Tenant *most = NULL;

                LIST_FOREACH(l, &b->tenants.all) {
                        Tenant *tenant = container_of(l, Tenant, link);

                        if (tenant_fits(tenant, *q, 0) == CHARGE_OVER_TENANT)
                                return tenant;
                        if (!most || tenant->used[*q] > most->used[*q])
                                most = tenant;
                }
                if (!tenants_fit(&b->tenants, *q, 0))
                        return most;
        }
        return NULL;
}

/* A result that somebody waits for right now stays; and that a request has run is known as long as was said. */
static bool job_store_drop(Broker *b, Job *job) {
        if (!job_is_finished(job) || job->is_dropped || !list_is_empty(&job->watchers))
                return false;
        if (job->spec->request_id && b->clock().monotonic_usec < job->retained_until_usec)
                job_drop_result(job);
        else
                job_free(job);
        return true;
}

void job_store_trim(Broker *b) {
        Tenant *tenant = retained_too_much(b);
        bool has_dropped = true;

        /* Each turn ends with a tenant that has less than another one, or with nothing left to drop. */
        while (tenant && has_dropped) {
                Tenant *next = tenant;

                has_dropped = false;
                LIST_FOREACH(l, &b->jobs) {
                        Job *job = container_of(l, Job, jobs);

                        if (next != tenant)
                                break;
                        if (job_tenant(job) != tenant || !job_store_drop(b, job))
                                continue;
                        has_dropped = true;
                        next = retained_too_much(b);
                }
                tenant = next;
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/job-store.h"

#include <string.h>

#include "basic/macro.h"

Job *job_store_find(Broker *b, uid_t uid, const char *id) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job->uid == uid && !job->spec->is_session && strcmp(job->id, id) == 0)
                        return job;
        }
        return NULL;
}

Job *job_store_find_box(Broker *b, uint64_t box) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job_has_box(job) && job->box == box && job->session_id[0] == '\0')
                        return job;
        }
        return NULL;
}

void job_store_release(Broker *b, Job *job) {
        if (job_is_forgettable(job, b->clock().monotonic_usec))
                job_free(job);
}

typedef struct Retained {
        uint64_t jobs, bytes;
} Retained;

/* Counts the finished jobs of one uid, or of all. */
static Retained retained_count(const Broker *b, const uid_t *uid) {
        Retained sum = {};

        LIST_FOREACH(l, &b->jobs) {
                const Job *job = container_of(l, Job, jobs);

                if (!job_is_finished(job) || (uid && job->uid != *uid))
                        continue;
                sum.jobs++;
                sum.bytes += job_bytes(job);
        }
        return sum;
}

static bool retained_is_own_too_much(const Broker *b, uid_t uid) {
        Retained own = retained_count(b, &uid);

        return own.jobs > RETAINED_JOBS_PER_UID_MAX || own.bytes > RETAINED_BYTES_PER_UID_MAX;
}

/* A result that somebody waits for right now stays. */
void job_store_trim(Broker *b) {
        Retained all = retained_count(b, NULL);

        if (all.jobs <= RETAINED_JOBS_PER_UID_MAX && all.bytes <= RETAINED_BYTES_PER_UID_MAX)
                return; /* then no single uid has too much either */
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);
                bool too_much = all.jobs > RETAINED_JOBS_MAX || all.bytes > RETAINED_BYTES_MAX;

                if (!job_is_finished(job) || !list_is_empty(&job->watchers))
                        continue;
                if (!too_much && !retained_is_own_too_much(b, job->uid))
                        continue;
                all.jobs--;
                all.bytes -= job_bytes(job);
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

JobCounts job_store_count(const Broker *b, uid_t uid) {
        JobCounts counts = {};

        LIST_FOREACH(l, &b->jobs) {
                const Job *job = container_of(l, Job, jobs);

                if (job->uid != uid || job->spec->is_session)
                        continue;
                counts.running += job_has_box(job);
                counts.queued += job->state == JOB_QUEUED;
        }
        return counts;
}

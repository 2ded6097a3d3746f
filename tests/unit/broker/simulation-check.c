/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is always true of a broker, told by nothing but what lives in it and what it has said. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/connection.h"
#include "simulation.h"

/* A box: five ends of the builder's and as many of ours, one of them twice. */
#define FDS_PER_BOX 11
#define FDS_MAX 256
#define WAITING_MAX 256

typedef struct Sum {
        uint64_t used[_QUOTA_MAX];
        uint64_t session_bytes, watched_bytes;
        uint64_t n_refs;
        unsigned requests; /* bits of the requestIds */
} Sum;

static size_t index_of(const Tenant *tenant) {
        return (size_t) (tenant->name[1] - '0');
}

SimEnd *sim_find_end(Simulation *s, const char *id) {
        uint32_t hash = 0;

        for (const char *p = id; *p; p++)
                hash = hash * 31 + (unsigned char) *p;
        for (;; hash++) {
                SimEnd *end = &s->ends[hash % SIM_ENDS];

                if (end->id[0] == '\0' || strcmp(end->id, id) == 0)
                        return end;
        }
}

void sim_note_end(Simulation *s, const char *id, const char *outcome) {
        SimEnd *end = sim_find_end(s, id);

        if (end->id[0] != '\0')
                fail_msg("job %s has ended twice: %s, %s", id, outcome_names[end->outcome],
                         outcome);
        (void) snprintf(end->id, sizeof(end->id), "%s", id);
        end->outcome = wire_name_find(outcome_names, outcome);
        assert_true(end->outcome >= 0);
        s->n_outcomes[end->outcome]++;
        s->n_ends++;
        assert_true(s->n_ends < SIM_ENDS / 2);
}

/* What it should have been charged with. */
static void sum_job(Sum *sum, const Job *job) {
        bool is_cell = job_is_cell(job);

        sum->n_refs++;
        if (job_is_finished(job)) {
                sum->used[QUOTA_RETAINED] += !job->is_dropped;
                sum->used[QUOTA_RETAINED_BYTES] += job->retained_bytes;
                if (!list_is_empty(&job->watchers))
                        sum->watched_bytes += job->retained_bytes;
        } else if (job->state == JOB_QUEUED) {
                sum->used[QUOTA_QUEUED] += !is_cell;
                sum->used[QUOTA_QUEUED_BYTES] += job_spec_bytes(job->spec);
        } else if (!is_cell) {
                sum->used[QUOTA_RUNNING]++;
                sum->used[QUOTA_MEMORY] += job->spec->limits.value[LIMIT_MEMORY];
                if (job->spec->is_session)
                        sum->session_bytes += job->spec->limits.value[LIMIT_MEMORY];
        }
        if (job->spec->request_id) {
                unsigned bit = 1U << (job->spec->request_id[1] - '0');

                sum->used[QUOTA_REQUESTS]++;
                assert_false(sum->requests & bit); /* at most once */
                sum->requests |= bit;
        }
}

static void check_job(Simulation *s, const Job *job) {
        const SimEnd *end = sim_find_end(s, job->id);
        bool is_noted = end->id[0] != '\0';

        assert_int_equal(is_noted, job_is_finished(job));
        if (is_noted)
                assert_int_equal(end->outcome, job->verdict.outcome);
        if (s->is_ending)
                return;
        /* What is due has happened. */
        if (job->state == JOB_QUEUED)
                assert_true(sim_now_usec < job->queue_deadline_usec);
        else if (job->state == JOB_CANCELLING && !job_is_cell(job))
                assert_true(job->is_killed || job->collector || sim_now_usec < job->kill_at_usec);
        else if (job_is_finished(job) && list_is_empty(&job->watchers))
                assert_true(sim_now_usec < job->retained_until_usec);
}

static void sum_all(Simulation *s, Sum sums[static SIM_TENANTS]) {
        uint64_t n_unfinished = 0;

        s->n_jobs = 0;
        LIST_FOREACH(l, &s->broker->jobs) {
                const Job *job = container_of(l, Job, jobs);

                s->n_jobs++;
                n_unfinished += !job_is_finished(job);
                check_job(s, job);
                sum_job(&sums[index_of(job_tenant(job))], job);
        }
        LIST_FOREACH(l, &s->broker->sessions) {
                const Session *session = container_of(l, Session, sessions);
                Sum *sum = &sums[index_of(session->tenant)];

                sum->n_refs++;
                sum->used[QUOTA_SESSIONS]++;
        }
        LIST_FOREACH(l, &s->broker->server->connections) {
                const Connection *c = container_of(l, Connection, link);
                Sum *sum = &sums[index_of(c->tenant)];

                sum->n_refs++;
                sum->used[QUOTA_CONNECTIONS]++;
                sum->used[QUOTA_BUFFERED_BYTES] += c->buffered_bytes;
        }
        /* Each number is a job, and each job ends once. */
        assert_int_equal(n_unfinished + s->n_ends, s->broker->last_number);
}

/* Nothing grows above its maximum, which a reload may have lowered. */
static void check_maxima(uint64_t used[static _QUOTA_MAX],
                         const uint64_t now[static _QUOTA_MAX],
                         const uint64_t maximum[static _QUOTA_MAX]) {
        static const Quota quotas[] = { QUOTA_RUNNING, QUOTA_MEMORY, QUOTA_QUEUED,
                                        QUOTA_CONNECTIONS, QUOTA_SESSIONS };

        FOREACH_ARRAY(q, quotas, ELEMENTSOF(quotas)) {
                /* One more waits: what came to a free place, and another one took that. */
                uint64_t spare = *q == QUOTA_QUEUED;

                if (now[*q] > used[*q] && maximum[*q] < UINT64_MAX)
                        assert_true(now[*q] <= maximum[*q] + spare);
        }
        memcpy(used, now, _QUOTA_MAX * sizeof(*used));
}

bool sim_waits_for_sessions(const QueueItem *item) {
        const Tenant *tenant = item->tenant;
        const Tenants *t = tenant->tenants;
        uint64_t own = tenant->policy->maximum[QUOTA_MEMORY], kept = t->session_bytes;

        if (own == UINT64_MAX && tenant->session_bytes > 0)
                kept += t->reserve[QUOTA_MEMORY];
        return (own < UINT64_MAX && tenant->session_bytes + item->memory_bytes > own) ||
               kept + item->memory_bytes > t->maximum[QUOTA_MEMORY];
}

/* Of those that do not wait for what sessions hold. Each could start once nothing else runs. */
static const QueueItem *first_of(const Tenant *tenant) {
        static QueueItem *items[WAITING_MAX];
        size_t n = queue_first(tenant, WAITING_MAX, items);
        uint64_t maximum =
                MIN(tenant->policy->maximum[QUOTA_MEMORY], tenant->tenants->maximum[QUOTA_MEMORY]);

        assert_true(n < WAITING_MAX);
        FOREACH_ARRAY(item, items, n)
                assert_true((*item)->memory_bytes <= maximum);
        FOREACH_ARRAY(item, items, n)
                if (!sim_waits_for_sessions(*item))
                        return *item;
        return NULL;
}

/* Nobody waits who could start: of those whose tenant may, one at least waits for the node. And whose only job
 * it is waits for nobody who runs something. */
static void check_work(const Simulation *s) {
        size_t n_may = 0, n_wait = 0, n_first = 0, n_only = 0;

        LIST_FOREACH(l, &s->broker->tenants.all) {
                const Tenant *tenant = container_of(l, Tenant, link);
                const QueueItem *item = first_of(tenant);
                const uint64_t *maximum = tenant->policy->maximum;
                bool waits;

                if (!item || tenant_is_stuck(tenant) ||
                    tenant->used[QUOTA_RUNNING] >= maximum[QUOTA_RUNNING] ||
                    tenant->used[QUOTA_MEMORY] + item->memory_bytes > maximum[QUOTA_MEMORY])
                        continue;
                waits = tenant_fits(tenant, QUOTA_RUNNING, 1) != 0 ||
                        tenant_fits(tenant, QUOTA_MEMORY, item->memory_bytes) != 0;
                n_may++;
                n_wait += waits;
                n_first += waits && tenant->used[QUOTA_RUNNING] == 0;
                n_only += !waits && tenant->used[QUOTA_RUNNING] == 0 &&
                          tenant->used[QUOTA_QUEUED] == 1;
        }
        assert_true(n_may == 0 || n_wait > 0);
        assert_true(n_only == 0 || n_first > 0);
}

/* One call for all of them: a number that is no descriptor says so. */
static size_t count_descriptors(void) {
        static struct pollfd fds[FDS_MAX];
        size_t n = 0;

        for (int i = 0; i < FDS_MAX; i++)
                fds[i] = (struct pollfd){ .fd = i };
        assert_true(poll(fds, FDS_MAX, 0) >= 0);
        FOREACH_ARRAY(p, fds, FDS_MAX)
                n += !(p->revents & POLLNVAL);
        return n;
}

static void check_descriptors(const Simulation *s) {
        size_t n_most = (size_t) s->n_open_before + 8;

        FOREACH_ARRAY(c, s->clients, SIM_CLIENTS)
                n_most += c->fd >= 0 ? 2 : 0;
        FOREACH_ARRAY(b, s->boxes, SIM_BOXES)
                n_most += b->box > 0 ? FDS_PER_BOX : 0;
        FOREACH_ARRAY(file, s->files, SIM_BOXES)
                n_most += *file > 0 ? FDS_PER_BOX : 0;
        assert_true(count_descriptors() <= n_most);
}

void sim_check(Simulation *s) {
        const Tenants *tenants = &s->broker->tenants;
        Sum sums[SIM_TENANTS] = {};
        uint64_t all[_QUOTA_MAX] = {}, session_bytes = 0;

        sum_all(s, sums);
        LIST_FOREACH(l, &tenants->all) {
                const Tenant *tenant = container_of(l, Tenant, link);
                size_t i = index_of(tenant);

                assert_memory_equal(tenant->used, sums[i].used, sizeof(sums[i].used));
                assert_int_equal(tenant->session_bytes, sums[i].session_bytes);
                assert_int_equal(tenant->watched_bytes, sums[i].watched_bytes);
                session_bytes += sums[i].session_bytes;
                assert_int_equal(tenant->n_refs, sums[i].n_refs);
                check_maxima(s->used[i], tenant->used, tenant->policy->maximum);
                for (Quota q = 0; q < _QUOTA_MAX; q++)
                        all[q] += tenant->used[q];
        }
        assert_memory_equal(tenants->used, all, sizeof(all));
        assert_int_equal(tenants->session_bytes, session_bytes);
        check_maxima(s->used_all, all, tenants->maximum);
        if (s->is_ending)
                return;
        check_work(s);
        check_descriptors(s);
}

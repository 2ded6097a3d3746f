/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A million random events for the real jobs, tenants and queue, under a clock and a builder that are
 * made up. After each event: what is charged is the sum over the jobs that live, no job has two ends,
 * and nobody is above a maximum. PYSB_SIMULATION_SEED repeats a run. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "basic/cleanup.h"
#include "basic/clock.h"
#include "basic/macro.h"
#include "basic/parse.h"
#include "broker/job.h"
#include "broker/queue.h"

#define EVENTS 1000000
#define N_TENANTS 6
#define N_JOBS 192 /* at once */
#define SLOTS 8

typedef struct Simulation {
        uint64_t random, now;
        Tenants tenants;
        TenantPolicy policies[N_TENANTS];
        Tenant *connected[N_TENANTS]; /* NULL: gone for now */
        Job *jobs[N_JOBS];
        uint64_t n_accepted, n_refused, n_finished, n_number;
} Simulation;

static uint64_t seed;

/* xorshift64*: the same everywhere. */
static uint64_t pick(Simulation *s, uint64_t below) {
        s->random ^= s->random >> 12;
        s->random ^= s->random << 25;
        s->random ^= s->random >> 27;
        return (s->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

static Instant now(const Simulation *s) {
        return (Instant){ .monotonic_usec = s->now, .realtime_usec = s->now };
}

static int count_open(void) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        return n;
}

static void make_policy(Simulation *s, TenantPolicy *p) {
        *p = (TenantPolicy){ .weight = 1 + pick(s, 400) };
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                p->maximum[q] = UINT64_MAX;
        p->maximum[QUOTA_RUNNING] = 1 + pick(s, SLOTS);
        p->maximum[QUOTA_QUEUED] = pick(s, 40);
        p->maximum[QUOTA_MEMORY] = (1 + pick(s, 12)) * 64 * MIB;
        p->submits_per_second = pick(s, 3) == 0 ? 1 + pick(s, 1000) : 0;
        p->submit_burst = 1 + pick(s, 20);
}

static Tenant *connect_tenant(Simulation *s, size_t i) {
        char name[32];

        if (s->connected[i])
                return s->connected[i];
        (void) snprintf(name, sizeof(name), "uid:%zu", i);
        s->connected[i] = tenants_get(&s->tenants, name, &s->policies[i]);
        assert_non_null(s->connected[i]);
        return s->connected[i];
}

static void start_some(Simulation *s) {
        QueueItem *item;

        while ((item = queue_take(&s->tenants))) {
                Job *job = container_of(item, Job, queue);

                assert_int_equal(job->state, JOB_QUEUED);
                job_set_starting(job, now(s));
                job->box = ++s->n_number;
        }
}

static void finish(Simulation *s, Job *job, Outcome outcome) {
        const Verdict verdict = { .outcome = outcome };

        assert_false(job_is_finished(job)); /* the one end */
        job_finish(job, &verdict, NULL, now(s));
        s->n_finished++;
}

static void submit(Simulation *s, size_t i, size_t place) {
        uint8_t bytes[16] = { 1 };
        Tenant *tenant = connect_tenant(s, i);
        JobSpec *spec = calloc(1, sizeof(*spec));
        unsigned priority = (unsigned) pick(s, PRIORITIES);
        Refusal refusal;
        QueueItem item;

        assert_non_null(spec);
        spec->limits.value[LIMIT_MEMORY] = (1 + pick(s, 10)) * 64 * MIB;
        spec->priority = priority;
        spec->retain_usec = pick(s, 1000);
        spec->has_queue_timeout = true;
        spec->queue_timeout_usec = 1 + pick(s, 3000);
        queue_item_init(&item, tenant, priority, spec->limits.value[LIMIT_MEMORY]);
        if (!queue_admit(&item, job_spec_bytes(spec), s->now, &refusal)) {
                assert_true(refusal.scope == CHARGE_OVER_TENANT ||
                            refusal.scope == CHARGE_OVER_NODE);
                assert_true((refusal.retry_usec == 0) == (refusal.quota == QUOTA_MEMORY));
                job_spec_free(spec);
                s->n_refused++;
                return;
        }
        assert_int_equal(job_new(spec, tenant, 1, bytes, now(s), &s->jobs[place]), 0);
        s->n_accepted++;
        job_join_queue(s->jobs[place]);
        start_some(s);
}

/* What the builder or the client may do to a job, or time. */
static void happen(Simulation *s, size_t place) {
        Job *job = s->jobs[place];

        if (job_is_finished(job)) {
                if (job_is_forgettable(job, s->now))
                        s->jobs[place] = job_free(job);
        } else if (job->state == JOB_QUEUED) {
                if (pick(s, 8) == 0)
                        finish(s, job, OUTCOME_CANCELLED);
                else if (s->now >= job->queue_deadline_usec)
                        finish(s, job, OUTCOME_EXPIRED);
        } else if (job->state == JOB_STARTING && pick(s, 2) == 0)
                assert_int_equal(job_set_started(job, 1, now(s)), 0);
        else if (job->state != JOB_CANCELLING && pick(s, 4) == 0)
                job_set_cancelling(job, "by the client");
        else
                finish(s, job, OUTCOME_SUCCESS);
        start_some(s);
}

static void step(Simulation *s) {
        size_t place = pick(s, N_JOBS), i = pick(s, N_TENANTS);

        s->now += pick(s, 50);
        if (pick(s, 16) == 0 && s->connected[i])
                s->connected[i] = tenant_unref(s->connected[i]);
        if (s->jobs[place])
                happen(s, place);
        else
                submit(s, i, place);
}

typedef struct Sum {
        uint64_t used[_QUOTA_MAX];
} Sum;

static void sum_add(Sum *sum, const Job *job) {
        if (job_is_finished(job)) {
                sum->used[QUOTA_RETAINED]++;
                sum->used[QUOTA_RETAINED_BYTES] += job->retained_bytes;
        } else if (job->state == JOB_QUEUED) {
                sum->used[QUOTA_QUEUED]++;
                sum->used[QUOTA_QUEUED_BYTES] += job_spec_bytes(job->spec);
        } else {
                sum->used[QUOTA_RUNNING]++;
                sum->used[QUOTA_MEMORY] += job->spec->limits.value[LIMIT_MEMORY];
        }
}

static void check_one(const Tenant *tenant, const Sum *sum) {
        const uint64_t *maximum = tenant->policy->maximum;

        assert_memory_equal(tenant->used, sum->used, sizeof(sum->used));
        assert_true(tenant->used[QUOTA_RUNNING] <= maximum[QUOTA_RUNNING]);
        assert_true(tenant->used[QUOTA_MEMORY] <= maximum[QUOTA_MEMORY]);
        /* One more than the maximum: what came to a free place, and another one took that. */
        assert_true(tenant->used[QUOTA_QUEUED] <= maximum[QUOTA_QUEUED] + 1);
}

static void check(const Simulation *s) {
        Sum all = {}, own[N_TENANTS] = {};
        uint64_t n_live = 0;

        for (size_t j = 0; j < N_JOBS; j++) {
                const Job *job = s->jobs[j];

                if (!job)
                        continue;
                sum_add(&all, job);
                sum_add(&own[strtoul(job_tenant(job)->name + 4, NULL, 10)], job);
                n_live += !job_is_finished(job);
        }
        assert_memory_equal(s->tenants.used, all.used, sizeof(all.used));
        assert_int_equal(n_live, s->n_accepted - s->n_finished);
        assert_true(all.used[QUOTA_RUNNING] <= SLOTS);
        assert_true(all.used[QUOTA_MEMORY] <= s->tenants.maximum[QUOTA_MEMORY]);
        LIST_FOREACH(l, &s->tenants.all) {
                const Tenant *tenant = container_of(l, Tenant, link);

                check_one(tenant, &own[strtoul(tenant->name + 4, NULL, 10)]);
        }
}

static void simulation_init(Simulation *s) {
        *s = (Simulation){ .random = seed, .now = USEC_PER_SEC };
        tenants_init(&s->tenants);
        s->tenants.maximum[QUOTA_RUNNING] = SLOTS;
        s->tenants.maximum[QUOTA_QUEUED] = 100;
        s->tenants.maximum[QUOTA_MEMORY] = 20 * 64 * MIB;
        for (size_t i = 0; i < N_TENANTS; i++)
                make_policy(s, &s->policies[i]);
}

static void simulation_end(Simulation *s) {
        for (size_t j = 0; j < N_JOBS; j++)
                job_free(s->jobs[j]);
        for (size_t i = 0; i < N_TENANTS; i++)
                tenant_unref(s->connected[i]);
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                assert_int_equal(s->tenants.used[q], 0);
        tenants_done(&s->tenants);
}

static void test_random_events(void **state) {
        int n_open = count_open();
        Simulation s;

        simulation_init(&s);
        for (size_t i = 0; i < EVENTS; i++) {
                step(&s);
                check(&s);
        }
        print_message("# %" PRIu64 " jobs accepted, %" PRIu64 " refused, %" PRIu64 " finished\n",
                      s.n_accepted, s.n_refused, s.n_finished);
        assert_true(s.n_accepted > EVENTS / 20 && s.n_refused > 1000);
        simulation_end(&s);
        assert_int_equal(count_open(), n_open);
}

/* All tenants always have something waiting: of any 1,000 ends in a row each has its share. */
static void test_shares(void **state) {
        static uint8_t order[20000];
        QueueItem items[N_TENANTS * 20], *running[SLOTS] = {};
        uint64_t weight_sum = 0, n[N_TENANTS] = {};
        Simulation s;

        simulation_init(&s);
        s.tenants.maximum[QUOTA_MEMORY] = UINT64_MAX;
        for (size_t i = 0; i < N_TENANTS; i++) {
                for (Quota q = 0; q < _QUOTA_MAX; q++)
                        s.policies[i].maximum[q] = UINT64_MAX;
                s.policies[i].weight = 50 * (1 + pick(&s, 10));
                weight_sum += s.policies[i].weight;
                connect_tenant(&s, i);
        }
        for (size_t i = 0; i < ELEMENTSOF(items); i++) {
                queue_item_init(&items[i], s.connected[i % N_TENANTS],
                                (unsigned) pick(&s, PRIORITIES), 1);
                queue_add(&items[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                QueueItem **place = &running[pick(&s, SLOTS)];

                for (size_t j = 0; j < SLOTS; j++)
                        if (!running[j])
                                running[j] = queue_take(&s.tenants);
                queue_item_ended(*place);
                order[i] = (uint8_t) strtoul((*place)->tenant->name + 4, NULL, 10);
                queue_add(*place);
                *place = NULL;
        }
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                n[order[i]]++;
                if (i >= 1000)
                        n[order[i - 1000]]--;
                for (size_t t = 0; t < N_TENANTS && i >= 1000; t++) {
                        uint64_t share = 1000 * s.policies[t].weight / weight_sum;
                        uint64_t apart = n[t] > share ? n[t] - share : share - n[t];

                        /* 5 %, and what happens to run at the two edges. */
                        assert_true(apart <= share / 20 + SLOTS);
                }
        }
        for (size_t j = 0; j < SLOTS; j++)
                if (running[j])
                        queue_item_ended(running[j]);
        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                queue_remove(&items[i]);
        simulation_end(&s);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_events),
                cmocka_unit_test(test_shares),
        };
        const char *given = getenv("PYSB_SIMULATION_SEED");

        if (given ? parse_u64(given, &seed) < 0 : getrandom(&seed, sizeof(seed), 0) < 0)
                return EXIT_FAILURE;
        seed = MAX(seed, UINT64_C(1));
        print_message("# PYSB_SIMULATION_SEED=%" PRIu64 "\n", seed);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

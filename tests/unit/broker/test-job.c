/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/job.h"

static unsigned notified;

static void on_notify(JobWatcher *watcher) {
        notified++;
}

static JobWatcher watcher = { .notify = on_notify };

static Instant at(uint64_t second) {
        return (Instant){
                .monotonic_usec = second * USEC_PER_SEC,
                .realtime_usec = (1000000 + second) * USEC_PER_SEC,
        };
}

static const TenantPolicy policy = {
        .weight = WEIGHT_DEFAULT,
        .maximum = { [0 ... _QUOTA_MAX - 1] = UINT64_MAX },
};
static Tenants tenants;

static int setup(void **state) {
        tenants_init(&tenants);
        return 0;
}

/* A job that has ended and is gone has given everything back. */
static int teardown(void **state) {
        tenants_done(&tenants);
        return 0;
}

static void start(Job *job, Instant now) {
        job_join_queue(job);
        assert_ptr_equal(queue_take(&tenants), &job->queue);
        job_set_starting(job, now);
}

static Job *make_job(void) {
        static const uint8_t random[16] = { 0x00, 0xff, 0x10 };
        JobSpec *spec = calloc(1, sizeof(*spec));
        Tenant *tenant = tenants_get(&tenants, "uid:1000", &policy);
        Job *job = NULL;

        assert_non_null(spec);
        spec->limits.value[LIMIT_OUTPUT] = 100;
        spec->has_queue_timeout = true;
        spec->queue_timeout_usec = 5 * USEC_PER_SEC;
        spec->retain_usec = 10 * USEC_PER_SEC;
        assert_int_equal(job_new(spec, tenant, 1, random, at(1), &job), 0);
        tenant_unref(tenant);
        list_init(&watcher.link);
        notified = 0;
        return job;
}

static void test_life(void **state) {
        Job *job = make_job();
        Verdict verdict;
        BoxFacts facts = { .wall_usec = 77 };

        assert_string_equal(job->id, "00ff1000000000000000000000000000");
        assert_int_equal(job->state, JOB_QUEUED);
        assert_int_equal(job->queue_deadline_usec, 6 * USEC_PER_SEC);
        assert_int_equal(job->log.n, 1);
        job_watch(job, &watcher);
        assert_int_equal(job_set_position(job, 3, at(2)), 0);
        assert_int_equal(job_set_position(job, 3, at(2)), 0); /* nothing new */
        assert_int_equal(notified, 1);
        job->box = 9;
        start(job, at(3));
        assert_int_equal(job->queue_usec, 2 * USEC_PER_SEC);
        assert_true(job_has_box(job));
        assert_int_equal(job_set_started(job, 55, at(4)), 0);
        assert_int_equal(job->state, JOB_RUNNING);
        assert_int_equal(job_write_output(job, STREAM_STDOUT, "x\xc3", 2, at(5)), 0);
        outcome_without_box(OUTCOME_SUCCESS, "", &verdict);
        job_finish(job, &verdict, &facts, at(6));
        assert_int_equal(job->state, JOB_FINISHED);
        assert_false(job_has_box(job));
        assert_int_equal(job->facts.wall_usec, 77);
        /* The half character came out in the end: 5 events, the last two being output. */
        assert_int_equal(job->output.streams[STREAM_STDOUT].cut, 2);
        assert_true(notified >= 4);
        /* It stays while somebody watches, and then until its time is over. */
        assert_false(job_is_forgettable(job, 100 * USEC_PER_SEC));
        job_unwatch(job, &watcher);
        assert_false(job_is_forgettable(job, 15 * USEC_PER_SEC));
        assert_true(job_is_forgettable(job, 16 * USEC_PER_SEC));
        job_free(job);
}

/* A job that is cancelled while it starts may still report that it has started. */
static void test_cancel_while_starting(void **state) {
        Job *job = make_job();
        Verdict verdict;

        job->box = 1;
        start(job, at(2));
        job_set_cancelling(job, "reason");
        assert_int_equal(job_set_started(job, 1, at(3)), 0);
        assert_int_equal(job->state, JOB_CANCELLING);
        outcome_without_box(OUTCOME_CANCELLED, "x", &verdict);
        job_finish(job, &verdict, NULL, at(4));
        assert_false(job->has_facts);
        job_free(job);
}

/* A reason that is cut is cut between two characters. */
static void test_long_reason(void **state) {
        char reason[JOB_REASON_MAX + 10];
        Job *job = make_job();

        memset(reason, 'x', sizeof(reason));
        memcpy(reason + JOB_REASON_MAX - 1, "\xc3\xa4", 2);
        reason[sizeof(reason) - 1] = '\0';
        job->box = 1;
        start(job, at(2));
        job_set_cancelling(job, reason);
        assert_int_equal(strlen(job->cancel_reason), JOB_REASON_MAX - 1);
        job_free(job);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cancel_while_starting, setup, teardown),
                cmocka_unit_test_setup_teardown(test_long_reason, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

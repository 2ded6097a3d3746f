/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which spare box a request gets, and how many of them there are to be. The boxes are of this process alone: nobody
 * has cloned them. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/plan-set.h"
#include "builder/spare.h"
#include "launch/self-test.h"
#include "proto/layers.h"

#define DISK (UINT64_C(1) << 20)
#define SLOTS 8

typedef struct Bench {
        Builder builder;
        PlanSet *set;
} Bench;

static void make_set(Bench *b) {
        ProfileStore *store = calloc(1, sizeof(*store));

        store->n_refs = 1;
        store->n_profiles = 2;
        for (size_t i = 0; i < 2; i++) {
                store->profiles[i] = calloc(1, sizeof(Profile));
                store->profiles[i]->name = strdup("p");
                store->profiles[i]->digest = strdup("0000000000000000");
                store->profiles[i]->limits.value[LIMIT_DISK] = DISK;
        }
        assert_int_equal(plan_set_new(&b->builder, store, &b->set), 0);
        profile_store_unref(store);
        plan_set_install(b->set);
}

static int setup(void **state) {
        Bench *b = calloc(1, sizeof(*b));
        Builder *builder = &b->builder;

        assert_true(sd_event_new(&builder->event) >= 0);
        list_init(&builder->sets);
        list_init(&builder->spares);
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                list_init(bucket);
        builder->max_boxes = 2;
        builder->max_spares = 3;
        assert_int_equal(slots_new(SLOTS, &builder->slots), 0);
        make_set(b);
        *state = b;
        return 0;
}

static int teardown(void **state) {
        Bench *b = *state;

        box_free_all(&b->builder);
        assert_int_equal(slots_n_free(b->builder.slots), SLOTS);
        assert_int_equal(b->builder.n_boxes, 0);
        plan_set_free(b->set);
        slots_free(b->builder.slots);
        sd_event_unref(b->builder.event);
        free(b);
        return 0;
}

/* One as it is when its init has walked the plan. */
static Box *add_spare(Bench *b, uint32_t plan, uint64_t since_usec) {
        Box *box = box_add(b->set, 0);

        assert_int_equal(slots_take(b->builder.slots, &box->slot), 0);
        b->builder.n_boxes--;
        list_remove(&box->bucket);
        list_insert_before(&b->builder.spares, &box->bucket);
        box->is_spare = true;
        box->plan = plan;
        box->state = BOX_SETUP;
        box->requested_usec = since_usec;
        return box;
}

static size_t count(const Bench *b) {
        size_t n = 0;

        LIST_FOREACH(l, &b->builder.spares)
                n++;
        return n;
}

static BuilderRequest request_of(uint32_t plan) {
        BuilderRequest request = { .verb = BUILDER_START, .box = 1, .plan = plan };

        request.limits.value[LIMIT_DISK] = DISK;
        return request;
}

static void test_find(void **state) {
        Bench *b = *state;
        BuilderRequest request = request_of(1);
        Box *first, *second;

        (void) add_spare(b, 0, 0);
        assert_null(spare_find(b->set, &request));
        first = add_spare(b, 1, 0);
        second = add_spare(b, 1, 0);
        assert_ptr_equal(spare_find(b->set, &request), first);

        first->state = BOX_WAITING; /* for its clone */
        assert_ptr_equal(spare_find(b->set, &request), second);
        second->end_reason = END_SHUTDOWN;
        assert_null(spare_find(b->set, &request));
        first->state = BOX_SETUP;
        first->setup_error = ENOMEM; /* killed for it, and not yet gone */
        assert_null(spare_find(b->set, &request));
        first->setup_error = 0;
        assert_ptr_equal(spare_find(b->set, &request), first);

        request.limits.value[LIMIT_DISK_FILES] = 1;
        assert_null(spare_find(b->set, &request));
        request = request_of(1);
        request.limits.value[LIMIT_DISK]--;
        assert_null(spare_find(b->set, &request));
        request = request_of(1);
        request.box = SELF_TEST_BOX;
        assert_null(spare_find(b->set, &request));
}

/* One job is no demand; each further one that finds none is one more, up to the maximum. */
static void test_demand(void **state) {
        Bench *b = *state;
        BuilderRequest request = request_of(1), other = request_of(1);
        const Demand *demand = &b->set->demand[1];

        other.limits.value[LIMIT_DISK]++;
        for (size_t i = 0; i < 3; i++)
                spare_count_start(b->set, &other, false); /* would have found none in any case */
        assert_int_equal(demand->n_wanted, 0);
        spare_count_start(b->set, &request, false);
        assert_int_equal(demand->n_wanted, 0);
        for (uint32_t i = 1; i <= b->builder.max_spares; i++) {
                spare_count_start(b->set, &request, false);
                assert_int_equal(demand->n_wanted, i);
                spare_count_start(b->set, &request, true);
                assert_int_equal(demand->n_wanted, i);
        }
        spare_count_start(b->set, &request, false);
        assert_int_equal(demand->n_wanted, b->builder.max_spares);
        assert_int_equal(b->set->demand[0].n_wanted, 0);
}

/* What was never needed between two looks goes, the last one stays. */
static void test_review(void **state) {
        Bench *b = *state;
        Demand *demand = &b->set->demand[1];
        BuilderRequest request = request_of(1);
        Box *last;

        demand->n_wanted = 3;
        demand->is_known = true;
        (void) add_spare(b, 1, 0);
        (void) add_spare(b, 1, 0);
        last = add_spare(b, 1, 0);
        spare_review_all(&b->builder, 1); /* from now on it counts */
        assert_int_equal(count(b), 3);
        assert_int_equal(demand->n_least, 3);

        b->builder.stopping = true;      /* nothing new */
        last->end_reason = END_SHUTDOWN; /* in use */
        spare_count_start(b->set, &request, true);
        last->end_reason = END_BY_ITSELF;
        assert_int_equal(demand->n_least, 2);
        spare_review_all(&b->builder, 2);
        assert_int_equal(count(b), 1);
        assert_int_equal(demand->n_wanted, 1);
        assert_ptr_equal(b->builder.spares.next, &last->bucket);
        for (uint64_t now = 3; now < 6; now++)
                spare_review_all(&b->builder, now);
        assert_int_equal(count(b), 1);
        spare_review_all(&b->builder, SPARE_USEC_MAX);
        assert_int_equal(count(b), 0);
        assert_int_equal(demand->n_wanted, 1);
}

/* Of a set that is forgotten, and of all. */
static void test_end_all(void **state) {
        Bench *b = *state;

        b->set->demand[0].n_wanted = b->set->demand[1].n_wanted = 1;
        (void) add_spare(b, 0, 0);
        (void) add_spare(b, 1, 0);
        spare_end_all(&b->builder, (const PlanSet *) b); /* another one */
        assert_int_equal(count(b), 2);
        spare_end_all(&b->builder, NULL);
        assert_int_equal(count(b), 0);
        assert_int_equal(b->set->demand[0].n_wanted + b->set->demand[1].n_wanted, 0);
}

/* One that ends by itself is not replaced for ever. */
static void test_failed(void **state) {
        Bench *b = *state;

        b->set->demand[1].n_wanted = 2;
        box_fail(add_spare(b, 1, 0), -ECHILD);
        assert_int_equal(count(b), 0);
        assert_int_equal(b->set->demand[1].n_wanted, 0);
}

/* The cgroups of the daemon, when somebody has removed them. */
static void vanish_cgroups(Builder *builder) {
        char path[] = "/tmp/test-spare.XXXXXX";

        assert_non_null(mkdtemp(path));
        builder->cgroups = CGROUP_TREE_NONE;
        builder->cgroups.jobs_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        builder->cgroups.layers = LAYER_BIT(LAYER_CGROUP_MEMORY);
        assert_int_equal(rmdir(path), 0);
}

/* One that cannot be given the limits of the request is none for it. */
static void test_no_limits(void **state) {
        Bench *b = *state;
        BuilderRequest request = request_of(1);
        int fds[BUILDER_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF };
        Box *box = add_spare(b, 1, 0);

        vanish_cgroups(&b->builder);
        box->leaf_fd = fcntl(b->builder.cgroups.jobs_fd, F_DUPFD_CLOEXEC, 0);
        request.cpu_weight = 1;
        box_start(b->set, &request, fds);
        assert_int_equal(count(b), 0);
        assert_null(box_find(&b->builder, request.box)); /* and for a new one there is no cgroup */
        assert_true(b->set->demand[1].is_known);
        cgroup_tree_close(&b->builder.cgroups);
}

/* What cannot be made is not tried again until somebody asks. */
static void test_no_cgroup(void **state) {
        Bench *b = *state;

        vanish_cgroups(&b->builder);
        b->set->demand[1].n_wanted = 2;
        spare_refill(b->set, 1);
        assert_int_equal(count(b), 0);
        assert_int_equal(b->set->demand[1].n_wanted, 0);
        cgroup_tree_close(&b->builder.cgroups);
}

#define BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                BENCH(test_find),      BENCH(test_demand), BENCH(test_review),
                BENCH(test_end_all),   BENCH(test_failed), BENCH(test_no_limits),
                BENCH(test_no_cgroup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/plan-set.h"

/* A set with one profile, whose short digest is this digit, in force. */
static PlanSet *install(Builder *builder, char digit) {
        ProfileStore *store = calloc(1, sizeof(*store));
        PlanSet *set = NULL;

        store->n_refs = 1;
        store->n_profiles = 1;
        store->profiles[0] = calloc(1, sizeof(Profile));
        store->profiles[0]->digest = strdup("000000000000000?");
        store->profiles[0]->digest[15] = digit;
        assert_int_equal(plan_set_new(builder, store, &set), 0);
        profile_store_unref(store); /* it has its own reference */
        plan_set_install(set);
        return set;
}

static size_t count(const Builder *builder) {
        size_t n = 0;

        LIST_FOREACH(i, &builder->sets)
                n++;
        return n;
}

static int setup(void **state) {
        Builder *builder = calloc(1, sizeof(*builder));

        list_init(&builder->sets);
        list_init(&builder->spares);
        *state = builder;
        return 0;
}

static int teardown(void **state) {
        Builder *builder = *state;

        LIST_FOREACH(i, &builder->sets)
                plan_set_free(container_of(i, PlanSet, sets));
        free(builder);
        return 0;
}

/* A plan is named by index and digest, and found in the newest set that has it. */
static void test_find(void **state) {
        Builder *builder = *state;
        PlanSet *first = install(builder, '1'), *second = install(builder, '2'),
                *third = install(builder, '1');

        assert_int_equal(first->generation, 0);
        assert_int_equal(second->generation, 1);
        assert_ptr_equal(builder->plans, third);
        assert_ptr_equal(plan_set_find(builder, 0, 1), third);
        assert_ptr_equal(plan_set_find(builder, 0, 2), second);
        assert_null(plan_set_find(builder, 0, 3));
        assert_null(plan_set_find(builder, 1, 1));
        assert_null(plan_set_find(builder, UINT32_MAX, 1));
}

/* What nobody waits for goes, but never what is in force, nor what the broker still needs. */
static void test_forget(void **state) {
        Builder *builder = *state;
        PlanSet *second;

        install(builder, '1');
        second = install(builder, '2');
        install(builder, '3');
        plan_set_forget(builder, 0);
        assert_int_equal(count(builder), 3);
        plan_set_forget(builder, 1);
        assert_int_equal(count(builder), 2);
        assert_null(plan_set_find(builder, 0, 1));
        assert_ptr_equal(plan_set_find(builder, 0, 2), second);
        plan_set_forget(builder, UINT32_MAX);
        assert_int_equal(count(builder), 1);
        assert_ptr_equal(plan_set_find(builder, 0, 3), builder->plans);
}

/* A forgotten set lives as long as its last box. */
static void test_boxes(void **state) {
        Builder *builder = *state;
        PlanSet *first = install(builder, '1');

        install(builder, '2');
        first->n_boxes = 2;
        plan_set_forget(builder, 1);
        assert_int_equal(count(builder), 2);
        first->n_boxes = 1;
        plan_set_check(first);
        assert_int_equal(count(builder), 2);
        first->n_boxes = 0;
        plan_set_check(first);
        assert_int_equal(count(builder), 1);
}

/* The end of a box is no reason to forget what is not forgotten. */
static void test_check(void **state) {
        Builder *builder = *state;
        PlanSet *first = install(builder, '1');

        install(builder, '2');
        plan_set_check(first);
        plan_set_check(builder->plans);
        assert_int_equal(count(builder), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_find, setup, teardown),
                cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
                cmocka_unit_test_setup_teardown(test_boxes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

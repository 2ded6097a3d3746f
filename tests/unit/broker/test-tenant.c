/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/clock.h"
#include "basic/macro.h"
#include "broker/queue.h"

static TenantPolicy unlimited(void) {
        TenantPolicy p = { .weight = WEIGHT_DEFAULT };

        for (Quota q = 0; q < _QUOTA_MAX; q++)
                p.maximum[q] = UINT64_MAX;
        return p;
}

static size_t count(const Tenants *t) {
        size_t n = 0;

        LIST_FOREACH(l, &t->all)
                n++;
        return n;
}

/* A gateway names as many as it likes: none of them stays who owes nothing. */
static void test_forgotten(void **state) {
        TenantPolicy p = unlimited();
        uint64_t retry, now = 100 * USEC_PER_SEC;
        Tenants t;

        p.submits_per_second = 1;
        p.submit_burst = 2;
        tenants_init(&t);
        for (int i = 0; i < 1000; i++) {
                char name[8] = { (char) ('a' + i % 26), (char) ('a' + i / 26), '\0' };
                Tenant *tenant = tenants_get(&t, name, &p);

                assert_true(tenant_take_token(tenant, now, &retry));
                assert_true(tenant_take_token(tenant, now, &retry));
                assert_false(tenant_take_token(tenant, now, &retry));
                assert_int_equal(retry, USEC_PER_SEC);
                tenant_unref(tenant);
                /* Coming back under the same name buys nothing. */
                tenant = tenants_get(&t, name, &p);
                assert_false(tenant_take_token(tenant, now, &retry));
                tenant_unref(tenant);
                assert_true(count(&t) <= 2);
                now += 2 * USEC_PER_SEC;
        }
        tenants_done(&t);
}

/* A large job waits for others' jobs, and nobody overtakes it; for what sessions hold it waits alone. */
static void test_sessions_hold_memory(void **state) {
        TenantPolicy p = unlimited();
        QueueItem session, running, large, small;
        Tenant *a, *b, *c;
        Tenants t;

        tenants_init(&t);
        t.maximum[QUOTA_MEMORY] = 100;
        a = tenants_get(&t, "a", &p);
        b = tenants_get(&t, "b", &p);
        c = tenants_get(&t, "c", &p);
        queue_item_init(&running, c, 0, 10, false);
        queue_item_init(&session, a, 0, 10, true);
        queue_item_init(&large, a, 0, 100, false);
        queue_item_init(&small, b, 0, 10, false);
        queue_add(&running);
        assert_ptr_equal(queue_take(&t), &running);
        queue_add(&large);
        queue_add(&small);
        b->pass = a->pass + 1;
        assert_null(queue_take(&t));
        queue_add(&session); /* behind the large one, of the same tenant */
        queue_remove(&large);
        assert_ptr_equal(queue_take(&t), &session);
        queue_add(&large);
        b->pass = a->pass + 1;
        assert_ptr_equal(queue_take(&t), &small);
        queue_item_ended(&small);
        queue_item_ended(&session);
        queue_add(&small);
        b->pass = a->pass + 1;
        assert_null(queue_take(&t));
        queue_item_ended(&running);
        assert_ptr_equal(queue_take(&t), &large);
        queue_item_ended(&large);
        assert_ptr_equal(queue_take(&t), &small);
        queue_item_ended(&small);
        assert_true(t.session_bytes == 0);
        tenant_unref(a);
        tenant_unref(b);
        tenant_unref(c);
        tenants_done(&t);
}

/* What waits for sessions of its own tenant keeps none of that tenant's other jobs waiting, and is first once
 * they are closed. */
static void test_behind_sessions(void **state) {
        TenantPolicy p = unlimited();
        QueueItem session, large, small[2];
        Tenant *a;
        Tenants t;

        p.maximum[QUOTA_MEMORY] = 50;
        tenants_init(&t);
        a = tenants_get(&t, "a", &p);
        queue_item_init(&session, a, 0, 10, true);
        queue_item_init(&large, a, 9, 50, false);
        queue_add(&session);
        assert_ptr_equal(queue_take(&t), &session);
        queue_add(&large);
        FOREACH_ARRAY(item, small, ELEMENTSOF(small)) {
                queue_item_init(item, a, 0, 30, false);
                queue_add(item);
        }
        assert_ptr_equal(queue_take(&t), &small[0]);
        assert_null(queue_take(&t));
        queue_item_ended(&session);
        assert_null(queue_take(&t)); /* now it waits for what ends */
        queue_item_ended(&small[0]);
        assert_ptr_equal(queue_take(&t), &large);
        queue_item_ended(&large);
        assert_ptr_equal(queue_take(&t), &small[1]);
        queue_item_ended(&small[1]);
        tenant_unref(a);
        tenants_done(&t);
}

#define PLACES 8

/* A node of eight places and 80 bytes, two of them and 20 in reserve. */
static void reserve_setup(Tenants *t) {
        tenants_init(t);
        t->maximum[QUOTA_RUNNING] = PLACES;
        t->reserve[QUOTA_RUNNING] = PLACES / 4;
        t->maximum[QUOTA_MEMORY] = 10 * PLACES;
        t->reserve[QUOTA_MEMORY] = 10 * PLACES / 4;
}

static void wait_for_place(QueueItem *item, Tenant *tenant, uint64_t bytes) {
        queue_item_init(item, tenant, 0, bytes, false);
        queue_add(item);
}

static void end_all(QueueItem items[], size_t n) {
        FOREACH_ARRAY(item, items, n)
                queue_item_ended(item);
}

/* However much one tenant runs and has in line, the only job of another one starts, again and again. */
static void test_reserve(void **state) {
        TenantPolicy p = unlimited();
        QueueItem many[PLACES], only;
        Tenants t;
        Tenant *a, *b;

        reserve_setup(&t);
        a = tenants_get(&t, "a", &p);
        b = tenants_get(&t, "b", &p);
        FOREACH_ARRAY(item, many, PLACES)
                wait_for_place(item, a, 1);
        for (size_t i = 0; i < PLACES - 2; i++)
                assert_ptr_equal(queue_take(&t), &many[i]);
        assert_null(queue_take(&t));
        for (size_t i = 0; i < 100; i++) {
                wait_for_place(&only, b, 20);
                assert_ptr_equal(queue_take(&t), &only);
                assert_null(queue_take(&t));
                queue_item_ended(&only);
        }
        queue_item_ended(&many[0]);
        assert_ptr_equal(queue_take(&t), &many[PLACES - 2]);
        queue_item_ended(&many[1]);
        assert_ptr_equal(queue_take(&t), &many[PLACES - 1]);
        end_all(many + 2, PLACES - 2);
        tenant_unref(a);
        tenant_unref(b);
        tenants_done(&t);
}

/* The same with memory: what one has above three quarters waits, beside it starts what another one has. */
static void test_reserve_of_memory(void **state) {
        TenantPolicy p = unlimited();
        QueueItem large[2], only, second;
        Tenants t;
        Tenant *a, *b;

        reserve_setup(&t);
        a = tenants_get(&t, "a", &p);
        b = tenants_get(&t, "b", &p);
        wait_for_place(&large[0], a, 60);
        wait_for_place(&large[1], a, 20);
        assert_ptr_equal(queue_take(&t), &large[0]);
        assert_null(queue_take(&t));
        wait_for_place(&only, b, 20);
        assert_ptr_equal(queue_take(&t), &only);
        wait_for_place(&second, b, 1);
        assert_null(queue_take(&t));
        queue_item_ended(&large[0]); /* a has nothing: the reserve is his, too */
        assert_ptr_equal(queue_take(&t), &large[1]);
        assert_ptr_equal(queue_take(&t), &second);
        queue_item_ended(&large[1]);
        queue_item_ended(&only);
        queue_item_ended(&second);
        tenant_unref(a);
        tenant_unref(b);
        tenants_done(&t);
}

/* Who has a line of jobs keeps to the order; who has a maximum of its own has what that says. */
static void test_reserve_and_order(void **state) {
        TenantPolicy p = unlimited(), own = unlimited();
        QueueItem many[PLACES], line[2], his[PLACES];
        Tenants t;
        Tenant *a, *b, *c;

        own.maximum[QUOTA_RUNNING] = PLACES;
        reserve_setup(&t);
        a = tenants_get(&t, "a", &p);
        b = tenants_get(&t, "b", &p);
        c = tenants_get(&t, "c", &own);
        FOREACH_ARRAY(item, many, PLACES)
                wait_for_place(item, a, 1);
        for (size_t i = 0; i < PLACES - 2; i++)
                assert_ptr_equal(queue_take(&t), &many[i]);
        wait_for_place(&line[0], b, 1);
        wait_for_place(&line[1], b, 1);
        b->pass = a->pass + 1;
        assert_null(queue_take(&t));
        b->pass = a->pass - 1; /* it is due, and runs nothing */
        assert_ptr_equal(queue_take(&t), &line[0]);
        end_all(many, PLACES - 2);
        queue_item_ended(&line[0]);
        while (queue_take(&t))
                ;
        end_all(many + PLACES - 2, 2);
        queue_item_ended(&line[1]);
        FOREACH_ARRAY(item, his, PLACES) {
                wait_for_place(item, c, 1);
                assert_ptr_equal(queue_take(&t), item);
        }
        end_all(his, PLACES);
        tenant_unref(a);
        tenant_unref(b);
        tenant_unref(c);
        tenants_done(&t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forgotten),
                cmocka_unit_test(test_sessions_hold_memory),
                cmocka_unit_test(test_behind_sessions),
                cmocka_unit_test(test_reserve),
                cmocka_unit_test(test_reserve_of_memory),
                cmocka_unit_test(test_reserve_and_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

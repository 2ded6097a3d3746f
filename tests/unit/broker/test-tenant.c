/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/clock.h"
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
        Tenant *a, *b;
        Tenants t;

        tenants_init(&t);
        t.maximum[QUOTA_MEMORY] = 100;
        a = tenants_get(&t, "a", &p);
        b = tenants_get(&t, "b", &p);
        queue_item_init(&running, a, 0, 10, false);
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
        tenants_done(&t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forgotten),
                cmocka_unit_test(test_sessions_hold_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

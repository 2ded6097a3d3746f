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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

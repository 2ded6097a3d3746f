/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "broker/reload.h"
#include "broker/tenant.h"

/* Where a sentence says that the mistake is. */
static void test_problem(void **state) {
        static const struct {
                const char *text, *file; /* NULL is none */
                uint64_t line;
        } cases[] = {
                { "a.toml:3: limits.memory: no size", "a.toml", 3 },
                { "/etc/pysb/profiles/a.toml:3: x", "/etc/pysb/profiles/a.toml", 3 },
                { "/etc/pysb/tenants.toml: it cannot be read", "/etc/pysb/tenants.toml", 0 },
                { "a.toml:12", "a.toml", 0 },
                { "a.toml:12x: y", "a.toml", 0 },
                { "a.toml:12:y", "a.toml", 0 },
                { "a.toml:99999999999999999999999999: y", "a.toml", 0 },
                { "a.toml:", "a.toml", 0 },
                { "there are mistakes in a.toml:3: x", NULL, 0 },
                { "Permission denied", NULL, 0 },
                { "a.tomlx:3: y", NULL, 0 },
                { "", NULL, 0 },
        };

        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                size_t size = c->file ? strlen(c->file) : 0;
                ReloadProblem problem;

                reload_problem_parse(c->text, &problem);
                assert_int_equal(problem.file_size, size);
                if (c->file)
                        assert_memory_equal(problem.file, c->file, size);
                assert_int_equal(problem.line, c->line);
        }
}

static const TenantPolicy policy = {
        .weight = 100,
        .maximum = { 2, 2, 2, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                     UINT64_MAX, UINT64_MAX },
};
static const TenantPolicy reloaded = {
        .weight = 7,
        .maximum = { 3, 3, 3, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                     UINT64_MAX, UINT64_MAX },
};

/* SetTenant: a copy, at once in force, which a reload takes back; what is used stays used. */
static void test_changed_policy(void **state) {
        Tenants tenants;
        Tenant *a, *b;

        tenants_init(&tenants);
        a = tenants_get(&tenants, "a", &policy);
        b = tenants_get(&tenants, "b", &policy);
        assert_int_equal(tenant_charge(a, QUOTA_RUNNING, 2), 0);
        tenant_change_policy(a)->maximum[QUOTA_RUNNING] = 1;
        assert_int_equal(tenant_charge(a, QUOTA_RUNNING, 1), CHARGE_OVER_TENANT);
        assert_int_equal(a->used[QUOTA_RUNNING], 2);
        /* The second change keeps the first; others have what they had */
        tenant_change_policy(a)->weight = 50;
        assert_int_equal(a->policy->maximum[QUOTA_RUNNING], 1);
        assert_int_equal(policy.weight, 100);
        assert_int_equal(tenant_charge(b, QUOTA_RUNNING, 2), 0);
        tenant_release(b, QUOTA_RUNNING, 2);
        tenant_set_policy(a, &reloaded);
        assert_int_equal(a->policy->weight, 7);
        assert_int_equal(tenant_charge(a, QUOTA_RUNNING, 1), 0);
        assert_int_equal(tenant_charge(a, QUOTA_RUNNING, 1), CHARGE_OVER_TENANT);
        tenant_release(a, QUOTA_RUNNING, 3);
        tenant_unref(a);
        tenant_unref(b);
        assert_true(list_is_empty(&tenants.all));
        tenants_done(&tenants);
}

/* A tenant that uses nothing is forgotten, but not what an administrator has said of it. */
static void test_forgetting(void **state) {
        Tenants tenants;
        Tenant *a;

        tenants_init(&tenants);
        a = tenants_get(&tenants, "a", &policy);
        assert_ptr_equal(tenants_find(&tenants, "a"), a);
        assert_null(tenants_find(&tenants, "b"));
        tenant_change_policy(a)->weight = 50;
        tenant_unref(a);
        assert_ptr_equal(tenants_find(&tenants, "a"), a);
        assert_ptr_equal(tenants_get(&tenants, "a", &policy), a);
        assert_int_equal(a->policy->weight, 50);
        tenant_set_policy(a, &policy);
        tenant_unref(a);
        assert_null(tenants_find(&tenants, "a"));
        tenants_done(&tenants);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_problem),
                cmocka_unit_test(test_changed_policy),
                cmocka_unit_test(test_forgetting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

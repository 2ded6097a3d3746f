/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "profile/config.h"

static void test_defaults(void **state) {
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        _cleanup_free_ char *error = NULL;

        assert_int_equal(daemon_config_parse("", 0, &c, &error), 0);
        assert_false(c->allow_degraded);
        assert_int_equal(c->ids_first, 1879048192);
        assert_int_equal(c->ids_count, 65536);
        assert_int_equal(c->max_running_jobs, 16);
        assert_int_equal(c->max_queued_jobs, 1024);
        assert_int_equal(c->max_connections, 1024);
        assert_int_equal(c->max_connections_per_user, 128);
        assert_int_equal(c->idle_exit_usec, 600 * USEC_PER_SEC);
        assert_string_equal(c->default_profile, "default");
        assert_int_equal(daemon_config_engines(c, false), ENGINE_BIT(ENGINE_NAMESPACE));
        assert_int_equal(daemon_config_engines(c, true),
                         ENGINE_BIT(ENGINE_NAMESPACE) | ENGINE_BIT(ENGINE_PROCESS));
}

static void test_all_keys(void **state) {
        static const char lines[] = "f:1: daemon.allow_degraded = true\n"
                                    "f:2: daemon.default_profile = \"eval\"\n"
                                    "f:3: daemon.max_running_jobs = 2\n"
                                    "f:4: daemon.max_queued_jobs = 0\n"
                                    "f:5: daemon.max_connections = 3\n"
                                    "f:6: daemon.max_connections_per_user = 1\n"
                                    "f:7: daemon.idle_exit = 0\n"
                                    "f:7: daemon.engines = \"process\"\n"
                                    "f:8: ids.first = 100000\n"
                                    "f:9: ids.count = 1";
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        _cleanup_free_ char *error = NULL;

        if (daemon_config_parse(lines, strlen(lines), &c, &error) < 0)
                fail_msg("%s", error);
        assert_true(c->allow_degraded);
        assert_int_equal(c->engines, ENGINE_BIT(ENGINE_PROCESS));
        assert_string_equal(c->default_profile, "eval");
        assert_int_equal(c->max_running_jobs, 2);
        assert_int_equal(c->max_queued_jobs, 0);
        assert_int_equal(c->max_connections, 3);
        assert_int_equal(c->max_connections_per_user, 1);
        assert_int_equal(c->idle_exit_usec, 0);
        assert_int_equal(c->ids_first, 100000);
        assert_int_equal(c->ids_count, 1);
}

static void test_tenants(void **state) {
        static const char lines[] = "f:1: daemon.max_memory = \"1G\"\n"
                                    "f:2: daemon.gateway_group = 33\n"
                                    "== nobody\n"
                                    "t:0: tenant.weight = 1\n"
                                    "== a\n"
                                    "t:1: tenant.uids = 7\n"
                                    "t:2: tenant.weight = 10000\n"
                                    "t:3: tenant.maximum.memory = \"64M\"\n"
                                    "t:4: tenant.maximum.tool_calls = 0\n"
                                    "t:5: tenant.max_bytes = \"8M\"\n"
                                    "== b\n"
                                    "t:4: tenant.groups = 7\n"
                                    "== default\n"
                                    "t:6: tenant.max_running = 3\n";
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        _cleanup_free_ char *error = NULL;
        const gid_t gids[] = { 6, 7 };
        Limits limits = {};
        TenantPolicy *a;

        if (daemon_config_parse(lines, strlen(lines), &c, &error) < 0)
                fail_msg("%s", error);
        assert_int_equal(c->max_memory, 1 << 30);
        assert_int_equal(c->gateway_gid, 33);
        assert_string_equal(tenant_table_find(&c->tenants, 7, gids, 2)->name, "a");
        a = &tenant_table_find(&c->tenants, 7, NULL, 0)->policy;
        assert_int_equal(a->weight, 10000);
        assert_int_equal(a->ceiling.value[LIMIT_MEMORY], 64 << 20);
        assert_int_equal(a->ceiling.value[LIMIT_TOOL_CALLS], 0);
        assert_true(a->ceiling.value[LIMIT_DISK] == UINT64_MAX);
        limits.value[LIMIT_MEMORY] = 65 << 20;
        limits.value[LIMIT_DISK] = 3;
        limits = tenant_policy_clamp(a, &limits);
        assert_int_equal(limits.value[LIMIT_MEMORY], 64 << 20);
        assert_int_equal(limits.value[LIMIT_DISK], 3);
        assert_int_equal(a->max_bytes, 8 << 20);
        assert_string_equal(tenant_table_find(&c->tenants, 8, gids, 2)->name, "b");
        assert_null(tenant_table_find(&c->tenants, 8, gids, 1));
        assert_int_equal(tenant_table_default(&c->tenants)->policy.maximum[QUOTA_RUNNING], 3);
}

static void test_bad(void **state) {
        static const struct {
                const char *lines, *error;
        } rows[] = {
                { "f:1: daemon.allow_degrade = true", "f:1: daemon.allow_degrade: there is no" },
                { "== a\nt:1: tenant.uids = 1\nt:2: tenant.weigth = 1",
                  "t:2: tenant.weigth: there is no" },
                { "== a\nt:1: tenant.uids = 1\nt:2: tenant.weight = 0",
                  "t:2: tenant.weight: 0 is out" },
                { "== a\nt:1: tenant.uids = 1\nt:2: tenant.cpu_weight = 10001",
                  "t:2: tenant.cpu_weight: 10001 is out of range, it must be 1 to 10000" },
                { "== a\nt:1: tenant.uids = 1\nt:2: tenant.max_bytes = 1",
                  "t:2: tenant.max_bytes: 1 is out of range, it must be 8388608 to 268435456" },
                { "== a\nt:1: tenant.uids = 1\nt:2: tenant.maximum.memroy = 1",
                  "t:2: tenant.maximum.memroy: there is no such limit; there are" },
                { "== a\nt:1: tenant.uids = 1\nt:2: tenant.maximum.wall_time = \"1x\"",
                  "t:2: tenant.maximum.wall_time: '1x' is no time" },
                { "== a\nt:1: tenant.uids = 1\n== b\nt:3: tenant.uids = 1",
                  "t:3: tenant.uids: uid 1 is in [a] and in [b]" },
                { "== a\nt:1: tenant.weight = 1", "t:1: [a] has neither uids nor groups" },
                { "== a234567890123456789012345678901234567890123456789012345678901234\n"
                  "t:1: tenant.uids = 1",
                  "t:1: [a234" },
                { "f:1: daemon.gateway_group = \"web\"", "must be an integer" },
                { "f:1: daemon.gateway_group = 4294967295", "f:1: daemon.gateway_group: is no id" },
                { "== default\nt:1: tenant.uids = 1", "t:1: [default] is of all others" },
                { "f:1: allow_degraded = true", "there is no such key" },
                { "f:1: daemon.allow_degraded = \"yes\"", "must be true or false" },
                { "f:1: ids.first = 1\n",
                  "f:1: ids.first: 1 is out of range, it must be 65536 to" },
                { "f:1: ids.first = -1\n", "must be an integer" },
                { "f:1: ids.first = 0\n", "out of range" },
                { "f:1: ids.first = 99999999999999999999\n",
                  "f:1: ids.first: 18446744073709551615 is out of range, it must be 65536 to" },
                { "f:1: ids.first = 4294967295\n", "out of range" },
                { "f:1: ids.first = 4294967000\n", "must end below" },
                { "f:1: ids.count = 0\n", "out of range" },
                { "f:1: ids.count = 65537\n", "out of range" },
                { "f:1: daemon.max_running_jobs = 0\n", "out of range" },
                { "f:1: daemon.max_connections = 0\n", "out of range" },
                { "f:1: daemon.idle_exit = \"ever\"\n", "is no time" },
                { "f:1: ids.count = 2\nf:2: ids.count = 2\n", "was already set at f:1" },
                { "f:1: daemon.default_profile = \"\"\n", "not empty" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                _cleanup_free_ char *error = NULL;
                DaemonConfig *c = NULL;

                if (daemon_config_parse(row->lines, strlen(row->lines), &c, &error) != -EINVAL)
                        fail_msg("accepted: %s", row->lines);
                assert_null(c);
                if (!strstr(error, row->error))
                        fail_msg("'%s' is not in '%s'", row->error, error);
        }
        assert_null(daemon_config_free(NULL));
}

/* What boxes have, and what was allocated for them, stays until a restart; each other value is the file's. */
static void test_change(void **state) {
        static const char start[] = "f:1: daemon.max_running_jobs = 8\nf:2: ids.count = 100\n"
                                    "f:3: ids.first = 100000\n";
        static const struct {
                const char *lines, *error; /* NULL is none */
        } rows[] = {
                { start, NULL },
                { "f:1: ids.first = 100000\nf:2: ids.count = 100\nf:3: daemon.max_running_jobs = 7\n"
                  "f:4: daemon.max_queued_jobs = 1\n",
                  NULL },
                { "f:1: ids.first = 100000\nf:2: ids.count = 100\nf:3: daemon.max_running_jobs = 9\n",
                  "f:3: daemon.max_running_jobs: 9, which was 8 at the start, rises only with a restart" },
                { "f:1: ids.first = 100000\nf:2: ids.count = 100\n",
                  "pysbd.toml: daemon.max_running_jobs: 16, which was 8 at the start, rises only with a "
                  "restart" },
                { "f:1: ids.first = 100001\nf:2: ids.count = 100\n",
                  "f:1: ids.first: 100001, which was 100000 at the start, changes only with a restart" },
                { "f:1: ids.first = 100000\nf:2: ids.count = 100\nf:3: daemon.max_running_jobs = 7\n"
                  "f:4: daemon.engines = \"namespace\"\nf:5: daemon.engines = \"process\"\n",
                  "f:4: daemon.engines: 3, which was 1 at the start, changes only with a restart" },
                { "f:1: ids.first = 100000\nf:2: ids.count = 99\n",
                  "f:2: ids.count: 99, which was 100 at the start, changes only with a restart" },
        };
        _cleanup_(daemon_config_freep) DaemonConfig *old = NULL;
        char *error;

        assert_int_equal(daemon_config_parse(start, strlen(start), &old, &error), 0);
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                _cleanup_(daemon_config_freep) DaemonConfig *new = NULL;
                _cleanup_free_ char *said = NULL;
                int r;

                assert_int_equal(daemon_config_parse(row->lines, strlen(row->lines), &new, &error),
                                 0);
                r = daemon_config_check_change(old, new, &said);
                assert_int_equal(r, row->error ? -EINVAL : 0);
                if (row->error)
                        assert_string_equal(said, row->error);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_keys),
                cmocka_unit_test(test_tenants),  cmocka_unit_test(test_bad),
                cmocka_unit_test(test_change),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

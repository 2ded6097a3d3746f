/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a profile's keys do to its plan, and the tables of system calls themselves. */

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "config.h"
#include "plan/filter.h"
#include "plans.h"
#include "proto/syscall-names.h"

static const PlanStep *find(const PlanImage *plan, PlanOp op, const char *target) {
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                if (step->op == op &&
                    (!target || strcmp(plan_string(plan, step->target), target) == 0))
                        return step;
        return NULL;
}

static PlanImage *compile(const Profile *profile) {
        PlanImage *plan;

        assert_int_equal(plan_compile(profile, &plan), 0);
        return plan;
}

static void test_header(void **state) {
        _cleanup_(profile_freep) Profile *profile = profile_load("default");
        _cleanup_free_ PlanImage *plan = compile(profile);
        const PlanStep *namespaces;

        assert_true(plan->digest == profile_digest_short(profile));
        assert_string_equal(plan_string(plan, plan->name), "default");
        assert_string_equal(plan_string(plan, plan->deny_modules), "ctypes\n_ctypes");
        assert_non_null(strstr(plan_string(plan, plan->environment), "HOME=/app\nLANG="));
        assert_int_equal(plan->flags, PLAN_FLAG_THREADS | PLAN_FLAG_POLICY);
        namespaces = find(plan, OP_NAMESPACES, NULL);
        if (!namespaces)
                fail();
        else
                assert_true(namespaces->arg ==
                            ((uint64_t) CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                             CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
        /* Where nothing is said, nothing of the host is seen. */
        assert_null(find(plan, OP_BIND_READ_ONLY, "usr"));
        assert_null(find(plan, OP_BIND_READ_ONLY, "usr/bin"));
        assert_null(find(plan, OP_BIND_READ_ONLY, "etc"));
        assert_null(find(plan, OP_LOOPBACK_UP, NULL));
}

static void test_policy_off(void **state) {
        _cleanup_(profile_freep) Profile *profile = profile_load("default");
        _cleanup_free_ PlanImage *plan = NULL;

        profile->policy = false;
        plan = compile(profile);
        assert_string_equal(plan_string(plan, plan->deny_modules), "");
        assert_false(plan->flags & PLAN_FLAG_POLICY);
}

static void test_files_none(void **state) {
        _cleanup_(profile_freep) Profile *profile = profile_load("eval");
        _cleanup_free_ PlanImage *plan = compile(profile);

        assert_int_equal(plan->flags, PLAN_FLAG_NO_FILES | PLAN_FLAG_POLICY | PLAN_FLAG_WHITELIST |
                                              PLAN_FLAG_NO_HOST_ENV);
        assert_non_null(strstr(plan_string(plan, plan->modules), "\njson\n"));
        assert_null(strstr(plan_string(plan, plan->modules), "\nos\n"));
        assert_non_null(strstr(plan_string(plan, plan->internal), "\n_strptime\n"));
        assert_null(strstr(plan_string(plan, plan->internal), "\nsubprocess\n"));
        assert_null(find(plan, OP_BIND_READ_ONLY, NULL));
        assert_null(find(plan, OP_BIND_DEVICE, NULL));
        assert_null(find(plan, OP_MOUNT_TMPFS, NULL));
        assert_null(find(plan, OP_MOUNT_PROC, NULL));
        assert_null(find(plan, OP_WRITE_FILE, NULL));
        assert_non_null(find(plan, OP_MKDIR, "app"));
        assert_non_null(find(plan, OP_CHDIR, "/app"));
}

static uint64_t arg_of(const PlanImage *plan, PlanOp op, const char *target) {
        const PlanStep *step = find(plan, op, target);

        return step ? step->arg : UINT64_MAX;
}

/* Nothing of namespaces, and what is there in their place. */
static void test_process(void **state) {
        _cleanup_(profile_freep) Profile *profile = profile_load("default");
        _cleanup_free_ PlanImage *plan = NULL;

        profile->engine = ENGINE_PROCESS;
        profile->proc = PROFILE_PROC_NONE;
        free(profile->read_only);
        profile->read_only = calloc(2, sizeof(*profile->read_only));
        profile->read_only[0] = strdup("/usr/share/fonts");
        plan = compile(profile);
        assert_true(plan->flags & PLAN_FLAG_NOT_ALONE);
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                assert_false(step->op == OP_NAMESPACES || step->op == OP_ID_MAP ||
                             step->op == OP_PIVOT_ROOT || step->op == OP_MKDIR);
        assert_true(arg_of(plan, OP_ALLOW_READ, "/usr/share/fonts") == PLAN_OPTIONAL);
        assert_true(arg_of(plan, OP_DROP_CAPABILITIES, NULL) == PLAN_KEEP_BOUNDING);
        assert_int_equal(arg_of(plan, OP_LANDLOCK, NULL), 3);
        assert_non_null(find(plan, OP_DIE_WITH_INIT, NULL));
        assert_null(find(plan, OP_CHDIR, NULL));
        /* A step of the other engine. */
        plan->engine = ENGINE_NAMESPACE;
        assert_int_equal(plan_check(plan, NULL), -EINVAL);
}

static void test_keys(void **state) {
        _cleanup_(profile_freep) Profile *profile = profile_load("default");
        PlanImage *plan;

        profile->proc = PROFILE_PROC_NONE;
        plan = compile(profile);
        assert_null(find(plan, OP_MOUNT_PROC, NULL));
        free(plan);

        plan = compile(profile);
        assert_null(find(plan, OP_SPECULATION, NULL));
        free(plan);
        profile->speculation = PROFILE_SPECULATION_STRICT;
        plan = compile(profile);
        assert_non_null(find(plan, OP_SPECULATION, NULL));
        free(plan);

        profile->network = PROFILE_NETWORK_LOOPBACK;
        plan = compile(profile);
        assert_non_null(find(plan, OP_LOOPBACK_UP, NULL));
        assert_non_null(find(plan, OP_WRITE_FILE, "etc/hosts"));
        assert_true(plan->flags & PLAN_FLAG_LOOPBACK);
        assert_null(find(plan, OP_BIND_READ_ONLY, "etc/pysb/wheels/attrs-1"));
        free(plan);

        free(profile->package_paths);
        profile->package_paths = calloc(2, sizeof(*profile->package_paths));
        profile->package_paths[0] = strdup("/etc/pysb/wheels/attrs-1");
        plan = compile(profile);
        assert_true(find(plan, OP_BIND_READ_ONLY, "etc/pysb/wheels/attrs-1")->arg == 0);
        assert_non_null(find(plan, OP_MKDIR, "etc/pysb/wheels"));
        assert_string_equal(plan_string(plan, plan->package_paths), "/etc/pysb/wheels/attrs-1");
        free(plan);

        free(profile->read_only);
        profile->read_only = calloc(2, sizeof(*profile->read_only));
        profile->read_only[0] = strdup("/usr/share/fonts");
        plan = compile(profile);
        assert_true(find(plan, OP_BIND_READ_ONLY, "usr/share/fonts")->arg == PLAN_OPTIONAL);
        assert_true(find(plan, OP_BIND_READ_ONLY, "usr/share/fonts") <
                    find(plan, OP_PIVOT_ROOT, NULL));
        free(plan);

        /* The maximum decides: a request may raise the limit, but not change the filter. */
        profile->maximum.value[LIMIT_PROCESSES] = 2;
        profile->maximum.value[LIMIT_THREADS] = 0;
        plan = compile(profile);
        assert_true(plan->flags & PLAN_FLAG_CAN_FORK);
        assert_false(plan->flags & PLAN_FLAG_THREADS);
        free(plan);
}

/* Each directory once, before what goes into it. */
static void test_directories(void **state) {
        for (size_t i = 0; i < _SHIPPED_MAX; i++) {
                _cleanup_free_ PlanImage *plan = plan_load(shipped_names[i]);

                FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                        const char *target = plan_string(plan, step->target);
                        const char *slash = strrchr(target, '/');
                        char parent[256] = "";

                        if (step->phase != PHASE_ROOT || *target == '\0')
                                continue;
                        assert_true(*target != '/');
                        if (step->op == OP_MKDIR)
                                assert_ptr_equal(find(plan, OP_MKDIR, target), step);
                        if (!slash)
                                continue;
                        memcpy(parent, target, (size_t) (slash - target));
                        assert_non_null(find(plan, OP_MKDIR, parent));
                        assert_true(find(plan, OP_MKDIR, parent) < step);
                }
        }
}

static void test_too_big(void **state) {
        _cleanup_(profile_freep) Profile *profile = profile_load("default");
        char *text = malloc(PLAN_ARENA_MAX + 1);
        PlanImage *plan = NULL;

        memset(text, 'x', PLAN_ARENA_MAX);
        text[PLAN_ARENA_MAX] = '\0';
        free(profile->preload[0]);
        profile->preload[0] = text;
        assert_int_equal(plan_compile(profile, &plan), -E2BIG);
        text[PLAN_ARENA_MAX - 100] = '\0'; /* fits alone, not with the rest */
        assert_int_equal(plan_compile(profile, &plan), -E2BIG);
        assert_null(plan);
}

static void check_names(const SyscallGroup *groups, size_t n_groups) {
        FOREACH_ARRAY(group, groups, n_groups) {
                /* What fails with ENOSYS may be younger than our list. */
                for (const char *const *name = group->names; name && *name; name++)
                        if (group->error != ENOSYS && syscall_number(*name) < 0)
                                fail_msg("group %s: no such call: %s", group->name, *name);
                for (const SyscallRule *rule = group->rules; rule && rule->name; rule++) {
                        if (syscall_number(rule->name) < 0)
                                fail_msg("group %s: no such call: %s", group->name, rule->name);
                        assert_true(rule->compare[0].mask != 0);
                        FOREACH_ARRAY(compare, rule->compare, ELEMENTSOF(rule->compare)) {
                                /* A bit outside the mask could never be equal. */
                                assert_true((compare->value & ~compare->mask) == 0);
                                assert_true(compare->argument < 6);
                                /* No rule compares bits that the kernel does not look at. */
                                assert_true(compare->mask <= UINT32_MAX);
                        }
                }
        }
}

/* A misspelt name would be left out without a word, as one of another architecture is. */
#ifdef __x86_64__
static void test_tables(void **state) {
        check_names(job_groups, n_job_groups);
        check_names(broker_groups, n_broker_groups);
}
#endif

/* A call that a group allows without conditions makes its rules in another group meaningless. */
static void test_rules_mean_something(void **state) {
        FOREACH_ARRAY(group, job_groups, n_job_groups)
                for (const SyscallRule *rule = group->rules; rule && rule->name; rule++)
                        FOREACH_ARRAY(other, job_groups, n_job_groups) {
                                bool is_for_tests = strcmp(other->name, "sanitizers") == 0;

                                for (const char *const *name = other->names;
                                     name && *name && !is_for_tests; name++)
                                        assert_string_not_equal(*name, rule->name);
                        }
}

static void test_syscall_names(void **state) {
        assert_int_equal(syscall_number("no_such_call"), -ENOENT);
        assert_int_equal(syscall_number(""), -ENOENT);
        assert_null(syscall_name(UINT32_MAX));
        assert_null(syscall_name(syscall_last_known() + 1));
        assert_non_null(syscall_name(syscall_last_known()));
        assert_false(syscall_is_known(UINT32_MAX));
        assert_string_equal(syscall_name((uint32_t) syscall_number("openat")), "openat");
#ifdef __x86_64__
        assert_string_equal(syscall_name(0), "read");
        assert_int_equal(syscall_number("clone3"), 435);
        assert_false(syscall_is_known(387)); /* left free by the kernel, forever */
        assert_true(syscall_last_known() >= 450);
#endif
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header),
                cmocka_unit_test(test_policy_off),
                cmocka_unit_test(test_files_none),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_process),
                cmocka_unit_test(test_directories),
                cmocka_unit_test(test_too_big),
                cmocka_unit_test(test_tables),
                cmocka_unit_test(test_rules_mean_something),
                cmocka_unit_test(test_syscall_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* plan_check() against plans that are right but for one thing. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "plans.h"

static PlanImage *good;

static int load_plan(void **state) {
        good = plan_load("default");
        return 0;
}

static int free_plan(void **state) {
        free(good);
        return 0;
}

static uint32_t find(const PlanImage *plan, PlanOp op) {
        for (uint32_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].op == op)
                        return i;
        fail_msg("the plan has no %s", plan_op_to_string(op));
        return 0;
}

static void drop(PlanImage *plan, uint32_t i) {
        plan->n_steps--;
        memmove(&plan->steps[i], &plan->steps[i + 1], (plan->n_steps - i) * sizeof(PlanStep));
}

static void insert(PlanImage *plan, uint32_t i, PlanStep step) {
        memmove(&plan->steps[i + 1], &plan->steps[i], (plan->n_steps - i) * sizeof(PlanStep));
        plan->steps[i] = step;
        plan->n_steps++;
}

static void swap(PlanImage *plan, uint32_t a, uint32_t b) {
        PlanStep step = plan->steps[a];

        plan->steps[a] = plan->steps[b];
        plan->steps[b] = step;
}

/* The changed plan must be refused with these words. Frees it. */
static void refused(PlanImage *plan, const char *words) {
        const char *error = NULL;

        assert_int_equal(plan_check(plan, &error), -EINVAL);
        assert_non_null(error);
        if (!strstr(error, words))
                fail_msg("'%s' is not in '%s'", words, error);
        free(plan);
}

static PlanImage *copy(void) {
        return memcpy(malloc(sizeof(*good)), good, sizeof(*good));
}

static void test_good(void **state) {
        const char *error = NULL;

        for (size_t i = 0; i < _SHIPPED_MAX; i++) {
                PlanImage *plan = plan_load(shipped_names[i]);

                assert_int_equal(plan_check(plan, &error), 0);
                free(plan);
        }
        assert_null(error);
        assert_int_equal(plan_check(good, NULL), 0);
}

static void test_header(void **state) {
        PlanImage *p;

        p = copy();
        p->magic++;
        refused(p, "not a plan");
        p = copy();
        p->n_steps = 0;
        refused(p, "number of steps");
        p = copy();
        p->n_steps = PLAN_STEPS_MAX + 1;
        refused(p, "number of steps");
        p = copy();
        p->n_filter = 0;
        refused(p, "no filter");
        p = copy();
        p->n_filter = PLAN_FILTER_MAX + 1;
        refused(p, "no filter");
}

static void test_arena(void **state) {
        PlanImage *p;

        p = copy();
        p->arena_size = 0;
        refused(p, "arena");
        p = copy();
        p->arena_size = PLAN_ARENA_MAX + 1;
        refused(p, "arena");
        p = copy();
        p->arena[p->arena_size - 1] = 'x';
        refused(p, "NUL");
        p = copy();
        p->arena[0] = 'x';
        refused(p, "NUL");
        p = copy();
        p->steps[3].source = p->arena_size;
        refused(p, "outside");
        p = copy();
        p->steps[3].target = UINT32_MAX;
        refused(p, "outside");
        for (size_t i = 0; i < 4; i++) {
                uint32_t *offset;

                p = copy();
                offset = (uint32_t *[]){ &p->name, &p->preload, &p->deny_modules,
                                         &p->environment }[i];
                *offset = p->arena_size;
                refused(p, "header");
        }
}

static void test_order(void **state) {
        PlanImage *p;

        p = copy();
        p->steps[0].op = _OP_MAX;
        refused(p, "unknown op");
        p = copy();
        p->steps[0].phase = PHASE_LAST;
        refused(p, "not its own");
        p = copy();
        swap(p, find(p, OP_HOSTNAME), find(p, OP_PIVOT_ROOT));
        refused(p, "goes back");
        p = copy();
        swap(p, find(p, OP_RLIMITS), find(p, OP_SECCOMP));
        refused(p, "filter is not the last");
        p = copy();
        insert(p, p->n_steps, p->steps[find(p, OP_RLIMITS)]);
        refused(p, "stands twice");
        /* A bind mount after pivot_root would take its source from inside the box. */
        p = copy();
        insert(p, find(p, OP_PIVOT_ROOT) + 1, p->steps[find(p, OP_BIND_READ_ONLY)]);
        refused(p, "after pivot-root");
        p = copy();
        swap(p, find(p, OP_READ_ONLY_ROOT), find(p, OP_PIVOT_ROOT));
        assert_int_equal(plan_check(p, NULL),
                         0); /* remounting early is no hole, pivoting is there */
        free(p);
}

/* No step of these can be left out, and none stands twice. */
static void test_required(void **state) {
        static const PlanOp required[] = {
                OP_NAMESPACES,
                OP_CGROUP,
                OP_ID_MAP,
                OP_SET_IDS,
                OP_MOUNT_ROOT,
                OP_PRIVATE_MOUNTS,
                OP_PIVOT_ROOT,
                OP_READ_ONLY_ROOT,
                OP_HOSTNAME,
                OP_CHDIR,
                OP_SESSION_KEYRING,
                OP_NOT_DUMPABLE,
                OP_DROP_CAPABILITIES,
                OP_NO_NEW_PRIVILEGES,
                OP_RLIMITS,
                OP_SECCOMP,
        };

        FOREACH_ARRAY(op, required, ELEMENTSOF(required)) {
                PlanImage *p = copy();

                drop(p, find(p, *op));
                refused(p, "missing");
                p = copy();
                insert(p, find(p, *op), p->steps[find(p, *op)]);
                refused(p, *op == OP_PIVOT_ROOT ? "after pivot-root" : "stands twice");
        }
}

static void test_names(void **state) {
        for (unsigned op = 0; op < _OP_MAX; op++) {
                assert_non_null(plan_op_to_string(op));
                assert_true(plan_op_phase(op) < _PHASE_MAX);
                for (unsigned other = 0; other < op; other++)
                        assert_string_not_equal(plan_op_to_string(op), plan_op_to_string(other));
        }
        assert_null(plan_op_to_string(_OP_MAX));
        assert_null(plan_phase_to_string(_PHASE_MAX));
        assert_int_equal(plan_op_phase(_OP_MAX), _PHASE_MAX);
        assert_string_equal(plan_op_to_string(OP_MOUNT_TMPFS), "mount-tmpfs");
        assert_string_equal(plan_phase_to_string(PHASE_ROOT), "root");
}

static void test_describe(void **state) {
        char buf[128], small[8];

        assert_string_equal(plan_step_describe(good, find(good, OP_MOUNT_PROC), buf, sizeof(buf)),
                            "mount-proc proc");
        assert_string_equal(plan_step_describe(good, find(good, OP_HOSTNAME), buf, sizeof(buf)),
                            "hostname sandbox");
        assert_string_equal(plan_step_describe(good, find(good, OP_SECCOMP), buf, sizeof(buf)),
                            "seccomp");
        assert_string_equal(plan_step_describe(good, 9999, buf, sizeof(buf)), "step 9999");
        assert_string_equal(
                plan_step_describe(good, find(good, OP_MOUNT_PROC), small, sizeof(small)),
                "mount-p");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),     cmocka_unit_test(test_header),
                cmocka_unit_test(test_arena),    cmocka_unit_test(test_order),
                cmocka_unit_test(test_required), cmocka_unit_test(test_names),
                cmocka_unit_test(test_describe),
        };

        return cmocka_run_group_tests(tests, load_plan, free_plan);
}

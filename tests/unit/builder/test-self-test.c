/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the self-test makes of what was seen in a box. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "launch/self-test.h"
#include "proto/engine.h"

/* What there is to see in a box that shares names and processes with the host. */
#define NOT_ALONE (PROBE_BIT(PROBE_READ_HOST) | PROBE_BIT(PROBE_SIGNAL))
#define ALL (PROBE_BIT(_PROBE_MAX) - 1)

typedef struct Fixture {
        PlanImage plan;
        SelfTestBox box;
        ProbeRecord good; /* of a box that has everything */
} Fixture;

static void see(Fixture *f, Probe first, Probe last, int64_t value) {
        for (Probe p = first; p <= last; p++)
                f->good.seen[p] = value;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        f->plan.n_steps = 1;
        f->plan.steps[0].op = OP_MOUNT_PROC;
        f->box = (SelfTestBox){
                .plan = &f->plan,
                .layers = engine_layers(ENGINE_NAMESPACE),
                .n_others = 1,
                .uid = 70000,
                .gid = 70000,
                .root = 41,
        };
        f->box.limits.value[LIMIT_MEMORY] = 100 * MIB;
        f->box.limits.value[LIMIT_CPU] = 50;
        f->box.limits.value[LIMIT_PROCESSES] = 4;
        f->box.limits.value[LIMIT_FILE_SIZE] = 1000;
        f->box.limits.value[LIMIT_OPEN_FILES] = 64;
        see(f, PROBE_USER_NAMESPACE, PROBE_CGROUP_LEAF, 1);
        f->good.seen[PROBE_CGROUP_MEMORY] = 100 * MIB;
        f->good.seen[PROBE_CGROUP_CPU] = 50000;
        f->good.seen[PROBE_CGROUP_PIDS] = 5;
        see(f, PROBE_UID, PROBE_GID, 70000);
        f->good.seen[PROBE_PARENT] = 1;
        f->good.seen[PROBE_HOST_ROOT] = 42;
        f->good.seen[PROBE_HOST_PROC] = -ENOENT;
        f->good.seen[PROBE_FILE_MODE] = -EACCES;
        f->good.seen[PROBE_NO_NEW_PRIVILEGES] = 1;
        see(f, PROBE_SOCKET, PROBE_TERMINAL, -EPERM);
        f->good.seen[PROBE_CLONE3] = -ENOSYS;
        f->good.seen[PROBE_ADDRESS_SPACE] = 200 * MIB;
        f->good.seen[PROBE_FILE_SIZE] = 1000;
        f->good.seen[PROBE_OPEN_FILES] = 64;
        f->good.seen[PROBE_TASKS] = 5;
        f->good.seen[PROBE_LOCKED_MEMORY] = 65536;
        f->good.seen[PROBE_WRITE_ROOT] = -EROFS;
        f->good.seen[PROBE_WRITE_RANDOM] = -EACCES;
        *state = f;
        return 0;
}

static int teardown(void **state) {
        free(*state);
        return 0;
}

/* Everything is looked at, and nothing is wrong. */
static void test_good(void **state) {
        Fixture *f = *state;
        SelfTestVerdict verdict = self_test_judge(&f->box, &f->good);

        assert_int_equal(verdict.tried, ALL & ~NOT_ALONE);
        assert_int_equal(verdict.failed, 0);
}

/* What nobody has seen is no good news, whichever it is. */
static void test_unseen(void **state) {
        Fixture *f = *state;

        for (Probe p = 0; p < _PROBE_MAX; p++) {
                ProbeRecord record = f->good;

                if (PROBE_BIT(p) & NOT_ALONE)
                        continue;
                record.seen[p] = PROBE_UNSEEN;
                assert_int_equal(self_test_judge(&f->box, &record).failed, PROBE_BIT(p));
        }
}

/* What a box looks like that lacks something. */
static void test_bad(void **state) {
        static const struct {
                Probe probe;
                int64_t seen;
        } rows[] = {
                { PROBE_USER_NAMESPACE, 0 },
                { PROBE_CGROUP_NAMESPACE, -EACCES },
                { PROBE_CGROUP_LEAF, 0 },
                { PROBE_CGROUP_MEMORY, -1 },
                { PROBE_CGROUP_MEMORY, 100 * MIB + 1 },
                { PROBE_CGROUP_CPU, -1 },
                { PROBE_CGROUP_PIDS, -1 },
                { PROBE_UID, 0 },
                { PROBE_UID, 70001 },
                { PROBE_GID, 0 },
                { PROBE_PARENT, 0 },
                { PROBE_HOST_ROOT, 41 },
                { PROBE_HOST_PROC, 0 },
                { PROBE_BOUNDING_SET, 41 },
                { PROBE_CAPABILITY_SETS, 1 },
                { PROBE_FILE_MODE, 0 },
                { PROBE_NO_NEW_PRIVILEGES, 0 },
                { PROBE_SOCKET, 0 },
                { PROBE_SOCKET, -EAFNOSUPPORT },
                { PROBE_UNSHARE, 0 },
                { PROBE_CLONE3, -EFAULT },
                { PROBE_MOUNT, -EFAULT },
                { PROBE_EXECVE, -EFAULT },
                { PROBE_MEMFD_CREATE, -EFAULT },
                { PROBE_KEYCTL, 0 },
                { PROBE_TERMINAL, -ENOTTY },
                { PROBE_DESCRIPTORS, 1 },
                { PROBE_ADDRESS_SPACE, INT64_MAX },
                { PROBE_FILE_SIZE, INT64_MAX },
                { PROBE_OPEN_FILES, 1024 },
                { PROBE_TASKS, 4 },
                { PROBE_CORE, INT64_MAX },
                { PROBE_MESSAGE_QUEUES, 819200 },
                { PROBE_LOCKED_MEMORY, 8 * MIB },
                { PROBE_WRITE_ROOT, 0 },
                { PROBE_WRITE_LIBRARY, 1 },
                { PROBE_EXECUTE_FILE, 2 },
                { PROBE_WRITE_RANDOM, 0 },
                { PROBE_MOUNT_FLAGS, 1 },
        };
        Fixture *f = *state;

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                ProbeRecord record = f->good;

                record.seen[row->probe] = row->seen;
                assert_int_equal(self_test_judge(&f->box, &record).failed, PROBE_BIT(row->probe));
        }
}

/* What boxes of this daemon do not have is not tried, and whatever was seen there means nothing. */
static void test_skipped(void **state) {
        static const Probe files[] = { PROBE_FILE_MODE, PROBE_WRITE_ROOT, PROBE_WRITE_LIBRARY,
                                       PROBE_EXECUTE_FILE, PROBE_WRITE_RANDOM };
        static const Probe proc[] = { PROBE_HOST_PROC, PROBE_CAPABILITY_SETS, PROBE_MOUNT_FLAGS };
        Fixture *f = *state;
        uint64_t absent = NOT_ALONE;
        SelfTestVerdict verdict;

        f->box.layers &= ~(LAYER_BIT(LAYER_CGROUP_MEMORY) | LAYER_BIT(LAYER_CGROUP_CPU) |
                           LAYER_BIT(LAYER_CGROUP_PIDS) | LAYER_BIT(LAYER_UID_RANGE) |
                           LAYER_BIT(LAYER_LANDLOCK));
        f->plan.flags = PLAN_FLAG_NO_FILES;
        f->plan.n_steps = 0;
        for (Probe p = PROBE_CGROUP_LEAF; p <= PROBE_GID; p++)
                absent |= PROBE_BIT(p);
        FOREACH_ARRAY(p, files, ELEMENTSOF(files))
                absent |= PROBE_BIT(*p);
        FOREACH_ARRAY(p, proc, ELEMENTSOF(proc))
                absent |= PROBE_BIT(*p);
        for (Probe p = 0; p < _PROBE_MAX; p++)
                if (absent & PROBE_BIT(p))
                        f->good.seen[p] = PROBE_UNSEEN;
        verdict = self_test_judge(&f->box, &f->good);
        assert_int_equal(verdict.failed, 0);
        assert_int_equal(verdict.tried, (PROBE_BIT(_PROBE_MAX) - 1) & ~absent);
}

/* The box of the other engine: what it has not is not asked for, and what stands in its place is. */
static void test_process(void **state) {
        static const struct {
                Probe probe;
                int64_t seen;
        } rows[] = {
                { PROBE_READ_HOST, 3 },  { PROBE_READ_HOST, PROBE_UNSEEN },
                { PROBE_SIGNAL, 0 },     { PROBE_SIGNAL, -ESRCH },
                { PROBE_WRITE_ROOT, 0 }, { PROBE_WRITE_RANDOM, 3 },
                { PROBE_FILE_MODE, 3 },  { PROBE_UID, 0 },
                { PROBE_TASKS, 5 },      { PROBE_SOCKET, 3 },
        };
        Fixture *f = *state;
        SelfTestVerdict verdict;

        f->plan.engine = ENGINE_PROCESS;
        f->plan.flags = PLAN_FLAG_NOT_ALONE;
        f->plan.n_steps = 0;
        f->box.layers = engine_layers(ENGINE_PROCESS);
        f->box.n_others = 2;
        see(f, PROBE_USER_NAMESPACE, PROBE_CGROUP_NAMESPACE, 0);
        f->good.seen[PROBE_PARENT] = 4711;
        f->good.seen[PROBE_HOST_ROOT] = 41;
        f->good.seen[PROBE_BOUNDING_SET] = 41;
        f->good.seen[PROBE_TASKS] = 6;
        f->good.seen[PROBE_READ_HOST] = f->good.seen[PROBE_WRITE_ROOT] = -EACCES;
        f->good.seen[PROBE_SIGNAL] = -EPERM;
        verdict = self_test_judge(&f->box, &f->good);
        assert_int_equal(verdict.failed, 0);
        assert_int_equal(verdict.tried & NOT_ALONE, NOT_ALONE);
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                ProbeRecord record = f->good;

                record.seen[row->probe] = row->seen;
                assert_int_equal(self_test_judge(&f->box, &record).failed, PROBE_BIT(row->probe));
        }
}

/* Each row of the tables is filled in. */
static void test_tables(void **state) {
        for (Probe p = 0; p < _PROBE_MAX; p++) {
                assert_non_null(probe_to_string(p));
                assert_non_null(probe_meaning(p));
        }
        for (Layer l = 0; l < _LAYER_MAX; l++) {
                bool is_tried = false;

                assert_non_null(layer_remedy(l));
                for (Probe p = 0; p < _PROBE_MAX; p++)
                        is_tried = is_tried || probe_layer(p) == l;
                assert_true(is_tried);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_good, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unseen, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
                cmocka_unit_test_setup_teardown(test_skipped, setup, teardown),
                cmocka_unit_test_setup_teardown(test_process, setup, teardown),
                cmocka_unit_test(test_tables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

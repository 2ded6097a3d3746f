/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a box must look like, one row for each probe. Pure. */

#include <errno.h>

#include "launch/self-test.h"
#include "proto/template-wire.h"

#define LOCKED_BYTES_MAX ((int64_t) (1 * MIB))

typedef enum WantKind {
        WANT_NOTHING, /* nobody has to look */
        WANT_BETWEEN,
        WANT_OTHER, /* than low */
        WANT_BLOCKED, /* an errno that says that the call was not carried out, nor its arguments looked at */
} WantKind;

typedef struct Want {
        WantKind kind;
        int64_t low, high;
} Want;

static Want want_between(int64_t low, int64_t high) {
        return (Want){ .kind = WANT_BETWEEN, .low = low, .high = high };
}

static Want want(int64_t value) {
        return want_between(value, value);
}

static bool want_is_met(const Want *w, int64_t seen) {
        switch (w->kind) {
        case WANT_NOTHING:
                return true;
        case WANT_BETWEEN:
                return seen >= w->low && seen <= w->high;
        case WANT_OTHER:
                return seen != w->low && seen != PROBE_UNSEEN;
        case WANT_BLOCKED: /* also by a stricter filter around all of pysb, which answers in its own way */
                return seen == -EPERM || seen == -ENOSYS || seen == -EACCES;
        }
        return false;
}

static bool box_has_layer(const SelfTestBox *box, Layer layer) {
        return box->layers & LAYER_BIT(layer);
}

static void want_outside(const SelfTestBox *box, Want *wants) {
        int64_t cpu_usec = (int64_t) box->limits.value[LIMIT_CPU] * CPU_PERIOD_USEC / 100;

        for (Probe p = PROBE_USER_NAMESPACE; p <= PROBE_CGROUP_NAMESPACE; p++)
                if (box_has_layer(box, probe_layer(p)))
                        wants[p] = want(1);
        if (box_has_layer(box, LAYER_UID_RANGE)) {
                wants[PROBE_UID] = want(box->uid);
                wants[PROBE_GID] = want(box->gid);
        }
        if (box->layers & (LAYER_BIT(LAYER_CGROUP_MEMORY) | LAYER_BIT(LAYER_CGROUP_CPU) |
                           LAYER_BIT(LAYER_CGROUP_PIDS)))
                wants[PROBE_CGROUP_LEAF] = want(1);
        if (box_has_layer(box, LAYER_CGROUP_MEMORY)) /* the kernel rounds it down to pages */
                wants[PROBE_CGROUP_MEMORY] =
                        want_between(1, (int64_t) box->limits.value[LIMIT_MEMORY]);
        if (box_has_layer(box, LAYER_CGROUP_CPU))
                wants[PROBE_CGROUP_CPU] = want(cpu_usec);
        if (box_has_layer(box, LAYER_CGROUP_PIDS))
                wants[PROBE_CGROUP_PIDS] = want((int64_t) limits_tasks(&box->limits) + 1);
}

static void want_inside(const SelfTestBox *box, Want *wants) {
        const uint64_t *limit = box->limits.value;

        if (box_has_layer(box, LAYER_PID_NAMESPACE))
                wants[PROBE_PARENT] = want(1);
        if (box_has_layer(box, LAYER_MOUNT_NAMESPACE))
                wants[PROBE_HOST_ROOT] = (Want){ .kind = WANT_OTHER, .low = box->root };
        if (box_has_layer(box, LAYER_USER_NAMESPACE)) /* in that one may drop from it */
                wants[PROBE_BOUNDING_SET] = want(0);
        wants[PROBE_NO_NEW_PRIVILEGES] = want(1);
        for (Probe p = PROBE_SOCKET; p <= PROBE_TERMINAL; p++)
                wants[p] = (Want){ .kind = WANT_BLOCKED };
        wants[PROBE_DESCRIPTORS] = want(0);
        wants[PROBE_ADDRESS_SPACE] = want_between(0, INT64_MAX - 1);
        wants[PROBE_FILE_SIZE] = want((int64_t) limit[LIMIT_FILE_SIZE]);
        wants[PROBE_OPEN_FILES] = want((int64_t) limit[LIMIT_OPEN_FILES]);
        if (box->n_others != MAKE_OTHERS_UNKNOWN)
                wants[PROBE_TASKS] = want((int64_t) limits_tasks(&box->limits) + box->n_others);
        wants[PROBE_CORE] = want(0);
        wants[PROBE_MESSAGE_QUEUES] = want(0);
        wants[PROBE_LOCKED_MEMORY] = want_between(0, LOCKED_BYTES_MAX);
}

/* What the host's names and processes are to a box that has them around. */
static void want_alone(const SelfTestBox *box, Want *wants) {
        wants[PROBE_READ_HOST] = (Want){ .kind = WANT_BLOCKED }; /* by the filter, or by Landlock */
        wants[PROBE_SIGNAL] = (Want){ .kind = WANT_BLOCKED };
        if (!(box->plan->flags & PLAN_FLAG_NO_FILES)) {
                wants[PROBE_FILE_MODE] = want(-EACCES);
                wants[PROBE_WRITE_ROOT] = want(-EACCES);
                wants[PROBE_WRITE_RANDOM] = want(-EACCES);
        }
}

/* An operator's `default` may have no files and no /proc: there is less to look at then. */
static void want_files(const SelfTestBox *box, Want *wants) {
        const PlanImage *plan = box->plan;

        if (!(plan->flags & PLAN_FLAG_NO_FILES)) {
                wants[PROBE_FILE_MODE] = want(-EACCES);
                wants[PROBE_WRITE_ROOT] = want(-EROFS);
                wants[PROBE_WRITE_LIBRARY] = want(0);
                wants[PROBE_EXECUTE_FILE] = want(0);
                if (box_has_layer(box, LAYER_LANDLOCK))
                        wants[PROBE_WRITE_RANDOM] = want(-EACCES);
        }
        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                if (step->op != OP_MOUNT_PROC)
                        continue;
                wants[PROBE_HOST_PROC] = want(-ENOENT);
                wants[PROBE_CAPABILITY_SETS] = want(0);
                wants[PROBE_MOUNT_FLAGS] = want(0);
        }
}

SelfTestVerdict self_test_judge(const SelfTestBox *box, const ProbeRecord *record) {
        Want wants[_PROBE_MAX] = {};
        SelfTestVerdict verdict = {};

        want_outside(box, wants);
        want_inside(box, wants);
        if (box->plan->flags & PLAN_FLAG_NOT_ALONE)
                want_alone(box, wants);
        else
                want_files(box, wants);
        for (Probe p = 0; p < _PROBE_MAX; p++) {
                if (wants[p].kind == WANT_NOTHING)
                        continue;
                verdict.tried |= PROBE_BIT(p);
                if (!want_is_met(&wants[p], record->seen[p]))
                        verdict.failed |= PROBE_BIT(p);
        }
        return verdict;
}

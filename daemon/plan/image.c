/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What everybody who holds a plan may ask of it. No libseccomp here: the runner links this file. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "basic/macro.h"
#include "plan/plan.h"

/* How often an op stands in a plan. */
typedef enum OpCount {
        COUNT_NEVER,
        COUNT_ANY,
        COUNT_ONCE, /* the cage is no cage without it */
        COUNT_AT_MOST_ONCE,
} OpCount;

/* One row per op: its name, the phase that it belongs to, how often it occurs with each engine. */
static const struct {
        const char *name;
        PlanPhase phase;
        OpCount count[_ENGINE_MAX];
} ops[_OP_MAX] = {
        [OP_NAMESPACES] = { "namespaces", PHASE_OUTER, { COUNT_ONCE } },
        [OP_CGROUP] = { "cgroup", PHASE_OUTER, { COUNT_ONCE, COUNT_ONCE } },
        [OP_ID_MAP] = { "id-map", PHASE_OUTER, { COUNT_ONCE } },
        [OP_SET_IDS] = { "set-ids", PHASE_ROOT, { COUNT_ONCE } },
        [OP_PRIVATE_MOUNTS] = { "private-mounts", PHASE_ROOT, { COUNT_ONCE } },
        [OP_MOUNT_ROOT] = { "mount-root", PHASE_ROOT, { COUNT_ONCE } },
        [OP_MKDIR] = { "mkdir", PHASE_ROOT, { COUNT_ANY } },
        [OP_SYMLINK] = { "symlink", PHASE_ROOT, { COUNT_ANY } },
        [OP_WRITE_FILE] = { "write-file", PHASE_ROOT, { COUNT_ANY } },
        [OP_BIND_READ_ONLY] = { "bind-read-only", PHASE_ROOT, { COUNT_ANY } },
        [OP_BIND_DEVICE] = { "bind-device", PHASE_ROOT, { COUNT_ANY } },
        [OP_MOUNT_TMPFS] = { "mount-tmpfs", PHASE_ROOT, { COUNT_ANY } },
        [OP_MOUNT_PROC] = { "mount-proc", PHASE_ROOT, { COUNT_AT_MOST_ONCE } },
        [OP_PIVOT_ROOT] = { "pivot-root", PHASE_ROOT, { COUNT_ONCE } },
        [OP_READ_ONLY_ROOT] = { "read-only-root", PHASE_ROOT, { COUNT_ONCE } },
        [OP_ALLOW_READ] = { "allow-read", PHASE_ROOT, { COUNT_NEVER, COUNT_ANY } },
        [OP_ALLOW_DEVICE] = { "allow-device", PHASE_ROOT, { COUNT_NEVER, COUNT_ANY } },
        [OP_OWN_DIRECTORY] = { "own-directory", PHASE_ROOT, { COUNT_NEVER, COUNT_AT_MOST_ONCE } },
        [OP_HOSTNAME] = { "hostname", PHASE_INNER, { COUNT_ONCE } },
        [OP_LOOPBACK_UP] = { "loopback-up", PHASE_INNER, { COUNT_AT_MOST_ONCE } },
        [OP_CHDIR] = { "chdir", PHASE_INNER, { COUNT_ONCE, COUNT_AT_MOST_ONCE } },
        [OP_SESSION_KEYRING] = { "session-keyring", PHASE_INNER, { COUNT_ONCE } },
        [OP_NOT_DUMPABLE] = { "not-dumpable", PHASE_INNER, { COUNT_ONCE, COUNT_ONCE } },
        [OP_DROP_CAPABILITIES] = { "drop-capabilities", PHASE_INNER, { COUNT_ONCE, COUNT_ONCE } },
        [OP_NO_NEW_PRIVILEGES] = { "no-new-privileges", PHASE_INNER, { COUNT_ONCE, COUNT_ONCE } },
        [OP_DIE_WITH_INIT] = { "die-with-init", PHASE_JOB, { COUNT_NEVER, COUNT_ONCE } },
        [OP_LANDLOCK] = { "landlock", PHASE_JOB, { COUNT_ONCE, COUNT_ONCE } },
        [OP_SPECULATION] = { "speculation", PHASE_JOB, { COUNT_AT_MOST_ONCE, COUNT_AT_MOST_ONCE } },
        [OP_RLIMITS] = { "rlimits", PHASE_LAST, { COUNT_ONCE, COUNT_ONCE } },
        [OP_SECCOMP] = { "seccomp", PHASE_LAST, { COUNT_ONCE, COUNT_ONCE } },
};

static const char *const phase_names[_PHASE_MAX] = {
        [PHASE_OUTER] = "outer", [PHASE_ROOT] = "root", [PHASE_INNER] = "inner",
        [PHASE_JOB] = "job",     [PHASE_LAST] = "last",
};

const char *plan_op_to_string(PlanOp op) {
        return (unsigned) op < _OP_MAX ? ops[op].name : NULL;
}

PlanPhase plan_op_phase(PlanOp op) {
        return (unsigned) op < _OP_MAX ? ops[op].phase : _PHASE_MAX;
}

const char *plan_phase_to_string(PlanPhase phase) {
        return (unsigned) phase < _PHASE_MAX ? phase_names[phase] : NULL;
}

static const char *check_strings(const PlanImage *plan) {
        if (plan->arena_size == 0 || plan->arena_size > PLAN_ARENA_MAX)
                return "the size of the arena is out of range";
        /* The empty string at 0 and the last byte: every offset inside now starts a C string. */
        if (plan->arena[0] != '\0' || plan->arena[plan->arena_size - 1] != '\0')
                return "the arena does not start and end with a NUL byte";
        if (plan->name >= plan->arena_size || plan->preload >= plan->arena_size ||
            plan->deny_modules >= plan->arena_size || plan->modules >= plan->arena_size ||
            plan->internal >= plan->arena_size || plan->packages >= plan->arena_size ||
            plan->package_paths >= plan->arena_size || plan->environment >= plan->arena_size)
                return "an offset of the header lies outside the arena";
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                if (step->source >= plan->arena_size || step->target >= plan->arena_size)
                        return "an offset of a step lies outside the arena";
        return NULL;
}

static const char *check_order(const PlanImage *plan) {
        unsigned seen[_OP_MAX] = { 0 };
        unsigned phase = PHASE_OUTER;
        bool pivoted = false;

        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                if (step->op >= _OP_MAX)
                        return "a step has an unknown op";
                if (step->phase != (unsigned) ops[step->op].phase)
                        return "a step stands in a phase that is not its own";
                if (step->phase < phase)
                        return "a phase goes back";
                phase = step->phase;
                /* Behind pivot_root a source path would be one of the box. */
                if (pivoted && phase == PHASE_ROOT && step->op != OP_READ_ONLY_ROOT)
                        return "a step builds the root after pivot-root";
                pivoted = pivoted || step->op == OP_PIVOT_ROOT;
                seen[step->op]++;
        }
        for (unsigned op = 0; op < _OP_MAX; op++) {
                OpCount count = ops[op].count[plan->engine];

                if (count == COUNT_NEVER && seen[op] > 0)
                        return "a step belongs to another engine";
                if (count == COUNT_ONCE && seen[op] == 0)
                        return "a step that every plan needs is missing";
                if (count != COUNT_ANY && seen[op] > 1)
                        return "a step that may stand only once stands twice";
        }
        if (plan->steps[plan->n_steps - 1].op != OP_SECCOMP)
                return "the filter is not the last step";
        return NULL;
}

static const char *check(const PlanImage *plan) {
        const char *error;

        if (plan->magic != PLAN_MAGIC)
                return "this is not a plan";
        if (plan->engine >= _ENGINE_MAX)
                return "the engine is unknown";
        if (plan->n_steps == 0 || plan->n_steps > PLAN_STEPS_MAX)
                return "the number of steps is out of range";
        if (plan->n_filter == 0 || plan->n_filter > PLAN_FILTER_MAX)
                return "the plan has no filter, or too large a one";
        error = check_strings(plan);
        return error ? error : check_order(plan);
}

int plan_check(const PlanImage *plan, const char **ret_error) {
        const char *error = check(plan);

        if (!error)
                return 0;
        if (ret_error)
                *ret_error = error;
        return -EINVAL;
}

const char *plan_step_describe(const PlanImage *plan, uint32_t step, char *buf, size_t size) {
        const PlanStep *s;
        const char *name, *what;

        if (step >= plan->n_steps || step >= PLAN_STEPS_MAX) {
                snprintf(buf, size, "step %u", step);
                return buf;
        }
        s = &plan->steps[step];
        name = plan_op_to_string(s->op);
        what = plan_string(plan, s->target);
        if (*what == '\0')
                what = plan_string(plan, s->source);
        snprintf(buf, size, "%s%s%s", name ? name : "unknown op", *what ? " " : "", what);
        return buf;
}

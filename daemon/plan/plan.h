/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A sandbox as data. plan_compile() turns a profile into an ordered array of steps, before any
 * client exists; plan_check() refuses an order that would be unsafe; cage/apply.c walks it, one loop
 * over one switch. Per-box values are the only variables. The whole plan is one flat image without
 * pointers, so that a template can map it read-only from a sealed memfd. */

#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>

#include "profile/profile.h"

/* Who does a step, and when. Phases never go back. */
typedef enum PlanPhase {
        PHASE_OUTER, /* around clone3, by the builder and the template */
        PHASE_ROOT,  /* the box's init, until the old root is gone */
        PHASE_INNER, /* the box's init, inside the new root */
        PHASE_JOB,   /* the job's process, before it is known which job that is */
        PHASE_LAST,  /* the job's process, right before it may read its channel */
        _PHASE_MAX,
} PlanPhase;

typedef enum PlanOp {
        /* OUTER */
        OP_NAMESPACES, /* arg: CLONE_NEW* flags of clone3 */
        OP_CGROUP,     /* own leaf with memory, cpu and pids limits, joined by CLONE_INTO_CGROUP */
        OP_ID_MAP,     /* arg: uid and gid inside; outside is the box's own id */
        /* ROOT */
        OP_SET_IDS,        /* arg: uid and gid to become, inside */
        OP_PRIVATE_MOUNTS, /* mount propagation off, recursively */
        OP_MOUNT_ROOT,     /* tmpfs that becomes the root; arg: bytes */
        OP_MKDIR,          /* target, relative to the new root; arg: mode */
        OP_SYMLINK,        /* target -> source (the text of the link) */
        OP_WRITE_FILE,     /* target with the bytes of source; arg: mode */
        OP_BIND_READ_ONLY, /* source (host) on target: ro,nosuid,nodev, not recursive; arg:
                              PLAN_OPTIONAL if a missing source is no error */
        OP_BIND_DEVICE, /* source (a host device node) on an empty file target: ro,nosuid,noexec; arg:
                           PLAN_WRITABLE */
        OP_MOUNT_TMPFS,    /* target: nosuid,nodev,noexec with the box's disk limits; arg: mode */
        OP_MOUNT_PROC,     /* target: subset=pid,hidepid=invisible,nosuid,nodev,noexec,ro */
        OP_PIVOT_ROOT,     /* into the new root, detach the old one, chdir to / */
        OP_READ_ONLY_ROOT, /* remount the root tmpfs ro */
        /* ROOT, of the engine `process`: names of the host, which OP_LANDLOCK opens */
        OP_ALLOW_READ,    /* target; arg: PLAN_OPTIONAL if a missing one is no error */
        OP_ALLOW_DEVICE,  /* target; arg: PLAN_WRITABLE */
        OP_OWN_DIRECTORY, /* instead of /app: made below target, open to nobody else, and entered */
        /* INNER */
        OP_HOSTNAME,        /* source: the name */
        OP_LOOPBACK_UP,     /* by libnl */
        OP_CHDIR,           /* target */
        OP_SESSION_KEYRING, /* join a new, empty one */
        OP_NOT_DUMPABLE,
        OP_DROP_CAPABILITIES, /* bounding set and all five sets, by libcap; arg: PLAN_KEEP_BOUNDING */
        OP_NO_NEW_PRIVILEGES,
        /* JOB */
        OP_DIE_WITH_INIT, /* where that is no pid namespace's */
        OP_LANDLOCK, /* the same files once more, whatever is mounted: rules made of the steps above; arg:
                        the ABI without which there is no box */
        OP_SPECULATION, /* no speculation around stores and at indirect branches */
        /* LAST */
        OP_RLIMITS, /* from the box's limits */
        OP_SECCOMP, /* the filter of the image, installed with a user-notification listener that
                         init keeps; then every descriptor but 0, 1, 2 and the channel is closed */
        _OP_MAX,
} PlanOp;

#define PLAN_OPTIONAL 1
#define PLAN_WRITABLE 1
#define PLAN_KEEP_BOUNDING \
        1 /* only CAP_SETPCAP may drop from it, and no_new_privs makes it mean nothing */
#define PLAN_STEPS_MAX 96
#define PLAN_ARENA_MAX 65536
#define PLAN_FILTER_MAX 2048
#define PLAN_INSIDE_ID 1000 /* the one uid and gid inside a box */

typedef struct PlanStep {
        uint16_t op;     /* PlanOp */
        uint16_t phase;  /* PlanPhase */
        uint32_t source; /* offset in the arena, 0 is the empty string */
        uint32_t target;
        uint32_t _reserved;
        uint64_t arg;
} PlanStep;

#define PLAN_MAGIC 0x6e616c70u /* "plan" */

typedef struct PlanImage {
        uint32_t magic;
        uint32_t n_steps;
        uint64_t digest;   /* profile_digest_short() */
        uint32_t n_filter; /* instructions */
        uint32_t arena_size;
        uint32_t name; /* arena offsets: profile name; the lists are separated by '\n' */
        uint32_t preload;
        uint32_t deny_modules; /* empty if the policy is off */
        uint32_t modules;      /* Profile.modules: in force by PLAN_FLAG_POLICY, loaded before any
                                          job by PLAN_FLAG_NO_FILES, and so are the internal ones */
        uint32_t internal;     /* Profile.internal */
        uint32_t packages;
        uint32_t package_paths; /* behind the library in sys.path, in this order */
        uint32_t environment;
        uint32_t flags;     /* PLAN_FLAG_* */
        uint32_t engine;    /* Engine */
        uint32_t n_allowed; /* numbers that the filter allows, for the record */
        PlanStep steps[PLAN_STEPS_MAX];
        struct sock_filter filter[PLAN_FILTER_MAX];
        char arena[PLAN_ARENA_MAX];
} PlanImage;

#define PLAN_FLAG_NO_FILES 1u /* nothing can be opened: the template must preload all it needs */
#define PLAN_FLAG_CAN_FORK 2u
#define PLAN_FLAG_THREADS 4u
#define PLAN_FLAG_LOOPBACK 8u
#define PLAN_FLAG_NOT_ALONE 128u /* the host's processes and files are around */
/* What only the interpreter is concerned with. */
#define PLAN_FLAG_POLICY 16u      /* the import policy is in force */
#define PLAN_FLAG_WHITELIST 32u   /* of modules; else a blacklist of deny_modules */
#define PLAN_FLAG_NO_HOST_ENV 64u /* host_env = false */

static inline const char *plan_string(const PlanImage *plan, uint32_t offset) {
        return plan->arena + (offset < plan->arena_size ? offset : 0);
}

/* Profile -> plan. -E2BIG if it does not fit, or libseccomp's error. *ret_plan is heap memory. */
int plan_compile(const Profile *profile, PlanImage **ret_plan);

/* 0, or -EINVAL with a sentence in *ret_error (static text): a phase out of order, an unknown op, no
 * filter, anything after the filter, an offset outside the arena, an unterminated arena. The
 * template checks what it mapped with the same function. Pure. */
int plan_check(const PlanImage *plan, const char **ret_error);

/* One line per step, then the rules of the filter by name: what `pysbd --dump-plan` prints. */
void plan_dump(const PlanImage *plan, FILE *f);

const char *plan_op_to_string(PlanOp op);          /* "mount-tmpfs" */
const char *plan_phase_to_string(PlanPhase phase); /* "root" */
PlanPhase plan_op_phase(PlanOp op);                /* the one phase that the op belongs to */

/* The step in words: "bind-read-only /usr/lib/python3.11". Returns buf. */
const char *plan_step_describe(const PlanImage *plan, uint32_t step, char *buf, size_t size);

/* The broker's own filter, compiled like a job's. */
int plan_broker_filter(struct sock_filter *ret_filter, size_t max, size_t *ret_n);

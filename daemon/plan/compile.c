/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Profile -> plan. Everything that is done for a box stands in one table here, in the order in which
 * it is done. Nothing of it depends on a job or a client. */

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "config.h"
#include "plan/filter.h"
#include "plan/plan.h"

/* Rows that only some plans have: all bits of `when` must be set. */
#define WHEN_FILES 1u
#define WHEN_PROC 2u
#define WHEN_LOOPBACK 4u
#define WHEN_STRICT_SPECULATION 8u
#define WHEN_NO_FILES 16u

#define NAMESPACES                                                                             \
        ((uint32_t) CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | \
         CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Directories, links and the few bytes of /etc. */
#define ROOT_BYTES (256 * KIB)

/* In a plan a path below the new root has no slash in front: it is relative to it. Directories that a
 * row needs are made by steps of their own, which make_parents() adds. */
typedef struct Row {
        PlanOp op;
        unsigned when;
        const char *source, *target;
        uint64_t arg;
} Row;

static const Row namespace_rows[] = {
        { OP_NAMESPACES, .arg = NAMESPACES },
        { OP_CGROUP },
        { OP_ID_MAP, .arg = PLAN_INSIDE_ID },

        { OP_SET_IDS, .arg = PLAN_INSIDE_ID },
        { OP_PRIVATE_MOUNTS },
        { OP_MOUNT_ROOT, .arg = ROOT_BYTES },

        /* Python, and what its extension modules and ctypes load. A closed list, never all of /usr:
         * no program is in it. Links from / as on a merged-/usr system. */
        { OP_BIND_READ_ONLY, WHEN_FILES, PYTHON_STDLIB, PYTHON_STDLIB },
        { OP_BIND_READ_ONLY, WHEN_FILES, PLAN_LIBRARY_DIRECTORY, PLAN_LIBRARY_DIRECTORY },
        { OP_BIND_READ_ONLY, WHEN_FILES, "/usr/share/zoneinfo", "/usr/share/zoneinfo",
          PLAN_OPTIONAL },
        { OP_SYMLINK, WHEN_FILES, "usr/lib", "/lib" },

        /* Who one is, without a word about the host. */
        { OP_WRITE_FILE, WHEN_FILES, "sandbox:x:1000:1000::/app:/nonexistent\n", "/etc/passwd",
          0644 },
        { OP_WRITE_FILE, WHEN_FILES, "sandbox:x:1000:\n", "/etc/group", 0644 },
        { OP_WRITE_FILE, WHEN_FILES | WHEN_LOOPBACK, "127.0.0.1 localhost sandbox\n::1 localhost\n",
          "/etc/hosts", 0644 },
        { OP_WRITE_FILE, WHEN_FILES | WHEN_LOOPBACK, "hosts: files\n", "/etc/nsswitch.conf", 0644 },

        /* mknod() is not possible in a user namespace: the nodes of the daemon's own /dev. Nobody has to write
         * to the host's source of random numbers. */
        { OP_BIND_DEVICE, WHEN_FILES, "/dev/null", "/dev/null", PLAN_WRITABLE },
        { OP_BIND_DEVICE, WHEN_FILES, "/dev/zero", "/dev/zero", PLAN_WRITABLE },
        { OP_BIND_DEVICE, WHEN_FILES, "/dev/full", "/dev/full", PLAN_WRITABLE },
        { OP_BIND_DEVICE, WHEN_FILES, "/dev/random", "/dev/random" },
        { OP_BIND_DEVICE, WHEN_FILES, "/dev/urandom", "/dev/urandom" },

        { OP_MOUNT_PROC, WHEN_PROC, .target = "/proc" },
        { OP_MOUNT_TMPFS, WHEN_FILES, .target = "/app", .arg = 0700 },
        { OP_MOUNT_TMPFS, WHEN_FILES, .target = "/tmp", .arg = 01777 },
        { OP_PIVOT_ROOT },
        { OP_READ_ONLY_ROOT },

        { OP_HOSTNAME, .source = "sandbox" },
        { OP_LOOPBACK_UP, WHEN_LOOPBACK },
        { OP_CHDIR, .target = "/app" },
        { OP_SESSION_KEYRING },
        { OP_NOT_DUMPABLE },
        { OP_DROP_CAPABILITIES },
        { OP_NO_NEW_PRIVILEGES },

        { OP_LANDLOCK },
        { OP_SPECULATION, WHEN_STRICT_SPECULATION },
        { OP_RLIMITS },
        { OP_SECCOMP },
};

/* The host's own names, of which Landlock opens as many as the mounts above bind: it is the only wall around
 * files here, and without truncate() in it (ABI 3) it would be none. */
#define LANDLOCK_ABI_ALONE 3

static const Row process_rows[] = {
        { OP_CGROUP },
        { OP_ALLOW_READ, WHEN_FILES, .target = PYTHON_STDLIB },
        { OP_ALLOW_READ, WHEN_FILES, .target = PLAN_LIBRARY_DIRECTORY },
        { OP_ALLOW_READ, WHEN_FILES, .target = "/usr/share/zoneinfo", .arg = PLAN_OPTIONAL },
        { OP_ALLOW_DEVICE, WHEN_FILES, .target = "/dev/null", .arg = PLAN_WRITABLE },
        { OP_ALLOW_DEVICE, WHEN_FILES, .target = "/dev/zero", .arg = PLAN_WRITABLE },
        { OP_ALLOW_DEVICE, WHEN_FILES, .target = "/dev/full", .arg = PLAN_WRITABLE },
        { OP_ALLOW_DEVICE, WHEN_FILES, .target = "/dev/random" },
        { OP_ALLOW_DEVICE, WHEN_FILES, .target = "/dev/urandom" },
        { OP_OWN_DIRECTORY, WHEN_FILES, .target = "/tmp" },
        { OP_CHDIR, WHEN_NO_FILES, .target = "/" },
        { OP_NOT_DUMPABLE },
        { OP_DROP_CAPABILITIES, .arg = PLAN_KEEP_BOUNDING },
        { OP_NO_NEW_PRIVILEGES },
        { OP_DIE_WITH_INIT },
        { OP_LANDLOCK, .arg = LANDLOCK_ABI_ALONE },
        { OP_SPECULATION, WHEN_STRICT_SPECULATION },
        { OP_RLIMITS },
        { OP_SECCOMP },
};

/* A plan being written. The first error stays. */
typedef struct Writer {
        PlanImage *plan;
        int error;
} Writer;

/* Copies a string to the arena, once; returns its offset. */
static uint32_t write_string(Writer *w, const char *s) {
        PlanImage *plan = w->plan;
        size_t size = strlen(s) + 1;

        for (uint32_t offset = 0; offset < plan->arena_size;
             offset += (uint32_t) strlen(plan->arena + offset) + 1)
                if (strcmp(plan->arena + offset, s) == 0)
                        return offset;
        if (size > PLAN_ARENA_MAX - plan->arena_size) {
                w->error = -E2BIG;
                return 0;
        }
        memcpy(plan->arena + plan->arena_size, s, size);
        plan->arena_size += (uint32_t) size;
        return plan->arena_size - (uint32_t) size;
}

/* The list as one string, elements separated by '\n'. */
static uint32_t write_list(Writer *w, char *const *list) {
        char joined[PLAN_ARENA_MAX];
        size_t n = 0;

        for (; *list; list++) {
                size_t size = strlen(*list);

                if (size + 1 > sizeof(joined) - n) {
                        w->error = -E2BIG;
                        return 0;
                }
                if (n > 0)
                        joined[n - 1] = '\n';
                memcpy(joined + n, *list, size + 1);
                n += size + 1;
        }
        return write_string(w, n > 0 ? joined : "");
}

static void write_step(Writer *w,
                       PlanOp op,
                       PlanPhase phase,
                       const char *source,
                       const char *target,
                       uint64_t arg) {
        uint32_t source_offset = write_string(w, source ? source : "");
        uint32_t target_offset = write_string(w, target ? target : "");

        if (w->plan->n_steps >= PLAN_STEPS_MAX) {
                w->error = -E2BIG;
                return;
        }
        w->plan->steps[w->plan->n_steps++] = (PlanStep){
                .op = (uint16_t) op,
                .phase = (uint16_t) phase,
                .source = source_offset,
                .target = target_offset,
                .arg = arg,
        };
}

static bool has_directory(const PlanImage *plan, const char *path) {
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                if (step->op == OP_MKDIR && strcmp(plan_string(plan, step->target), path) == 0)
                        return true;
        return false;
}

/* A step for each directory above path that is not there yet, and one for path itself if it is a
 * directory. path is relative to the root. */
static void write_directories(Writer *w, const char *path, bool is_directory) {
        char prefix[256];

        for (const char *end = path; *end != '\0';) {
                end += strcspn(end + 1, "/") + 1;
                if (*end == '\0' && !is_directory)
                        return;
                if ((size_t) (end - path) >= sizeof(prefix)) {
                        w->error = -E2BIG;
                        return;
                }
                memcpy(prefix, path, (size_t) (end - path));
                prefix[end - path] = '\0';
                if (!has_directory(w->plan, prefix))
                        write_step(w, OP_MKDIR, PHASE_ROOT, NULL, prefix, 0755);
        }
}

static void write_row(Writer *w, const Row *row) {
        const char *target = row->target;
        PlanPhase phase = plan_op_phase(row->op);

        if (target && phase == PHASE_ROOT && w->plan->engine == ENGINE_NAMESPACE) {
                bool is_file = row->op == OP_SYMLINK || row->op == OP_WRITE_FILE ||
                               row->op == OP_BIND_DEVICE;

                target++; /* the slash */
                write_directories(w, target, !is_file);
        }
        write_step(w, row->op, phase, row->source, target, row->arg);
}

/* What the profile itself adds to the root. Of packages each has a step of its own: what else is in a
 * directory of wheels is not in the box. */
static void write_read_only(Writer *w, const Profile *profile, PlanOp op) {
        for (char *const *path = profile->package_paths; *path; path++)
                write_row(w, &(Row){ op, WHEN_FILES, *path, *path, 0 });
        for (char *const *path = profile->read_only; *path; path++)
                write_row(w, &(Row){ op, WHEN_FILES, *path, *path, PLAN_OPTIONAL });
}

/* The rows of each engine, and in front of which one its profile's own come. */
static const struct {
        const Row *rows;
        size_t n;
        PlanOp read_only, behind_read_only;
} engines[_ENGINE_MAX] = {
        [ENGINE_NAMESPACE] = { namespace_rows, ELEMENTSOF(namespace_rows), OP_BIND_READ_ONLY,
                               OP_PIVOT_ROOT },
        [ENGINE_PROCESS] = { process_rows, ELEMENTSOF(process_rows), OP_ALLOW_READ,
                             OP_OWN_DIRECTORY },
};

static void write_steps(Writer *w, const Profile *profile, unsigned have) {
        FOREACH_ARRAY(row, engines[profile->engine].rows, engines[profile->engine].n) {
                if (row->op == engines[profile->engine].behind_read_only)
                        write_read_only(w, profile, engines[profile->engine].read_only);
                /* A job starts in /app, also where it can write nothing there. */
                if (row->op == OP_PIVOT_ROOT && !has_directory(w->plan, "app"))
                        write_directories(w, "app", true);
                if ((row->when & have) == row->when)
                        write_row(w, row);
        }
}

static uint32_t profile_flags(const Profile *profile) {
        uint32_t flags = 0;

        if (profile->files == PROFILE_FILES_NONE)
                flags |= PLAN_FLAG_NO_FILES;
        /* The maximum counts: one filter serves every request. */
        if (profile->maximum.value[LIMIT_PROCESSES] > 1)
                flags |= PLAN_FLAG_CAN_FORK;
        if (profile->maximum.value[LIMIT_THREADS] > 0)
                flags |= PLAN_FLAG_THREADS;
        if (profile->network == PROFILE_NETWORK_LOOPBACK)
                flags |= PLAN_FLAG_LOOPBACK;
        if (profile->engine == ENGINE_PROCESS)
                flags |= PLAN_FLAG_NOT_ALONE;
        if (profile->policy)
                flags |= PLAN_FLAG_POLICY;
        if (profile->policy && profile->imports == PROFILE_IMPORTS_WHITELIST)
                flags |= PLAN_FLAG_WHITELIST;
        if (profile->policy && !profile->host_env)
                flags |= PLAN_FLAG_NO_HOST_ENV;
        return flags;
}

static int write_filter(PlanImage *plan) {
        size_t n;
        int r;

        r = filter_compile(job_groups, n_job_groups, plan->flags, DENY_NOTIFY, plan->filter,
                           PLAN_FILTER_MAX, &n);
        if (r < 0)
                return r;
        plan->n_filter = (uint32_t) n;
        plan->n_allowed = syscall_count_allowed(job_groups, n_job_groups, plan->flags);
        return 0;
}

int plan_compile(const Profile *profile, PlanImage **ret_plan) {
        _cleanup_free_ PlanImage *plan = calloc(1, sizeof(*plan));
        Writer w = { .plan = plan };
        unsigned have = 0;
        int r;

        if (!plan)
                return -ENOMEM;
        plan->magic = PLAN_MAGIC;
        plan->digest = profile_digest_short(profile);
        plan->engine = profile->engine;
        plan->flags = profile_flags(profile);
        plan->arena_size = 1; /* offset 0 is the empty string */
        plan->name = write_string(&w, profile->name);
        plan->preload = write_list(&w, profile->preload);
        plan->environment = write_list(&w, profile->environment);
        plan->packages = write_list(&w, profile->packages);
        plan->package_paths = write_list(&w, profile->package_paths);
        plan->modules = write_list(&w, profile->modules);
        plan->internal = write_list(&w, profile->internal);
        if (profile->policy)
                plan->deny_modules = write_list(&w, profile->deny_modules);

        if (profile->files != PROFILE_FILES_NONE)
                have |= WHEN_FILES;
        else
                have |= WHEN_NO_FILES;
        if (profile->proc == PROFILE_PROC_PIDS)
                have |= WHEN_PROC;
        if (profile->network == PROFILE_NETWORK_LOOPBACK)
                have |= WHEN_LOOPBACK;
        if (profile->speculation == PROFILE_SPECULATION_STRICT)
                have |= WHEN_STRICT_SPECULATION;
        write_steps(&w, profile, have);
        if (w.error < 0)
                return w.error;
        r = write_filter(plan);
        if (r < 0)
                return r;
        r = plan_check(plan, NULL);
        if (r < 0)
                return r;
        *ret_plan = TAKE_PTR(plan);
        return 0;
}

int plan_broker_filter(struct sock_filter *ret_filter, size_t max, size_t *ret_n) {
        return filter_compile(broker_groups, n_broker_groups, 0, DENY_EPERM, ret_filter, max,
                              ret_n);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files of a job once more, by Landlock: it goes by inodes and not by mounts, so it holds where a mount has a wrong
 * flag, a descriptor leads out of the root, or somebody has all capabilities. The rules are made of the steps that
 * built the root. They cannot be made before the box: /app and /tmp are its own.
 *
 * What is handled and allowed nowhere is denied everywhere: execute, make devices, ioctl() on devices. */

#include <errno.h>
#include <fcntl.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "cage/internal.h"
#include "cage/sys.h"

/* Younger than the headers of Debian 12. */
#define ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#define ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15)
#define ACCESS_NET_BIND_TCP (UINT64_C(1) << 0)
#define ACCESS_NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define RESTRICT_SELF_LOG_SAME_EXEC_OFF (UINT32_C(1) << 0)

/* From which version of the interface on. */
#define ABI_TRUNCATE 3
#define ABI_NETWORK 4
#define ABI_IOCTL 5
#define ABI_SCOPES 6
#define ABI_LOG 7

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                                    \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                         \
         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                          \
         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                            \
         LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | \
         ACCESS_FS_TRUNCATE)
#define NEVER                                                        \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
         LANDLOCK_ACCESS_FS_MAKE_BLOCK | ACCESS_FS_IOCTL_DEV)

/* What a step of the plan lets a job do below its target; others nothing. */
static const uint64_t op_access[_OP_MAX] = {
        [OP_WRITE_FILE] = LANDLOCK_ACCESS_FS_READ_FILE,
        [OP_BIND_DEVICE] = LANDLOCK_ACCESS_FS_READ_FILE,
        [OP_BIND_READ_ONLY] = READ,
        [OP_ALLOW_DEVICE] = LANDLOCK_ACCESS_FS_READ_FILE,
        [OP_ALLOW_READ] = READ,
        [OP_OWN_DIRECTORY] = READ | WRITE,
        [OP_MOUNT_PROC] = READ,
        [OP_MOUNT_TMPFS] = READ | WRITE,
        /* The names in all directories of the new root, not their files. */
        [OP_PIVOT_ROOT] = LANDLOCK_ACCESS_FS_READ_DIR,
};

static uint64_t step_access(const PlanStep *step) {
        uint64_t access = op_access[step->op];

        if ((step->op == OP_BIND_DEVICE || step->op == OP_ALLOW_DEVICE) &&
            step->arg == PLAN_WRITABLE)
                access |= LANDLOCK_ACCESS_FS_WRITE_FILE;
        return access;
}

static LandlockRuleset ruleset_of(const PlanImage *plan, uint32_t abi) {
        LandlockRuleset ruleset = { .handled_files = READ | WRITE | NEVER };

        if (abi < ABI_TRUNCATE)
                ruleset.handled_files &= ~ACCESS_FS_TRUNCATE;
        if (abi < ABI_IOCTL)
                ruleset.handled_files &= ~ACCESS_FS_IOCTL_DEV;
        /* Of ports on lo a program may have any: those are its network namespace's to keep. */
        if (abi >= ABI_NETWORK && !(plan->flags & PLAN_FLAG_LOOPBACK))
                ruleset.handled_network = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
        if (abi >= ABI_SCOPES)
                ruleset.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        return ruleset;
}

static int allow_step(int ruleset_fd, int root_fd, const char *target, uint64_t access) {
        _cleanup_close_ int fd =
                openat(root_fd, *target == '\0' ? "." : target, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

        return fd < 0 ? -errno : sys_landlock_allow_beneath(ruleset_fd, &rule);
}

/* Relative to the root of the box, or absolute. */
static const char *step_path(const PlanImage *plan, const PlanStep *step) {
        return step->op == OP_OWN_DIRECTORY ? cage_app() : plan_string(plan, step->target);
}

static int allow_steps(int ruleset_fd, const PlanImage *plan, uint64_t handled) {
        _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (root_fd < 0)
                return -errno;
        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                uint64_t access = step_access(step) & handled;
                int r;

                if (access == 0)
                        continue;
                r = allow_step(ruleset_fd, root_fd, step_path(plan, step), access);
                if (r == -ENOENT && step->op == OP_ALLOW_READ && step->arg == PLAN_OPTIONAL)
                        continue;
                if (r < 0)
                        return r;
        }
        return 0;
}

int cage_restrict_files(const PlanImage *plan, uint32_t abi) {
        LandlockRuleset ruleset = ruleset_of(plan, abi);
        _cleanup_close_ int fd = -EBADF;
        int r;

        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                if (step->op == OP_LANDLOCK && abi < step->arg)
                        return -EOPNOTSUPP;
        if (abi == 0)
                return 0;
        fd = sys_landlock_create_ruleset(&ruleset);
        if (fd < 0)
                return fd;
        r = allow_steps(fd, plan, ruleset.handled_files);
        if (r < 0)
                return r;
        /* What a program is refused is its result's to say; the host's audit log is not to be filled by it. */
        return sys_landlock_restrict_self(fd, abi >= ABI_LOG ? RESTRICT_SELF_LOG_SAME_EXEC_OFF : 0);
}

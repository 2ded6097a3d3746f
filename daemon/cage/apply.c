/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan becomes action here, and only here: one loop over one switch. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "cage/internal.h"
#include "cage/sys.h"

static int listener_fd = -EBADF;

int cage_listener(void) {
        return listener_fd;
}

static int cage_set_ids(uint64_t id) {
        /* Both maps have this one id, and the groups of the builder were emptied before. */
        if (setresgid((gid_t) id, (gid_t) id, (gid_t) id) < 0)
                return -errno;
        return setresuid((uid_t) id, (uid_t) id, (uid_t) id) < 0 ? -errno : 0;
}

static int cage_set_filter(const PlanImage *plan) {
        struct sock_fprog program = {
                .len = (unsigned short) plan->n_filter,
                .filter = (struct sock_filter *) plan->filter,
        };

        listener_fd = sys_seccomp_listener(&program);
        return listener_fd < 0 ? listener_fd : 0;
}

/* What a process keeps from now on. */
static int cage_set_flag(PlanOp op) {
        if (op == OP_SESSION_KEYRING)
                return sys_join_session_keyring();
        if (op == OP_SPECULATION)
                return cage_stop_speculation();
        if (op == OP_NOT_DUMPABLE)
                return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
        if (op == OP_DIE_WITH_INIT)
                return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* What concerns all mounts at once. */
static int cage_change_root(PlanOp op) {
        if (op == OP_PRIVATE_MOUNTS)
                return cage_private_mounts();
        return op == OP_PIVOT_ROOT ? cage_pivot_root() : cage_read_only_root();
}

static int cage_apply_step(const CageBox *box, const PlanStep *step) {
        const char *source = plan_string(box->plan, step->source);
        const char *target = plan_string(box->plan, step->target);

        switch ((PlanOp) step->op) {
        case OP_NAMESPACES:
        case OP_CGROUP:
        case OP_ID_MAP:
        case OP_ALLOW_READ:
        case OP_ALLOW_DEVICE:
                return 0; /* done around clone3 by the builder and cage_clone(), or by OP_LANDLOCK */
        case OP_SET_IDS:
                return cage_set_ids(step->arg);
        case OP_MOUNT_ROOT:
                return cage_mount_root(step->arg);
        case OP_MKDIR:
                return cage_make_directory(target, (mode_t) step->arg);
        case OP_SYMLINK:
                return symlink(source, target) < 0 ? -errno : 0;
        case OP_WRITE_FILE:
                return cage_write_file(target, source, (mode_t) step->arg);
        case OP_BIND_READ_ONLY:
                return cage_bind_read_only(source, target, step->arg == PLAN_OPTIONAL);
        case OP_BIND_DEVICE:
                return cage_bind_device(source, target);
        case OP_MOUNT_TMPFS:
                return cage_mount_tmpfs(target, (mode_t) step->arg, &box->make);
        case OP_MOUNT_PROC:
                return cage_mount_proc(target);
        case OP_PRIVATE_MOUNTS:
        case OP_PIVOT_ROOT:
        case OP_READ_ONLY_ROOT:
                return cage_change_root(step->op);
        case OP_OWN_DIRECTORY:
                return cage_make_directory_of_its_own();
        case OP_HOSTNAME:
                return sethostname(source, strlen(source)) < 0 ? -errno : 0;
        case OP_LOOPBACK_UP:
                return cage_loopback_up();
        case OP_CHDIR:
                return chdir(target) < 0 ? -errno : 0;
        case OP_DROP_CAPABILITIES:
                return cage_drop_capabilities(step->arg == PLAN_KEEP_BOUNDING);
        case OP_SESSION_KEYRING:
        case OP_SPECULATION:
        case OP_NOT_DUMPABLE:
        case OP_NO_NEW_PRIVILEGES:
        case OP_DIE_WITH_INIT: /* an init that is gone already reads no word of the cage, and so nothing runs */
                return cage_set_flag(step->op);
        case OP_LANDLOCK:
                return cage_restrict_files(box->plan, box->make.landlock_abi);
        case OP_RLIMITS:
                return cage_set_rlimits(box);
        case OP_SECCOMP:
                return cage_set_filter(box->plan);
        case _OP_MAX:
                break;
        }
        return -EINVAL;
}

int cage_apply(const CageBox *box, PlanPhase first, PlanPhase last, uint32_t *ret_step) {
        for (uint32_t i = 0; i < box->plan->n_steps; i++) {
                const PlanStep *step = &box->plan->steps[i];
                int r;

                if (step->phase < first || step->phase > last)
                        continue;
                r = cage_apply_step(box, step);
                if (r < 0) {
                        *ret_step = i;
                        return r;
                }
        }
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a box is made of in another way without a layer. */

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/macro.h"
#include "basic/sys.h"
#include "cage/internal.h"
#include "switch.h"

long __real_sys_clone3(struct clone_args *args);
long __wrap_sys_clone3(struct clone_args *args);
int __real_mount(const char *source,
                 const char *target,
                 const char *type,
                 unsigned long flags,
                 const void *data);
int __wrap_mount(const char *source,
                 const char *target,
                 const char *type,
                 unsigned long flags,
                 const void *data);
int __real_mount_setattr(
        int fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size);
int __wrap_mount_setattr(
        int fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size);
int __real_cage_apply(const CageBox *box, PlanPhase first, PlanPhase last, uint32_t *ret_step);
int __wrap_cage_apply(const CageBox *box, PlanPhase first, PlanPhase last, uint32_t *ret_step);

long __wrap_sys_clone3(struct clone_args *args) {
        static const struct {
                Layer layer;
                uint64_t flag;
        } rows[] = {
                { LAYER_USER_NAMESPACE, CLONE_NEWUSER },
                { LAYER_MOUNT_NAMESPACE, CLONE_NEWNS },
                { LAYER_PID_NAMESPACE, CLONE_NEWPID },
                { LAYER_NETWORK_NAMESPACE, CLONE_NEWNET },
                { LAYER_IPC_NAMESPACE, CLONE_NEWIPC },
                { LAYER_UTS_NAMESPACE, CLONE_NEWUTS },
                { LAYER_CGROUP_NAMESPACE, CLONE_NEWCGROUP },
                { LAYER_CGROUP_MEMORY, CLONE_INTO_CGROUP },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (args && switch_is_off(row->layer))
                        args->flags &= ~row->flag;
        return __real_sys_clone3(args);
}

int __wrap_mount(const char *source,
                 const char *target,
                 const char *type,
                 unsigned long flags,
                 const void *data) {
        if (switch_is_off(LAYER_READ_ONLY_ROOT))
                flags &= ~(unsigned long) (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY);
        return __real_mount(source, target, type, flags, data);
}

int __wrap_mount_setattr(
        int fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size) {
        if (switch_is_off(LAYER_READ_ONLY_ROOT))
                attr->attr_set = 0;
        return __real_mount_setattr(fd, path, flags, attr, size);
}

/* Steps that are left out because they are the layer, or because without it they would reach the host, and the
 * kernel refuses them. */
static bool step_is_off(const PlanStep *step) {
        static const struct {
                PlanOp op;
                Layer layer;
        } rows[] = {
                { OP_DROP_CAPABILITIES, LAYER_CAPABILITIES },
                { OP_DROP_CAPABILITIES, LAYER_NO_NEW_PRIVILEGES }, /* done below instead */
                { OP_NO_NEW_PRIVILEGES, LAYER_NO_NEW_PRIVILEGES },
                { OP_RLIMITS, LAYER_RLIMITS },
                { OP_SECCOMP, LAYER_SECCOMP },
                { OP_HOSTNAME, LAYER_UTS_NAMESPACE },
                { OP_LOOPBACK_UP, LAYER_NETWORK_NAMESPACE },
                { OP_LANDLOCK, LAYER_LANDLOCK },
                { OP_LANDLOCK, LAYER_MOUNT_NAMESPACE }, /* its rules are for what was mounted */
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (step->op == row->op && switch_is_off(row->layer))
                        return true;
        /* All of the mounts, and what is made on them. */
        return step->phase == PHASE_ROOT && step->op != OP_SET_IDS &&
               switch_is_off(LAYER_MOUNT_NAMESPACE);
}

/* A new proc needs a pid namespace of one's own: without it a box has the host's. */
static void bind_host_proc(PlanImage *plan, PlanStep *step) {
        static const char path[] = "/proc";

        memcpy(plan->arena + plan->arena_size, path, sizeof(path));
        step->op = OP_BIND_READ_ONLY;
        step->source = plan->arena_size;
        plan->arena_size += sizeof(path);
}

/*
 * A filter takes no_new_privs or CAP_SYS_ADMIN, and capset() is no call that the filter lets through. So init and the
 * job have this one capability until the filter is there, and the filter lets through a capset() of exactly this header.
 */
static struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

static int keep_capabilities(uint32_t kept) {
        const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
                { .effective = kept, .permitted = kept }
        };

        /* As long as CAP_SETPCAP is there. */
        for (cap_value_t cap = 0; kept != 0 && cap < cap_max_bits(); cap++)
                if (cap_drop_bound(cap) < 0)
                        return -errno;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static void let_capset_through(PlanImage *plan) {
        uint64_t address = (uintptr_t) &header;
        const struct sock_filter rule[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 5),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) address, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 4),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) (address >> 32), 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };

        memmove(plan->filter + ELEMENTSOF(rule), plan->filter,
                plan->n_filter * sizeof(plan->filter[0]));
        memcpy(plan->filter, rule, sizeof(rule));
        plan->n_filter += ELEMENTSOF(rule);
}

/* The same plan without the steps that are off. */
static void plan_mutate(PlanImage *plan) {
        uint32_t n = 0;

        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                if (step->op == OP_MOUNT_PROC && switch_is_off(LAYER_PID_NAMESPACE))
                        bind_host_proc(plan, step);
                if (!step_is_off(step))
                        plan->steps[n++] = *step;
        }
        plan->n_steps = n;
        if (switch_is_off(LAYER_NO_NEW_PRIVILEGES))
                let_capset_through(plan);
}

int __wrap_cage_apply(const CageBox *box, PlanPhase first, PlanPhase last, uint32_t *ret_step) {
        static PlanImage plan;
        CageBox mutated = *box;
        int r;

        plan = *box->plan;
        plan_mutate(&plan);
        mutated.plan = &plan;
        r = __real_cage_apply(&mutated, first, last, ret_step);
        if (r == 0 && last != PHASE_JOB && switch_is_off(LAYER_NO_NEW_PRIVILEGES))
                r = keep_capabilities(last == PHASE_LAST ? 0 : 1U << CAP_SYS_ADMIN);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>

#include "basic/sys.h"
#include "cage/internal.h"
#include "cage/sys.h"

/* Where glibc caches the thread id; clone3() must refresh it as fork() would. */
static int *tid_address;

int *cage_tid_address(void) {
        return tid_address;
}

int cage_prepare(void) {
        pthread_attr_t attributes;
        int r;

        r = sys_tid_address(&tid_address);
        if (r < 0)
                return r;
        r = cage_prepare_capabilities();
        if (r < 0)
                return r;
        r = cage_prepare_denied();
        if (r < 0)
                return r;
        r = -pthread_getattr_default_np(&attributes);
        if (r < 0)
                return r;
        r = -pthread_attr_setstacksize(&attributes, CAGE_THREAD_STACK);
        if (r == 0)
                r = -pthread_setattr_default_np(&attributes);
        (void) pthread_attr_destroy(&attributes);
        return r;
}

static uint64_t cage_namespaces(const PlanImage *plan) {
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                if (step->op == OP_NAMESPACES)
                        return step->arg;
        return 0;
}

int cage_clone(const CageBox *box, int *ret_pidfd) {
        int pidfd = -EBADF;
        struct clone_args args = {
                /* CLONE_PARENT: the box is the builder's child, so the builder can reap and kill it
                 * by pidfd, and its death signal comes when the builder dies. */
                .flags = cage_namespaces(box->plan) | CLONE_PARENT | CLONE_PIDFD |
                         CLONE_CLEAR_SIGHAND | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                .pidfd = (uintptr_t) &pidfd,
                .child_tid = (uintptr_t) tid_address,
        };
        long pid;

        if (box->make.has_cgroup) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t) box->fds[MAKE_FD_CGROUP];
        }
        pid = sys_clone3(&args);
        if (pid > 0)
                *ret_pidfd = pidfd;
        return (int) pid;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The box's init answers the filter's notifications: known, denied calls fail with EPERM and are
 * counted by number, so that the result can name them. The answer is "continue" for one call only, the fork
 * of a session that is being branched (branch.c): the job could change arguments behind the notification's
 * back that are in memory, and those are in registers. */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cage/internal.h"
#include "cage/sys.h"

/* As large as this kernel wants them; made once, before the first box. */
static struct seccomp_notif_sizes sizes;
static struct seccomp_notif *request;
static struct seccomp_notif_resp *response;

int cage_prepare_denied(void) {
        int r = sys_seccomp_sizes(&sizes);

        if (r < 0)
                return r;
        request = calloc(1, MAX((size_t) sizes.seccomp_notif, sizeof(*request)));
        response = calloc(1, MAX((size_t) sizes.seccomp_notif_resp, sizeof(*response)));
        return request && response ? 0 : -ENOMEM;
}

void cage_count_denied(DeniedCalls *denied, uint32_t number) {
        FOREACH_ARRAY(call, denied->calls, denied->n)
                if (call->number == number) {
                        if (call->count < UINT32_MAX)
                                call->count++;
                        return;
                }
        if (denied->n < DENIED_CALLS_MAX)
                denied->calls[denied->n++] = (DeniedCall){ .number = number, .count = 1 };
}

/* What glibc makes fork() of has a name of its own, so that the result can tell it from a thread. */
static uint32_t denied_number(const struct seccomp_data *data) {
#ifdef SYS_fork
        const uint64_t others = CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

        if (data->nr == SYS_clone && (data->args[0] & others) == 0)
                return SYS_fork;
#endif
        return (uint32_t) data->nr;
}

void cage_answer_denied(int listener_fd, DeniedCalls *denied, Branch *branch) {
        BranchAnswer answer;

        memset(request, 0, MAX((size_t) sizes.seccomp_notif, sizeof(*request)));
        if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, request) < 0)
                return; /* ENOENT: the caller was killed meanwhile */
        answer = branch_answer(branch, listener_fd, request);
        if (answer == BRANCH_DENIES)
                cage_count_denied(denied, denied_number(&request->data));
        memset(response, 0, MAX((size_t) sizes.seccomp_notif_resp, sizeof(*response)));
        response->id = request->id;
        if (answer == BRANCH_DENIES)
                response->error = -EPERM;
        else if (answer == BRANCH_FULL)
                response->error = -EAGAIN;
        else if (answer == BRANCH_CONTINUES)
                response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        while (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, response) < 0) {
                if (errno == ENOENT)
                        return; /* as above */
                if (errno != EINTR)
                        _exit(1); /* or the job would wait for ever */
        }
}

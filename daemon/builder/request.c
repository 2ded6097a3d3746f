/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/request.h"

#include <errno.h>

#include "basic/fd.h"
#include "builder/box.h"
#include "builder/plan-set.h"
#include "launch/reload.h"
#include "launch/self-test.h"
#include "profile/limits.h"
#include "proto/link.h"

static int request_check_start(const ProfileStore *store, const BuilderRequest *request) {
        const Profile *profile;

        if (request->plan >= store->n_profiles || request->box == 0)
                return -EPROTO;
        profile = store->profiles[request->plan];
        if (request->digest != profile_digest_short(profile))
                return -EPROTO;
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                uint64_t value = request->limits.value[id];

                if (value < limit_infos[id].lowest || value > limit_infos[id].highest ||
                    value > profile->maximum.value[id])
                        return -EPROTO;
        }
        return 0;
}

int request_check(const ProfileStore *store, const BuilderRequest *request, size_t n_fds) {
        if (request->box == SELF_TEST_BOX || request->branch == SELF_TEST_BOX)
                return -EPROTO; /* ours */
        switch (request->verb) {
        case BUILDER_START:
                if ((n_fds != BUILDER_START_FDS && n_fds != BUILDER_FDS_MAX) ||
                    request->is_session > 1 || request->cpu_weight > CPU_WEIGHT_MAX)
                        return -EPROTO;
                return request_check_start(store, request);
        case BUILDER_BRANCH:
                return n_fds == BUILDER_START_FDS && request->branch != 0 ? 0 : -EPROTO;
        case BUILDER_RESTART:
                return n_fds == BUILDER_START_FDS ? 0 : -EPROTO;
        case BUILDER_KILL:
                if (n_fds != 0 || (request->reason != END_OUTPUT && request->reason != END_CANCEL &&
                                   request->reason != END_TOOL_CALLS))
                        return -EPROTO;
                return 0;
        case BUILDER_RELOAD:
        case BUILDER_FORGET:
        case BUILDER_SELF_TEST:
                return n_fds == 0 ? 0 : -EPROTO;
        case BUILDER_TOOL_WAIT:
                return n_fds == 0 && request->is_waiting <= 1 ? 0 : -EPROTO;
        case BUILDER_INTERRUPT:
                return n_fds == 0 && (request->reason == END_BY_ITSELF ||
                                      request->reason == END_CANCEL)
                               ? 0
                               : -EPROTO;
        case BUILDER_CELL: /* the rest is checked against the profiles of its box */
        case BUILDER_IDLE:
        case BUILDER_USAGE:
                return n_fds == 0 ? 0 : -EPROTO;
        default:
                return -EPROTO;
        }
}

static int request_cell(Box *box, const BuilderRequest *request) {
        if (!box)
                return 0; /* it raced the end */
        if (!box->is_session)
                return -EPROTO;
        if (request->verb == BUILDER_IDLE) {
                box_end_cell(box);
                return 0;
        }
        if (request->plan != box->plan || request_check_start(box->set->store, request) < 0)
                return -EPROTO;
        box_begin_cell(box, &request->limits);
        return 0;
}

static void close_fds(int *fds) {
        for (size_t i = 0; i < BUILDER_FDS_MAX; i++)
                fd_close(fds[i]);
}

static int request_restart(Box *box, int *fds) {
        if (box && box->is_session) {
                box_restart(box, fds);
                return 0;
        }
        close_fds(fds);
        return box ? -EPROTO : 0; /* it raced the end */
}

static int request_branch(Builder *builder, Box *box, const BuilderRequest *request, int *fds) {
        if (box_find(builder, request->branch) || (box && !box->is_session)) {
                close_fds(fds);
                return -EPROTO;
        }
        box_branch(builder, box, request->branch, fds);
        return 0;
}

/* START: safe because the plan is one of ours and of an engine that is allowed, the numbers are within
 * what the operator allows for it, no share of the CPU is above the highest that an operator can give,
 * and the descriptors only ever become the job's own 0, 1, 2 and 3, and one that init, which has no more
 * rights than the job, answers questions about the job's files on.
 * KILL: safe because it can only end a box that the broker started.
 * TOOL_WAIT: safe because it moves a deadline by no more than LIMIT_TOOL_WAIT.
 * INTERRUPT: safe because a job can send itself any signal.
 * CELL: safe because a session's time is bounded by its lifetime, and that by ours.
 * IDLE: safe because it stops no clock but that one.
 * RESTART: safe as START is: the same plan and the same limits.
 * USAGE: safe because it tells the broker what the job's result would.
 * BRANCH: safe as START is, and because the profile says how many there are.
 * RELOAD: safe because the files are the operator's, and it happens once at a time.
 * FORGET: safe because a START that names what is forgotten finds no plan.
 * SELF_TEST: safe because it is one box at a time, and what runs in it is ours. */
static int request_run(Builder *builder, PlanSet *set, const BuilderRequest *request, int *fds) {
        Box *box = box_find(builder, request->box);

        if (request->verb == BUILDER_KILL) {
                if (box)
                        box_kill(box, request->reason);
                return 0;
        }
        if (request->verb == BUILDER_RELOAD)
                return reload_start(builder);
        if (request->verb == BUILDER_SELF_TEST) {
                self_test_ask(builder);
                return 0;
        }
        if (request->verb == BUILDER_FORGET) {
                plan_set_forget(builder, request->plan);
                return 0;
        }
        if (request->verb == BUILDER_TOOL_WAIT) {
                if (box)
                        box_tool_wait(box, request->waited_usec, request->is_waiting);
                return 0;
        }
        if (request->verb == BUILDER_USAGE) {
                box_report_usage(builder, request->box);
                return 0;
        }
        if (request->verb == BUILDER_INTERRUPT) {
                if (box)
                        box_interrupt(box, request->reason);
                return 0;
        }
        if (request->verb == BUILDER_CELL || request->verb == BUILDER_IDLE)
                return request_cell(box, request);
        if (request->verb == BUILDER_RESTART)
                return request_restart(box, fds);
        if (request->verb == BUILDER_BRANCH)
                return request_branch(builder, box, request, fds);
        if (box || !set) {
                close_fds(fds);
                return -EPROTO;
        }
        if (!(builder->engines & ENGINE_BIT(set->store->profiles[request->plan]->engine))) {
                close_fds(fds); /* the broker refuses such a profile */
                return -EPROTO;
        }
        box_start(set, request, fds);
        if (builder->stopping) {
                box = box_find(builder, request->box);
                if (box)
                        box_kill(box, END_SHUTDOWN);
        }
        return 0;
}

/* A request whose descriptors found no room here is none of a broker that breaks the protocol. */
static int request_refuse(Builder *builder, const BuilderRequest *request) {
        Box *box = box_find(builder, request->box);

        if (request->verb == BUILDER_START && request->box != SELF_TEST_BOX && !box)
                box_refuse(builder, request->box, -EMFILE);
        else if (request->verb == BUILDER_BRANCH && request->branch != SELF_TEST_BOX &&
                 !box_find(builder, request->branch))
                box_refuse(builder, request->branch, -EMFILE);
        else if (request->verb == BUILDER_RESTART && (!box || box->is_session)) {
                if (box)
                        box_kill(box, END_CANCEL);
        } else
                return -EPROTO;
        return 0;
}

int request_receive(Builder *builder, int fd) {
        int fds[BUILDER_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF };
        PlanSet *set = NULL;
        BuilderRequest request;
        size_t n_fds = 0;
        int r;

        r = link_receive(fd, &request, sizeof(request), fds, ELEMENTSOF(fds), &n_fds);
        if (r == -EAGAIN)
                return 0;
        if (r == -EMFILE)
                return request_refuse(builder, &request);
        if (r <= 0)
                return r == 0 ? -ECONNRESET : r;
        if (request.verb == BUILDER_START)
                set = plan_set_find(builder, request.plan, request.digest);
        r = request_check(set ? set->store : builder->plans->store, &request, n_fds);
        if (r < 0) {
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(fds[i]);
                return r;
        }
        return request_run(builder, set, &request, fds);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a box comes into being: with a job that it is for, or as a spare one that has none yet. */

#include "builder/box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "builder/engine.h"
#include "builder/plan-set.h"
#include "builder/spare.h"
#include "builder/sys.h"
#include "builder/template.h"
#include "launch/self-test.h"
#include "proto/link.h"

static void box_close_fds(Box *box) {
        FOREACH_ARRAY(fd, box->fds, BUILDER_FDS_MAX)
                *fd = fd_close(*fd);
}

/* Tells it which job it is for. */
static int box_send_start(const Box *box,
                          const Limits *limits,
                          bool is_session,
                          const int fds[static BUILDER_FDS_MAX]) {
        BoxStart start = { .has_files = fds[START_FD_FILES] >= 0, .limits = *limits };

        /* RLIMIT_CPU counts all cells together. */
        if (is_session)
                start.limits.value[LIMIT_CPU_TIME] = SESSION_LIFETIME_USEC_MAX;
        return link_send(box->control_fd, &start, sizeof(start), fds,
                         START_FD_FILES + start.has_files);
}

/* The box is cloned: maps, then "go". Until then its init waits and has run nothing. */
static int box_release(Box *box) {
        static const char go = BOX_GO;
        Builder *builder = box->builder;
        int r;

        r = box_watch_exit(box);
        if (r < 0)
                return r;
        r = box_watch_control(box);
        if (r < 0)
                return r;
        if (!box->is_spare)
                r = box_set_deadline(box, clock_monotonic_usec() + SETUP_TIMEOUT_USEC);
        if (r < 0)
                return r;
        r = sys_pidfd_pid(box->pidfd, &box->pid);
        if (r < 0)
                return r;
        box->setup_op = OP_ID_MAP;
        r = engine_calls(box)->admit(box);
        if (r < 0)
                return r;
        box->setup_op = _OP_MAX;
        if (box->id == SELF_TEST_BOX)
                self_test_look(builder->self_test, box);
        r = link_send(box->control_fd, &go, sizeof(go), NULL, 0);
        if (r < 0 || box->is_spare)
                return r;
        r = box_send_start(box, &box->limits, box->is_session, box->fds);
        box_close_fds(box);
        return r;
}

void box_cloned(Box *box, int pidfd) {
        int r;

        list_remove(&box->queue);
        box->pidfd = pidfd;
        box->state = BOX_SETUP;
        r = box_release(box);
        if (r < 0) {
                box->setup_error = -r;
                (void) sys_kill_pidfd_of(pidfd, box->uid);
                if (!box->exit_source)
                        box_fail(box, r);
        } else if (box->end_reason != END_BY_ITSELF)
                (void) sys_kill_pidfd_of(pidfd, box->uid);
}

int box_send_make(Box *box, int link_fd, uint64_t template_vm_bytes) {
        TemplateMake make = {
                .box = box->id,
                .disk_bytes = box->limits.value[LIMIT_DISK],
                .disk_files = box->limits.value[LIMIT_DISK_FILES],
                .vm_bytes = template_vm_bytes,
                .has_cgroup = box->leaf_fd >= 0,
                .has_counter = box->builder->counter_error == 0,
                .is_probe = box->id == SELF_TEST_BOX,
                .n_others = engine_calls(box)->count_others(box),
                .landlock_abi = box->builder->landlock_abi,
        };
        int control[2], r;

        r = fd_socketpair(control, SOCK_SEQPACKET);
        if (r < 0)
                return r;
        box->control_fd = control[0];
        box->room_fd = control[1];
        r = fd_set_nonblock(box->control_fd, true);
        if (r < 0)
                return r;
        return link_send(link_fd, &make, sizeof(make), (const int[]){ box->room_fd, box->leaf_fd },
                         MAKE_FD_CGROUP + (box->leaf_fd >= 0));
}

/* From now on it is the box of this id. */
static void box_name(Box *box, uint64_t id) {
        list_remove(&box->bucket);
        box->id = id;
        box->is_spare = false;
        box->requested_usec = clock_monotonic_usec();
        list_insert_before(box_bucket(box->builder, id), &box->bucket);
        box->builder->n_boxes++;
}

static Box *box_alloc(PlanSet *set) {
        Box *box = malloc(sizeof(*box));

        if (!box)
                return NULL;
        *box = (Box){
                .builder = set->builder,
                .set = set,
                .interpreter_pidfd = -EBADF,
                .control_fd = -EBADF,
                .room_fd = -EBADF,
                .pidfd = -EBADF,
                .leaf_fd = -EBADF,
                .uid = (uid_t) -1,
                .setup_step = UINT32_MAX,
                .setup_op = _OP_MAX,
                .requested_usec = clock_monotonic_usec(),
        };
        FOREACH_ARRAY(fd, box->fds, BUILDER_FDS_MAX)
                *fd = -EBADF;
        list_init(&box->bucket);
        list_init(&box->queue);
        list_init(&box->branches);
        set->n_boxes++;
        return box;
}

Box *box_add(PlanSet *set, uint64_t id) {
        Box *box = box_alloc(set);

        if (box)
                box_name(box, id);
        return box;
}

/* One with a slot, an id range and a cgroup of its own, which nobody has asked for yet. */
static Box *box_new_spare(PlanSet *set, uint32_t plan, const Limits *limits) {
        Builder *builder = set->builder;
        uint32_t slot;
        Box *box;

        if (slots_take(builder->slots, &slot) < 0)
                return NULL;
        box = box_alloc(set);
        if (!box) {
                slots_release(builder->slots, slot);
                return NULL;
        }
        box->is_spare = true;
        box->plan = plan;
        box->slot = slot;
        box->limits = *limits;
        list_insert_before(&builder->spares, &box->bucket);
        return box;
}

/* Limits of the request's box. Each branch is a process. */
static Limits box_limits(const PlanSet *set, const BuilderRequest *request) {
        Limits limits = request->limits;

        if (request->is_session)
                limits.value[LIMIT_THREADS] +=
                        set->store->profiles[request->plan]->session_branches;
        return limits;
}

/* The spare box becomes the request's. */
static void box_assign(Box *box,
                       const BuilderRequest *request,
                       const Limits *limits,
                       int fds[BUILDER_FDS_MAX]) {
        box->limits = *limits;
        box->has_files = fds[BUILDER_START_FDS] >= 0;
        box->is_session = request->is_session;
        memcpy(box->fds, fds, sizeof(box->fds));
        box_name(box, request->box);
}

/* No box came into being for this request. */
void box_refuse(Builder *builder, uint64_t id, int error) {
        BuilderReport report = {
                .kind = BUILDER_ENDED,
                .box = id,
                .facts = {
                        .setup_error = -error,
                        .setup_step = UINT32_MAX,
                        .setup_op = _OP_MAX,
                },
        };

        builder_report(builder, &report);
}

/* Its cgroup, and then its clone. */
static int box_make(Box *box, uint32_t cpu_weight) {
        Template *template;
        Builder *builder = box->builder;
        int r;

        if (builder->cgroups.layers != 0) {
                box->setup_op = OP_CGROUP;
                r = cgroup_leaf_new(&builder->cgroups, box->slot, &box->limits, cpu_weight,
                                    &box->leaf_fd);
                if (r < 0)
                        return r;
                box->setup_op = _OP_MAX;
        }
        r = engine_calls(box)->find_template(box, &template);
        if (r < 0)
                return r;
        template_add(template, box);
        return 0;
}

int box_start_spare(PlanSet *set, uint32_t plan) {
        Box *box = box_new_spare(set, plan, &set->store->profiles[plan]->limits);
        int r;

        if (!box)
                return -EAGAIN;
        r = box_make(box, 0);
        if (r < 0)
                box_free(box);
        return r;
}

/* Whether a spare box is now the request's. One that does not take it is none that can be used. */
static bool box_use_spare(PlanSet *set,
                          const BuilderRequest *request,
                          const Limits *limits,
                          int fds[BUILDER_FDS_MAX]) {
        Box *box = spare_find(set, request);
        int r = 0;

        if (!box)
                return false;
        if (box->leaf_fd >= 0 &&
            (request->cpu_weight != 0 || memcmp(&box->limits, limits, sizeof(*limits)) != 0))
                r = cgroup_leaf_limit(&box->builder->cgroups, box->leaf_fd, limits,
                                      request->cpu_weight);
        if (r >= 0)
                r = box_set_deadline(box, clock_monotonic_usec() + SETUP_TIMEOUT_USEC);
        if (r >= 0)
                r = box_send_start(box, limits, request->is_session, fds);
        if (r < 0) {
                box_kill(box, END_SHUTDOWN);
                return false;
        }
        box_assign(box, request, limits, fds);
        box_close_fds(box);
        return true;
}

void box_start(PlanSet *set, const BuilderRequest *request, int fds[BUILDER_FDS_MAX]) {
        const Limits limits = box_limits(set, request);
        Builder *builder = set->builder;
        Box *box = NULL;
        int r;

        /* One more for ourselves: whoever asks how the boxes are need not wait for a place. */
        if (builder->n_boxes < builder->max_boxes + (request->box == SELF_TEST_BOX)) {
                bool had_one = box_use_spare(set, request, &limits, fds);

                spare_count_start(set, request, had_one);
                if (had_one)
                        return;
                box = box_new_spare(set, request->plan, &limits);
        }
        if (!box) {
                for (size_t i = 0; i < BUILDER_FDS_MAX; i++)
                        fd_close(fds[i]);
                box_refuse(builder, request->box, -EAGAIN);
                return;
        }
        box_assign(box, request, &limits, fds);
        r = box_make(box, request->cpu_weight);
        if (r < 0) {
                log_error("Preparing a box failed: %s", strerror(-r));
                box_fail(box, r);
        }
}

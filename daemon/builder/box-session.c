/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a box does while it runs: interrupts, and in a session cells and other interpreters. */

#include "builder/box.h"

#include <errno.h>
#include <sys/socket.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "builder/plan-set.h"
#include "builder/sys.h"
#include "builder/usage.h"
#include "proto/link.h"

void box_interrupt(Box *box, EndReason reason) {
        static const char interrupt = BOX_INTERRUPT;

        if (box->state != BOX_RUNNING || box->end_reason != END_BY_ITSELF)
                return;
        if (box->is_session && !box->in_cell)
                return; /* it would be for nobody */
        /* A full link is one of an init that has not read so many before: one of them is enough. */
        if (link_send(box->control_fd, &interrupt, sizeof(interrupt), NULL, 0) >= 0)
                box->n_interrupts++;
        if (!box->is_session || reason == END_BY_ITSELF || box->overdue != END_BY_ITSELF)
                return;
        box->overdue = reason;
        if (box_set_deadline(box, clock_monotonic_usec() + SESSION_GRACE_USEC) < 0)
                box_kill(box, reason);
}

static int box_limit_cpu_from_now(Box *box) {
        uint64_t used_usec;
        int r = box_cpu_usec(box, &used_usec);

        return r < 0 ? r : box_limit_cpu(box, used_usec);
}

void box_begin_cell(Box *box, const Limits *limits) {
        uint64_t now_usec = clock_monotonic_usec();
        int r;

        if (box->state != BOX_RUNNING || box->end_reason != END_BY_ITSELF || box->in_cell)
                return;
        box->in_cell = true;
        box->overdue = END_BY_ITSELF;
        for (LimitId id = 0; id < _LIMIT_MAX; id++)
                if (id == LIMIT_WALL_TIME || id == LIMIT_CPU_TIME || id == LIMIT_TOOL_WAIT)
                        box->limits.value[id] = limits->value[id];
        box->clock = wall_clock_start(&box->limits, now_usec);
        r = box_set_deadline(box, wall_clock_deadline(&box->clock));
        if (r >= 0)
                r = box_limit_cpu_from_now(box);
        if (r < 0)
                box_kill(box, END_UNTIMED); /* never without its limits */
}

static BoxFacts box_cell_facts(const Box *box) {
        BoxFacts facts = {
                .end_reason = box->overdue,
                .setup_step = UINT32_MAX,
                .setup_op = _OP_MAX,
                .has_record = 1,
                .wall_usec = wall_clock_elapsed(&box->clock, clock_monotonic_usec()),
        };
        uint64_t used_usec = 0;

        if (box_cpu_usec(box, &used_usec) >= 0 && used_usec > box->cell_cpu_usec)
                facts.cpu_user_usec = used_usec - box->cell_cpu_usec; /* of both kinds */
        return facts;
}

static void box_report_cell(Box *box) {
        BuilderReport report = {
                .kind = BUILDER_CELL_ENDED,
                .box = box->id,
                .facts = box_cell_facts(box),
        };

        box->wants_idle = false;
        builder_report(box->builder, &report);
}

void box_end_cell(Box *box) {
        if (box->state != BOX_RUNNING || box->end_reason != END_BY_ITSELF || !box->in_cell)
                return; /* ENDED is the answer */
        box->in_cell = false;
        box->wants_idle = true;
        if (box_set_deadline(box, box_lifetime_end(box)) < 0)
                box_kill(box, END_UNTIMED);
        else if (box->n_interrupts == 0)
                box_report_cell(box);
}

void box_interrupted(Box *box) {
        if (box->n_interrupts > 0)
                box->n_interrupts--;
        if (box->n_interrupts == 0 && box->wants_idle && box->state == BOX_RUNNING)
                box_report_cell(box);
}

void box_set_interpreter(Box *box, int pidfd) {
        fd_close(box->interpreter_pidfd);
        box->interpreter_pidfd = pidfd;
        if (pidfd < 0 || sys_pidfd_pid(pidfd, &box->interpreter_pid) < 0)
                box->interpreter_pid = 0;
}

void box_restart(Box *box, int fds[BUILDER_START_FDS]) {
        static const char restart = BOX_RESTART;
        int r = 0;

        if (box->state == BOX_RUNNING &&
            box->end_reason == END_BY_ITSELF) { /* else ENDED is the answer */
                box->cell_restarts = box->in_cell;
                box->in_cell = false;
                r = box_set_deadline(box, clock_monotonic_usec() + SETUP_TIMEOUT_USEC);
                if (r >= 0)
                        r = link_send(box->control_fd, &restart, sizeof(restart), fds,
                                      BOX_RESTART_FDS);
        }
        for (size_t i = 0; i < BUILDER_START_FDS; i++)
                fd_close(fds[i]);
        if (r < 0)
                box_kill(box, END_CANCEL);
}

void box_restarted(Box *box) {
        BuilderReport report = { .kind = BUILDER_RESTARTED, .box = box->id };
        int r;

        if (box->state != BOX_RUNNING || box->end_reason != END_BY_ITSELF)
                return;
        if (box->cell_restarts) {
                report.facts = box_cell_facts(box);
                if (box->overdue == END_BY_ITSELF)
                        report.facts.end_reason = END_CANCEL;
        }
        box_set_interpreter(box, -EBADF); /* it is alone */
        r = box_set_deadline(box, box_lifetime_end(box));
        if (r >= 0)
                r = box_limit_cpu_from_now(box);
        if (r < 0)
                box_kill(box, END_UNTIMED); /* never without its limits */
        builder_report(box->builder, &report);
}

/* Whether there may be one more, by the profile. */
static bool box_may_branch(const Box *base) {
        const Box *trunk = base->trunk ?: base;
        size_t n = 1;

        LIST_FOREACH(l, &trunk->branches)
                n += container_of(l, Box, branches)->state != BOX_OVER;
        return base->state == BOX_RUNNING && base->end_reason == END_BY_ITSELF && !base->in_cell &&
               n <= base->set->store->profiles[base->plan]->session_branches &&
               base->builder->n_boxes < base->builder->max_boxes;
}

static int box_send_branch(Box *base, Box *branch, const int fds[static BUILDER_START_FDS]) {
        static const char word = BOX_BRANCH;
        _cleanup_close_ int control_fd = -EBADF;
        int control[2], all[BOX_BRANCH_FDS], r;

        r = fd_socketpair(control, SOCK_SEQPACKET);
        if (r < 0)
                return r;
        branch->control_fd = control[0];
        control_fd = control[1];
        r = fd_set_nonblock(branch->control_fd, true);
        if (r >= 0)
                r = box_watch_control(branch);
        if (r >= 0)
                r = box_set_deadline(branch, clock_monotonic_usec() + SETUP_TIMEOUT_USEC);
        if (r < 0)
                return r;
        all[0] = control_fd;
        for (size_t i = 0; i < BUILDER_START_FDS; i++)
                all[1 + i] = fds[i];
        return link_send(base->control_fd, &word, sizeof(word), all, BOX_BRANCH_FDS);
}

static int box_make_branch(Box *base, uint64_t id, const int fds[static BUILDER_START_FDS]) {
        Box *branch = box_may_branch(base) ? box_add(base->set, id) : NULL;
        int r;

        if (!branch)
                return -EAGAIN;
        branch->trunk = base->trunk ?: base;
        branch->state = BOX_SETUP;
        branch->plan = base->plan;
        branch->limits = base->limits;
        branch->is_session = true;
        list_insert_before(&branch->trunk->branches, &branch->branches);
        r = box_send_branch(base, branch, fds);
        if (r < 0)
                box_fail(branch, r);
        else
                base->next_branch = id;
        return 0;
}

void box_branch(Builder *builder, Box *base, uint64_t id, int fds[BUILDER_START_FDS]) {
        int r = base ? box_make_branch(base, id, fds) : -EAGAIN;

        if (r < 0)
                box_refuse(builder, id, r);
        for (size_t i = 0; i < BUILDER_START_FDS; i++)
                fd_close(fds[i]);
}

void box_branching(Box *base, int pidfd) {
        BuilderReport report = { .kind = BUILDER_BRANCHING, .box = base->next_branch };
        int r;

        box_set_interpreter(base, pidfd);
        if (base->state != BOX_RUNNING || base->end_reason != END_BY_ITSELF)
                return;
        /* From now on its time is its own, and no more that of all processes of the box. */
        r = box_limit_cpu_from_now(base);
        if (r < 0)
                box_kill(base, END_UNTIMED); /* never without its limits */
        builder_report(base->builder, &report);
}

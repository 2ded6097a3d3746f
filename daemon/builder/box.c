/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/box.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "builder/plan-set.h"
#include "builder/spare.h"
#include "builder/sys.h"
#include "builder/template.h"
#include "builder/usage.h"
#include "proto/layers.h"
#include "proto/link.h"

/* How long init has to end a job in order. */
#define STOP_TIMEOUT_USEC (100 * USEC_PER_MSEC)
#define CPU_CHECK_MIN_USEC (2 * USEC_PER_MSEC)

List *box_bucket(Builder *builder, uint64_t id) {
        return &builder->boxes[id % BUILDER_BUCKETS];
}

Box *box_find(Builder *builder, uint64_t id) {
        LIST_FOREACH(i, box_bucket(builder, id)) {
                Box *box = container_of(i, Box, bucket);

                if (box->id == id)
                        return box;
        }
        return NULL;
}

static void box_unref_sources(Box *box) {
        box->control_source = sd_event_source_disable_unref(box->control_source);
        box->exit_source = sd_event_source_disable_unref(box->exit_source);
        box->wall_source = sd_event_source_disable_unref(box->wall_source);
        box->cpu_source = sd_event_source_disable_unref(box->cpu_source);
}

void box_free(Box *box) {
        box_unref_sources(box);
        list_remove(&box->bucket);
        list_remove(&box->queue);
        FOREACH_ARRAY(fd, box->fds, BUILDER_FDS_MAX)
                fd_close(*fd);
        fd_close(box->control_fd);
        fd_close(box->room_fd);
        fd_close(box->pidfd);
        fd_close(box->interpreter_pidfd);
        list_remove(&box->branches);
        template_release(box->template);
        if (!box->trunk)
                builder_release_slot(box->builder, box->slot, box->leaf_fd >= 0);
        fd_close(box->leaf_fd);
        box->set->n_boxes--;
        plan_set_check(box->set);
        free(box);
}

/* The result is known: it goes out now, and what is left of the box goes after it. */
static void box_report_end(Box *box, const BoxFacts *facts) {
        BuilderReport report = { .kind = BUILDER_ENDED, .box = box->id, .facts = *facts };

        box->state = BOX_OVER;
        if (box->is_spare) {
                if (box->end_reason == END_BY_ITSELF)
                        spare_failed(box);
                return;
        }
        box->wall_source = sd_event_source_disable_unref(box->wall_source);
        box->cpu_source = sd_event_source_disable_unref(box->cpu_source);
        box->builder->n_boxes--;
        builder_report(box->builder, &report);
}

/* The failed step, by its number if it is one of init's. */
static void box_name_step(const Box *box, BoxFacts *facts) {
        const PlanImage *plan = box->set->plans[box->plan];

        facts->setup_step = box->setup_step;
        facts->setup_op = plan && box->setup_step < plan->n_steps
                                  ? (PlanOp) plan->steps[box->setup_step].op
                                  : box->setup_op;
}

void box_fail(Box *box, int error) {
        BoxFacts facts = { .end_reason = box->end_reason, .setup_error = -error };

        box_name_step(box, &facts);

        box_report_end(box, &facts);
        box_free(box);
}

static int box_on_wall(sd_event_source *source, uint64_t usec, void *userdata);
static int box_on_cpu(sd_event_source *source, uint64_t usec, void *userdata);
static uint64_t box_next_cpu_check(const Box *box, uint64_t used_usec);

static int box_set_timer(Box *box,
                         sd_event_source **source,
                         uint64_t at_usec,
                         sd_event_time_handler_t handler) {
        *source = sd_event_source_disable_unref(*source);
        return sd_event_add_time(box->builder->event, source, CLOCK_MONOTONIC, at_usec, 1, handler,
                                 box);
}

int box_set_deadline(Box *box, uint64_t at_usec) {
        return box_set_timer(box, &box->wall_source, at_usec, box_on_wall);
}

int box_limit_cpu(Box *box, uint64_t used_usec) {
        box->cell_cpu_usec = used_usec;
        return box_set_timer(box, &box->cpu_source, box_next_cpu_check(box, used_usec), box_on_cpu);
}

/* Or its interpreter, if others live in the same box. */
static void box_kill_init(Box *box) {
        const Box *trunk = box->trunk ?: box;
        int r = sys_kill_pidfd_of(
                box->interpreter_pidfd >= 0 ? box->interpreter_pidfd : trunk->pidfd, trunk->uid);

        if (r < 0)
                log_error("Killing a box failed: %s", strerror(-r));
}

/* Init ends the job and reports what it used; a moment later the box is killed in any case. */
static void box_stop(Box *box) {
        static const char stop = BOX_STOP;
        uint64_t timeout_usec = box->state == BOX_RUNNING ? STOP_TIMEOUT_USEC : SETUP_TIMEOUT_USEC;
        int r = link_send(box->control_fd, &stop, sizeof(stop), NULL, 0);

        if (r >= 0)
                r = box_set_deadline(box, clock_monotonic_usec() + timeout_usec);
        if (r < 0)
                box_kill_init(box);
}

void box_kill(Box *box, EndReason reason) {
        if (box->state == BOX_OVER || box->end_reason != END_BY_ITSELF)
                return; /* the first reason wins, and it is on its way */
        box->end_reason = reason;
        if (box->control_fd < 0)
                box_fail(box, 0); /* it still waits for its template: nothing to wait for */
        else if (box->state == BOX_RUNNING || box->trunk)
                box_stop(box);
        else if (box->pidfd >= 0)
                box_kill_init(box); /* else box_cloned() does it */
}

static BoxFacts box_facts(const Box *box, uint64_t end_usec) {
        BoxFacts facts = {
                .end_reason = box->end_reason,
                .setup_step = UINT32_MAX,
                .setup_op = _OP_MAX,
        };

        if (box->ready_usec > 0) {
                facts.wall_usec = wall_clock_elapsed(&box->clock, end_usec);
                facts.setup_usec = box->ready_usec - box->requested_usec;
                if (limits_tasks(&box->limits) == 1)
                        facts.pids_peak = 1; /* nobody has to count that */
        }
        return facts;
}

/* Whether an interpreter is left in it. */
static bool box_is_alive(const Box *trunk) {
        LIST_FOREACH(l, &trunk->branches)
                if (container_of(l, Box, branches)->state != BOX_OVER)
                        return true;
        return trunk->state != BOX_OVER;
}

/* Init may have files to hand out when nobody is left whom it serves. If not it is on its way out; this makes sure
 * that nothing can hold it up. */
static void box_check_trunk(Box *trunk) {
        if (box_is_alive(trunk))
                return;
        if (!trunk->has_files ||
            box_set_timer(trunk, &trunk->wall_source, clock_monotonic_usec() + FILES_USEC_MAX,
                          box_on_wall) < 0)
                (void) sys_kill_pidfd_of(trunk->pidfd, trunk->uid);
}

/* The job ended, and init has reaped all that it started: these are its figures. */
static void box_job_ended(Box *box, const BoxReport *end) {
        BoxFacts facts = box_facts(box, MIN(end->at_usec, clock_monotonic_usec()));

        facts.has_record = 1;
        facts.job_status = end->job_status;
        facts.cpu_user_usec = end->cpu_user_usec;
        facts.cpu_system_usec = end->cpu_system_usec;
        facts.memory_peak_bytes = end->maxrss_bytes;
        facts.disk_bytes = end->disk_bytes;
        facts.disk_files = end->disk_files;
        facts.instructions = end->instructions;
        if (end->tasks_peak > 0)
                facts.pids_peak = end->tasks_peak;
        facts.n_denied = MIN(end->n_denied, (uint32_t) DENIED_CALLS_MAX);
        memcpy(facts.denied, end->denied, sizeof(facts.denied));
        if (box->leaf_fd >= 0)
                cgroup_leaf_read_facts(box->leaf_fd, &facts);
        box_report_end(box, &facts);
        box_check_trunk(box->trunk ?: box);
}

/* The box ended before init could report: init was reaped, and with PID 1 the kernel ended everything
 * else in it. What that had used is known to its cgroup, or as of the moment before. */
static void box_gone(Box *box, const siginfo_t *info) {
        BoxFacts facts = box_facts(box, clock_monotonic_usec());

        facts.init_status =
                info->si_code == CLD_EXITED ? W_EXITCODE(info->si_status, 0) : info->si_status;
        if (box->setup_error != 0 && box->end_reason == END_BY_ITSELF) {
                facts.setup_error = box->setup_error;
                box_name_step(box, &facts);
        } else if (box->ready_usec == 0 && box->end_reason == END_BY_ITSELF)
                facts.setup_error = ECHILD;
        facts.cpu_user_usec = box->late_cpu_usec; /* of both kinds, nobody has told them apart */
        if (box->leaf_fd >= 0)
                cgroup_leaf_read_facts(box->leaf_fd, &facts);
        else if (box->trunk && box->trunk->leaf_fd >= 0) {
                BoxFacts all = {};

                cgroup_leaf_read_facts(box->trunk->leaf_fd, &all);
                facts.oom_kills = all.oom_kills; /* the kernel kills all in the box */
        }
        box_report_end(box, &facts);
}

static int box_on_wall(sd_event_source *source, uint64_t usec, void *userdata) {
        Box *box = userdata;

        if (box->state == BOX_SETUP)
                box->setup_error = ETIMEDOUT;
        if (box->state == BOX_SETUP && box->trunk && box->end_reason == END_BY_ITSELF) {
                box_kill(box, END_WALL_TIME);
                return 0;
        }
        if (box->state == BOX_RUNNING && box->in_cell && box->overdue == END_BY_ITSELF &&
            box->end_reason == END_BY_ITSELF) {
                box_interrupt(box, END_WALL_TIME);
                return 0;
        }
        if (box->state == BOX_RUNNING && box->end_reason == END_BY_ITSELF) {
                box_kill(box, box->overdue != END_BY_ITSELF ? box->overdue : END_WALL_TIME);
                return 0;
        }
        /* Init has not got around to its report, and soon there is nobody left to ask. */
        if (box->state == BOX_RUNNING && box->leaf_fd < 0)
                box->late_cpu_usec = usage_tree_cpu_usec(box->pid);
        box_kill_init(box);
        return 0;
}

/* The earliest instant at which the CPU time can be used up, given how many CPUs it may use. */
static uint64_t box_next_cpu_check(const Box *box, uint64_t used_usec) {
        bool has_cpu_max = box->builder->cgroups.layers & LAYER_BIT(LAYER_CGROUP_CPU);
        uint64_t percent =
                has_cpu_max ? box->limits.value[LIMIT_CPU] : box->builder->node_cpu_percent;
        uint64_t left_usec = box->limits.value[LIMIT_CPU_TIME] + box->cell_cpu_usec - used_usec;
        uint64_t wait_usec = left_usec * 100 / MAX(percent, (uint64_t) 100);

        return clock_monotonic_usec() + MAX(wait_usec, CPU_CHECK_MIN_USEC);
}

int box_cpu_usec(const Box *box, uint64_t *ret_usec) {
        if (box->interpreter_pid > 0) {
                *ret_usec = usage_tree_cpu_usec(box->interpreter_pid);
                return 0;
        }
        if (box->builder->cgroups.layers & LAYER_BIT(LAYER_CGROUP_CPU))
                return cgroup_leaf_cpu_usec(box->leaf_fd, ret_usec);
        *ret_usec = usage_tree_cpu_usec(box->pid);
        return 0;
}

static int box_on_cpu(sd_event_source *source, uint64_t usec, void *userdata) {
        Box *box = userdata;
        uint64_t used_usec;

        if (box_cpu_usec(box, &used_usec) < 0) {
                box_kill(box,
                         END_UNTIMED); /* its cgroup is gone, and RLIMIT_CPU is for each process */
                return 0;
        }
        if (used_usec >= box->cell_cpu_usec + box->limits.value[LIMIT_CPU_TIME]) {
                if (box->in_cell)
                        box_interrupt(box, END_CPU_TIME);
                else
                        box_kill(box, END_CPU_TIME);
                return 0;
        }
        (void) sd_event_source_set_time(source, box_next_cpu_check(box, used_usec));
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void box_ready(Box *box, const BoxReport *report) {
        BuilderReport started = { .kind = BUILDER_STARTED, .box = box->id };
        int r;

        box->state = BOX_RUNNING;
        /* When the job was let go; this report may have waited while it ran. */
        box->ready_usec = MIN(report->at_usec, clock_monotonic_usec());
        box->clock = wall_clock_start(&box->limits, box->ready_usec);
        r = box_set_deadline(box, box->is_session ? box_lifetime_end(box)
                                                  : wall_clock_deadline(&box->clock));
        if (r >= 0)
                r = box_limit_cpu(box, 0);
        if (r < 0) {
                log_error("Setting the timers of a box failed: %s", strerror(-r));
                box_kill(box, END_UNTIMED); /* never without its limits */
        }
        started.setup_usec = box->ready_usec - box->requested_usec;
        builder_report(box->builder, &started);
        spare_refill(box->set, box->plan);
}

void box_tool_wait(Box *box, uint64_t waited_usec, bool is_waiting) {
        /* A box that is being ended has another use for that timer. */
        if (box->state != BOX_RUNNING || box->end_reason != END_BY_ITSELF)
                return;
        if (box->is_session && (!box->in_cell || box->overdue != END_BY_ITSELF))
                return;
        wall_clock_tell(&box->clock, waited_usec, is_waiting, clock_monotonic_usec());
        if (sd_event_source_set_time(box->wall_source, wall_clock_deadline(&box->clock)) < 0)
                box_kill(box, END_UNTIMED); /* never without its limits */
}

/* The last words of a branch have been read, and it is gone. */
static void box_branch_over(Box *box) {
        Box *trunk = box->trunk;

        if (box->state != BOX_OVER)
                box_gone(box, &(siginfo_t){ .si_code = CLD_KILLED, .si_status = SIGKILL });
        box_free(box);
        box_check_trunk(trunk);
}

/* Takes what init sent. What does not fit is not from our code: the box is killed. May free a branch. */
static void box_read_control(Box *box) {
        for (;;) {
                BoxReport report;
                int fd = -EBADF;
                int r = link_receive(box->control_fd, &report, sizeof(report), &fd, 1, NULL);

                if (r == -EAGAIN)
                        return;
                if (r <= 0) {
                        /* Only init has the other end, so the end of file is its end; or that of a branch. */
                        box->control_source = sd_event_source_disable_unref(box->control_source);
                        if (r < 0)
                                (void) sys_kill_pidfd_of((box->trunk ?: box)->pidfd, box->uid);
                        if (box->trunk)
                                box_branch_over(box);
                        return;
                }
                if (report.kind == BOX_READY && box->state == BOX_SETUP) {
                        if (box->trunk)
                                box_set_interpreter(box, TAKE_FD(fd));
                        box_ready(box, &report);
                } else if (report.kind == BOX_BRANCHING && box->is_session)
                        box_branching(box, TAKE_FD(fd));
                else if (report.kind == BOX_END && box->state == BOX_RUNNING)
                        box_job_ended(box, &report);
                else if (report.kind == BOX_INTERRUPTED)
                        box_interrupted(box);
                else if (report.kind == BOX_RESTARTED && box->is_session)
                        box_restarted(box);
                else if (report.kind == BOX_STEP_FAILED && box->state == BOX_SETUP) {
                        box->setup_error = report.error > 0 ? report.error : EPROTO;
                        box->setup_step = report.step;
                        if (box->setup_error == ECANCELED && box->end_reason == END_BY_ITSELF)
                                box->end_reason = END_CANCEL; /* the base of a branch has ended */
                }
                fd_close(fd);
        }
}

static int box_on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        box_read_control(userdata);
        return 0;
}

static int box_on_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Box *box = userdata;
        siginfo_t info = {};
        int r;

        r = sys_try_reap_pidfd(box->pidfd, &info);
        if (r == 0)
                return 0;
        if (r < 0)
                log_error("Waiting for a box failed: %s", strerror(-r));
        if (box->control_source)
                box_read_control(box); /* its last words */
        if (box->state != BOX_OVER)
                box_gone(box, &info);
        /* Their links have ended with init, so nothing stays behind their last words. */
        LIST_FOREACH(l, &box->branches)
                box_read_control(container_of(l, Box, branches));
        box_free(box);
        return 0;
}

int box_watch_exit(Box *box) {
        return sd_event_add_io(box->builder->event, &box->exit_source, box->pidfd, EPOLLIN,
                               box_on_exit, box);
}

int box_watch_control(Box *box) {
        int r = sd_event_add_io(box->builder->event, &box->control_source, box->control_fd, EPOLLIN,
                                box_on_control, box);

        if (r < 0)
                return r;
        /* The last words before the end: reports are read before the exit is looked at. */
        return sd_event_source_set_priority(box->control_source, SD_EVENT_PRIORITY_NORMAL - 1);
}

static void box_kill_list(List *boxes) {
        LIST_FOREACH(i, boxes) {
                const Box *box = container_of(i, Box, bucket);

                if (box->pidfd >= 0)
                        (void) sys_kill_pidfd_of(box->pidfd, box->uid);
        }
}

/* Nothing of them is left when we are gone. */
static void box_free_list(List *boxes) {
        LIST_FOREACH(i, boxes) {
                Box *box = container_of(i, Box, bucket);

                if (box->pidfd >= 0 && sys_kill_pidfd_of(box->pidfd, box->uid) >= 0)
                        (void) sys_reap_pidfd(box->pidfd, &(siginfo_t){});
                box_free(box);
        }
}

void box_free_all(Builder *builder) {
        /* Namespaces take their time to go, and all of them go at once. */
        box_kill_list(&builder->spares);
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                box_kill_list(bucket);
        box_free_list(&builder->spares);
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                box_free_list(bucket);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/builder.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "basic/counter.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/sys.h"
#include "builder/plan-set.h"
#include "builder/request.h"
#include "builder/spare.h"
#include "builder/sys.h"
#include "builder/template.h"
#include "launch/reload.h"
#include "launch/self-test.h"
#include "proto/layers.h"
#include "proto/link.h"

/* How long a cgroup that is not empty yet is left alone. */
/* Started, ended, and of the cell and its figures; and room for what is of no box. */
#define REPORTS_PER_BOX_MAX 8
#define REPORTS_MAX 64
#define DYING_RETRY_USEC (20 * USEC_PER_MSEC)
/* How long the broker may take to say goodbye to its clients. */
#define STOP_TIMEOUT_USEC (5 * USEC_PER_SEC)

int builder_new(sd_event *event,
                ProfileStore *store,
                const DaemonConfig *config,
                bool is_embedded,
                const Identity *identity,
                CgroupTree *cgroups,
                const Programs *programs,
                Builder **ret_builder) {
        _cleanup_(builder_freep) Builder *builder = NULL;
        uint32_t n_slots;
        PlanSet *set;
        int abi = sys_landlock_abi(), r;

        if (abi < 0)
                return abi;

        builder = malloc(sizeof(*builder));
        if (!builder)
                return -ENOMEM;
        *builder = (Builder){
                .event = event,
                .identity = *identity,
                .cgroups = *cgroups,
                .programs = *programs,
                .node_cpu_percent = (uint64_t) get_nprocs() * 100,
                /* By now we have no more privilege than a box where this is asked for. */
                .counter_error = -counter_probe(COUNTER_JOB),
                .landlock_abi = abi < LANDLOCK_ABI_MIN ? 0 : (uint32_t) abi,
                .engines = daemon_config_engines(config, is_embedded),
                .max_boxes = (uint32_t) config->max_running_jobs,
                .max_spares = (uint32_t) config->max_spare_boxes,
                .unsent = BUF_INIT((config->max_running_jobs * REPORTS_PER_BOX_MAX + REPORTS_MAX) *
                                   sizeof(BuilderReport)),
                .is_embedded = is_embedded,
                .config = config,
                .broker_fd = -EBADF,
                .broker_pidfd = -EBADF,
        };
        list_init(&builder->sets);
        list_init(&builder->spares);
        *cgroups = CGROUP_TREE_NONE;
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                list_init(bucket);
        /* Without a range the slot only names the cgroup; there are more of them than boxes, because
         * a new box may come before the last one has quite gone. */
        n_slots = identity->has_id_range ? identity->count : 4 * builder->max_boxes;
        builder->dying = calloc(n_slots, sizeof(builder->dying[0]));
        if (!builder->dying)
                return -ENOMEM;
        r = slots_new(n_slots, &builder->slots);
        if (r < 0)
                return r;
        r = plan_set_new(builder, store, &set);
        if (r < 0)
                return r;
        plan_set_install(set);
        *ret_builder = TAKE_PTR(builder);
        return 0;
}

static void builder_close_reloaded(Builder *builder) {
        for (size_t i = 0; i < builder->n_reloaded_fds; i++)
                fd_close(builder->reloaded_fds[i]);
        builder->n_reloaded_fds = 0;
}

Builder *builder_free(Builder *builder) {
        if (!builder)
                return NULL;
        builder->broker_source = sd_event_source_disable_unref(builder->broker_source);
        builder->broker_exit_source = sd_event_source_disable_unref(builder->broker_exit_source);
        builder->pressure_source = sd_event_source_disable_unref(builder->pressure_source);
        builder->spare_source = sd_event_source_disable_unref(builder->spare_source);
        box_free_all(builder);
        reload_free(builder->reload);
        self_test_free(builder->self_test);
        builder_close_reloaded(builder);
        LIST_FOREACH(i, &builder->sets)
                plan_set_free(container_of(i, PlanSet, sets));
        builder->dying_source = sd_event_source_disable_unref(builder->dying_source);
        for (size_t i = 0; i < builder->n_dying; i++)
                (void) cgroup_leaf_remove(&builder->cgroups, builder->dying[i]);
        free(builder->dying);
        cgroup_tree_close(&builder->cgroups);
        slots_free(builder->slots);
        buf_done(&builder->unsent);
        fd_close(builder->broker_fd);
        fd_close(builder->broker_pidfd);
        free(builder);
        return NULL;
}

uint64_t builder_layers(const Builder *builder) {
        uint64_t layers = builder->cgroups.layers, of_engines = 0;

        for (Layer l = 0; l < LAYER_CGROUP_MEMORY; l++)
                layers |= LAYER_BIT(l);
        if (!builder->identity.has_id_range)
                layers &= ~LAYER_BIT(LAYER_UID_RANGE);
        if (builder->landlock_abi == 0)
                layers &= ~LAYER_BIT(LAYER_LANDLOCK);
        for (Engine e = 0; e < _ENGINE_MAX; e++)
                if (builder->engines & ENGINE_BIT(e))
                        of_engines |= engine_layers(e);
        return layers & of_engines;
}

/* Sends what waits; -EAGAIN if the broker does not take all of it now. */
static int builder_flush(Builder *builder) {
        int r = 0;

        while (r >= 0 && buf_size(&builder->unsent) >= sizeof(BuilderReport)) {
                bool has_fds;
                uint32_t kind;

                memcpy(&kind, buf_data(&builder->unsent), sizeof(kind)); /* its first member */
                has_fds = kind == BUILDER_RELOADED;
                r = link_send(builder->broker_fd, buf_data(&builder->unsent), sizeof(BuilderReport),
                              builder->reloaded_fds, has_fds ? builder->n_reloaded_fds : 0);
                if (r >= 0 && has_fds)
                        builder_close_reloaded(builder);
                if (r >= 0)
                        buf_consume(&builder->unsent, sizeof(BuilderReport));
        }
        (void) sd_event_source_set_io_events(builder->broker_source,
                                             r == -EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN);
        return r == -EAGAIN ? 0 : r;
}

void builder_report(Builder *builder, const BuilderReport *report) {
        int r;

        if (report->box == SELF_TEST_BOX) {
                self_test_take(builder, report);
                return;
        }
        if (!builder->broker_source)
                return; /* the broker is gone, and so are we soon */
        /* Each request has one answer, or two: a broker that asks and does not read is none of ours. */
        r = buf_append(&builder->unsent, report, sizeof(*report));
        if (r >= 0)
                r = builder_flush(builder);
        if (r < 0) {
                log_error("Reporting to the broker failed: %s", strerror(-r));
                (void) sd_event_exit(builder->event, r);
        }
}

static int builder_on_broker(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Builder *builder = userdata;
        int r = 0;

        if (revents & EPOLLOUT)
                r = builder_flush(builder);
        if (r >= 0 && (revents & (EPOLLIN | EPOLLHUP)))
                r = request_receive(builder, fd);
        if (r == -ECONNRESET) {
                /* Its end; whether that was in order is what its exit status says. */
                builder->broker_source = sd_event_source_disable_unref(builder->broker_source);
                return 0;
        }
        if (r < 0) {
                log_error("The broker broke the protocol: %s", strerror(-r));
                return sd_event_exit(builder->event, r);
        }
        return 0;
}

static int
builder_on_broker_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Builder *builder = userdata;
        siginfo_t info;

        if (sys_try_reap_pidfd(builder->broker_pidfd, &info) == 0)
                return 0;
        if (info.si_code == CLD_EXITED && info.si_status == 0)
                return sd_event_exit(builder->event, 0);
        log_error("The broker ended with status %d: every box ends with it.", info.si_status);
        return sd_event_exit(builder->event, -ECHILD);
}

static int builder_on_pressure(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        const BuilderReport pressure = { .kind = BUILDER_PRESSURE };
        Builder *builder = userdata;

        if (!(revents & EPOLLPRI)) /* the cgroup is gone, and would say so for ever */
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        spare_end_all(builder, NULL);
        builder_report(builder, &pressure);
        return 0;
}

/* /proc/meminfo is not there for a service with ProcSubset=pid. */
static uint64_t builder_memory_bytes(const Builder *builder) {
        struct sysinfo info;

        if (sysinfo(&info) < 0)
                return builder->cgroups.memory_bytes;
        return MIN((uint64_t) info.totalram * info.mem_unit, builder->cgroups.memory_bytes);
}

int builder_attach_broker(Builder *builder, int link_fd, int pidfd) {
        BuilderReport node = {
                .kind = BUILDER_NODE,
                .slots = builder->max_boxes,
                .layers = builder_layers(builder),
                .counter_error = (uint32_t) builder->counter_error,
                .memory_bytes = builder_memory_bytes(builder),
        };
        int r;

        builder->broker_fd = link_fd;
        builder->broker_pidfd = pidfd;
        r = fd_set_nonblock(link_fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(builder->event, &builder->broker_source, link_fd, EPOLLIN,
                            builder_on_broker, builder);
        if (r < 0)
                return r;
        r = sd_event_add_io(builder->event, &builder->broker_exit_source, pidfd, EPOLLIN,
                            builder_on_broker_exit, builder);
        if (r < 0)
                return r;
        if (builder->cgroups.pressure_fd >= 0)
                r = sd_event_add_io(builder->event, &builder->pressure_source,
                                    builder->cgroups.pressure_fd, EPOLLPRI, builder_on_pressure,
                                    builder);
        if (r < 0)
                return r;
        builder_report(builder, &node);
        return 0;
}

static int builder_on_dying(sd_event_source *source, uint64_t usec, void *userdata) {
        Builder *builder = userdata;
        size_t n = builder->n_dying;

        builder->n_dying = 0;
        for (size_t i = 0; i < n; i++)
                builder_release_slot(builder, builder->dying[i], true);
        return 0;
}

void builder_release_slot(Builder *builder, uint32_t slot, bool has_leaf) {
        int r = has_leaf ? cgroup_leaf_remove(&builder->cgroups, slot) : 0;

        if (r >= 0) {
                slots_release(builder->slots, slot);
                return;
        }
        if (r != -EBUSY) {
                /* The slot is lost rather than used twice. */
                log_error("Removing the cgroup of slot %u failed: %s", slot, strerror(-r));
                return;
        }
        builder->dying[builder->n_dying++] = slot;
        builder->dying_source = sd_event_source_disable_unref(builder->dying_source);
        r = sd_event_add_time_relative(builder->event, &builder->dying_source, CLOCK_MONOTONIC,
                                       DYING_RETRY_USEC, 1, builder_on_dying, builder);
        if (r < 0)
                log_error("Setting a timer failed: %s", strerror(-r));
}

static int builder_on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Builder *builder = userdata;

        log_warning("The broker did not finish in time.");
        return sd_event_exit(builder->event, 0);
}

void builder_stop(Builder *builder) {
        BuilderReport stopping = { .kind = BUILDER_STOPPING };

        if (builder->stopping)
                return;
        builder->stopping = true;
        /* First the notice, so that no new request comes for a box that we would have to end. */
        builder_report(builder, &stopping);
        FOREACH_ARRAY(bucket, builder->boxes, BUILDER_BUCKETS)
                LIST_FOREACH(i, bucket)
                        box_kill(container_of(i, Box, bucket), END_SHUTDOWN);
        spare_end_all(builder, NULL);
        if (sd_event_add_time_relative(builder->event, NULL, CLOCK_MONOTONIC, STOP_TIMEOUT_USEC, 0,
                                       builder_on_stop_timeout, builder) < 0)
                (void) sd_event_exit(builder->event, 0);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The builder: it turns requests of the broker into boxes. It reads fixed structs from its broker
 * and fixed records from the inits of its boxes, and nothing else. */

#include <systemd/sd-event.h>

#include "basic/buf.h"
#include "basic/list.h"
#include "builder/cgroup.h"
#include "builder/identity.h"
#include "builder/slots.h"
#include "plan/plan.h"
#include "profile/config.h"
#include "proto/builder-wire.h"

typedef struct Template Template;
typedef struct PlanSet PlanSet;
typedef struct Reload Reload;
typedef struct SelfTest SelfTest;

#define BUILDER_BUCKETS 1024

/* The programs, opened before the ids are given up. */
typedef struct Programs {
        int broker_fd;
        int runner_fd;
} Programs;

typedef struct Builder {
        sd_event *event;
        Identity identity;
        CgroupTree cgroups;
        Slots *slots;
        Programs programs;
        uint64_t node_cpu_percent; /* 100 for each CPU */
        int counter_error;     /* positive errno: no counters of the processor; 0 if there are */
        uint32_t landlock_abi; /* 0: boxes have none */
        unsigned engines;      /* ENGINE_BIT()s that are allowed */
        uint32_t max_boxes;
        uint32_t n_boxes; /* that are not OVER */
        bool is_embedded;

        const DaemonConfig *config; /* of the start; borrowed */
        PlanSet *plans;             /* in force */
        List sets;                  /* PlanSet.sets: that, and older ones which are still in use */
        Reload *reload;             /* the one that runs */
        SelfTest *self_test;        /* the same */
        int reloaded_fds[BUILDER_RELOADED_FDS]; /* to be sent with its report */
        size_t n_reloaded_fds;

        int broker_fd; /* the link */
        int broker_pidfd;
        sd_event_source *broker_source, *broker_exit_source, *pressure_source;
        Buf unsent; /* BuilderReports that the broker did not take yet */

        List boxes[BUILDER_BUCKETS]; /* by id */
        List spares;                 /* Box.bucket of those that have none, oldest first */
        uint32_t max_spares;
        sd_event_source *spare_source;
        uint32_t *dying; /* slots whose cgroup is not empty yet */
        size_t n_dying;
        sd_event_source *dying_source;
        bool stopping;
} Builder;

/* The configuration must outlive the builder. Takes a reference to the store, and the cgroup tree. */
int builder_new(sd_event *event,
                ProfileStore *store,
                const DaemonConfig *config,
                bool is_embedded,
                const Identity *identity,
                CgroupTree *cgroups,
                const Programs *programs,
                Builder **ret_builder);

/* Kills what still runs. */
Builder *builder_free(Builder *builder);
DEFINE_CLEANUP(Builder *, builder_free);

/* Adopts a broker: its end of the link and its pidfd. Sends BUILDER_NODE. */
int builder_attach_broker(Builder *builder, int link_fd, int pidfd);

/* The LAYER_BIT()s that boxes have here. */
uint64_t builder_layers(const Builder *builder);

/* Sends a report, now or as soon as the broker takes it. */
void builder_report(Builder *builder, const BuilderReport *report);

/* The box of this slot is gone: the slot is free as soon as its cgroup, if it has one, is removed. */
void builder_release_slot(Builder *builder, uint32_t slot, bool has_leaf);

/* Ends every box with END_SHUTDOWN and tells the broker to finish; the loop ends with it. */
void builder_stop(Builder *builder);

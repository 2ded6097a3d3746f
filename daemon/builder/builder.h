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
#include "proto/builder-wire.h"

typedef struct Template Template;

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
        int counter_error; /* positive errno: no counters of the processor; 0 if there are */
        uint32_t max_boxes;
        uint32_t n_boxes; /* that are not OVER */

        const ProfileStore *store;         /* borrowed */
        PlanImage *plans[PROFILES_MAX];    /* NULL until it is compiled */
        Template *templates[PROFILES_MAX]; /* NULL until somebody asks for the profile */

        int broker_fd; /* the link */
        int broker_pidfd;
        sd_event_source *broker_source, *broker_exit_source;
        Buf unsent; /* BuilderReports that the broker did not take yet */

        List boxes[BUILDER_BUCKETS]; /* by id */
        uint32_t *dying;             /* slots whose cgroup is not empty yet */
        size_t n_dying;
        sd_event_source *dying_source;
        bool stopping;
} Builder;

/* The store must outlive the builder. Takes the cgroup tree over. */
int builder_new(sd_event *event,
                const ProfileStore *store,
                const DaemonConfig *config,
                const Identity *identity,
                CgroupTree *cgroups,
                const Programs *programs,
                Builder **ret_builder);

/* Compiles the plan of a profile, unless that was done before. A service does it for all of them before it
 * serves; embedded, where start-up is a part of the one call, a template does it for its own. Says what is
 * wrong. */
int builder_compile_plan(Builder *builder, size_t profile);

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

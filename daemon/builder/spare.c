/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/spare.h"

#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "builder/plan-set.h"
#include "builder/template.h"
#include "launch/self-test.h"

static bool spare_is_of(const Box *box, const PlanSet *set, uint32_t plan) {
        return box->set == set && box->plan == plan && box->end_reason == END_BY_ITSELF &&
               box->setup_error == 0;
}

static uint32_t spare_n(const PlanSet *set, uint32_t plan) {
        uint32_t n = 0;

        LIST_FOREACH(l, &set->builder->spares)
                n += spare_is_of(container_of(l, Box, bucket), set, plan);
        return n;
}

/* What is mounted stays as it is: whether the request wants the profile's defaults. */
static bool spare_has_disk_of(const PlanSet *set, const BuilderRequest *request) {
        const Limits *own = &set->store->profiles[request->plan]->limits;

        return own->value[LIMIT_DISK] == request->limits.value[LIMIT_DISK] &&
               own->value[LIMIT_DISK_FILES] == request->limits.value[LIMIT_DISK_FILES];
}

Box *spare_find(const PlanSet *set, const BuilderRequest *request) {
        /* In the box of the self-test a program of ours runs. */
        if (request->box == SELF_TEST_BOX || !spare_has_disk_of(set, request))
                return NULL;
        LIST_FOREACH(l, &set->builder->spares) {
                Box *box = container_of(l, Box, bucket);

                if (spare_is_of(box, set, request->plan) && box->state == BOX_SETUP)
                        return box;
        }
        return NULL;
}

void spare_count_start(PlanSet *set, const BuilderRequest *request, bool had_one) {
        Demand *demand = &set->demand[request->plan];

        if (request->box == SELF_TEST_BOX || !spare_has_disk_of(set, request))
                return;
        if (had_one)
                demand->n_least = MIN(demand->n_least, spare_n(set, request->plan));
        else if (demand->is_known && demand->n_wanted < set->builder->max_spares)
                demand->n_wanted++;
        /* A single job, such as the one of a private daemon, makes no demand. */
        demand->is_known = true;
}

/* More slots than the boxes need that may run. */
static bool spare_fits(const Builder *builder) {
        uint32_t n = 0;

        LIST_FOREACH(l, &builder->spares)
                n++;
        return n < builder->max_spares && slots_n_free(builder->slots) > builder->max_boxes &&
               !builder->stopping;
}

static void spare_review(PlanSet *set, uint32_t plan, uint64_t now_usec) {
        Demand *demand = &set->demand[plan];
        uint32_t n_surplus = MIN(demand->n_least, spare_n(set, plan));

        LIST_FOREACH(l, &set->builder->spares) {
                Box *box = container_of(l, Box, bucket);

                if (!spare_is_of(box, set, plan))
                        continue;
                if (n_surplus > 0 && demand->n_wanted > 1) {
                        n_surplus--;
                        demand->n_wanted--;
                        box_kill(box, END_SHUTDOWN);
                } else if (now_usec >= box->requested_usec + SPARE_USEC_MAX) {
                        box_kill(box, END_SHUTDOWN);
                        spare_refill(set, plan);
                }
        }
        demand->n_least = spare_n(set, plan);
}

void spare_review_all(Builder *builder, uint64_t now_usec) {
        LIST_FOREACH(l, &builder->sets)
                for (uint32_t plan = 0; plan < PROFILES_MAX; plan++)
                        spare_review(container_of(l, PlanSet, sets), plan, now_usec);
}

static int spare_watch(Builder *builder);

static int spare_on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Builder *builder = userdata;

        spare_review_all(builder, clock_monotonic_usec());
        builder->spare_source = sd_event_source_disable_unref(builder->spare_source);
        return list_is_empty(&builder->spares) ? 0 : spare_watch(builder);
}

static int spare_watch(Builder *builder) {
        if (builder->spare_source)
                return 0;
        return sd_event_add_time_relative(builder->event, &builder->spare_source, CLOCK_MONOTONIC,
                                          SPARE_TICK_USEC, 0, spare_on_tick, builder);
}

void spare_refill(PlanSet *set, uint32_t plan) {
        Demand *demand = &set->demand[plan];
        int r;

        if (set->is_forgotten || spare_n(set, plan) >= demand->n_wanted ||
            !spare_fits(set->builder))
                return;
        r = box_start_spare(set, plan);
        if (r >= 0)
                r = spare_watch(set->builder);
        if (r < 0) {
                log_error("Making a spare box failed: %s", strerror(-r));
                demand->n_wanted = 0;
        }
}

void spare_failed(const Box *box) {
        box->set->demand[box->plan].n_wanted = 0;
        log_error("A spare box of profile %s ended at step %d with error %d.",
                  box->set->store->profiles[box->plan]->name, (int) box->setup_step,
                  box->setup_error);
}

void spare_end_all(Builder *builder, const PlanSet *set) {
        LIST_FOREACH(l, &builder->spares) {
                Box *box = container_of(l, Box, bucket);

                if (set && box->set != set)
                        continue;
                box->set->demand[box->plan].n_wanted = 0;
                box_kill(box, END_SHUTDOWN);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The profiles of one reading of the operator's files, with their plans and templates. A reload makes a
 * new one; the old one lives until its last box is gone and the broker has nothing waiting for it. */

#include "builder/builder.h"

/* What is asked of a profile, and so how many boxes of it wait for jobs: spare.h. */
typedef struct Demand {
        uint32_t n_wanted, n_least; /* the fewest that there were since the last look */
        bool is_known;              /* somebody has asked for it */
} Demand;

struct PlanSet {
        Builder *builder;
        List sets; /* Builder.sets, newest first */
        uint32_t generation;
        ProfileStore *store;
        PlanImage *plans[PROFILES_MAX];    /* NULL until it is compiled */
        Template *templates[PROFILES_MAX]; /* NULL until somebody asks for the profile */
        List singles;                      /* Template.singles */
        Demand demand[PROFILES_MAX];
        uint32_t n_boxes;
        bool is_forgotten; /* no request will name it */
};

/* Takes a reference to the store. It is not in force yet. */
int plan_set_new(Builder *builder, ProfileStore *store, PlanSet **ret_set);

/* Kills its templates, whatever they do. */
PlanSet *plan_set_free(PlanSet *set);
DEFINE_CLEANUP(PlanSet *, plan_set_free);

/* Compiles the plan of a profile, unless that was done before. A service does it for all of them before it
 * serves; embedded, where start-up is a part of the one call, a template does it for its own. Says what is
 * wrong. */
int plan_set_compile(PlanSet *set, size_t profile);

/* From now on it is what requests mean. */
void plan_set_install(PlanSet *set);

/* The newest set that has this plan under this index, or NULL. */
PlanSet *plan_set_find(Builder *builder, uint32_t plan, uint64_t digest);

/* No request will name a set of a generation before this one. */
void plan_set_forget(Builder *builder, uint32_t generation);

/* To be called when one of its boxes or templates is gone. May free it. */
void plan_set_check(PlanSet *set);

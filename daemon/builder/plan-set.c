/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/plan-set.h"

#include <errno.h>
#include <string.h>

#include "basic/log.h"
#include "builder/spare.h"
#include "builder/template.h"

int plan_set_new(Builder *builder, ProfileStore *store, PlanSet **ret_set) {
        PlanSet *set = calloc(1, sizeof(*set));

        if (!set)
                return -ENOMEM;
        set->builder = builder;
        set->store = profile_store_ref(store);
        list_init(&set->sets);
        list_init(&set->singles);
        *ret_set = set;
        return 0;
}

PlanSet *plan_set_free(PlanSet *set) {
        if (!set)
                return NULL;
        list_remove(&set->sets);
        for (size_t i = 0; i < PROFILES_MAX; i++) {
                template_free(set->templates[i]);
                free(set->plans[i]);
        }
        LIST_FOREACH(l, &set->singles)
                template_free(container_of(l, Template, singles));
        profile_store_unref(set->store);
        free(set);
        return NULL;
}

int plan_set_compile(PlanSet *set, size_t profile) {
        int r;

        if (set->plans[profile])
                return 0;
        r = plan_compile(set->store->profiles[profile], &set->plans[profile]);
        if (r < 0)
                log_error("Compiling the plan of profile %s failed: %s",
                          set->store->profiles[profile]->name, strerror(-r));
        return r;
}

void plan_set_install(PlanSet *set) {
        Builder *builder = set->builder;

        set->generation = builder->plans ? builder->plans->generation + 1 : 0;
        list_insert_before(builder->sets.next, &set->sets);
        builder->plans = set;
}

PlanSet *plan_set_find(Builder *builder, uint32_t plan, uint64_t digest) {
        LIST_FOREACH(i, &builder->sets) {
                PlanSet *set = container_of(i, PlanSet, sets);

                if (plan < set->store->n_profiles &&
                    profile_digest_short(set->store->profiles[plan]) == digest)
                        return set;
        }
        return NULL;
}

void plan_set_forget(Builder *builder, uint32_t generation) {
        LIST_FOREACH(i, &builder->sets) {
                PlanSet *set = container_of(i, PlanSet, sets);

                if (set == builder->plans || set->generation >= generation)
                        continue;
                set->is_forgotten = true;
                spare_end_all(builder, set);
                plan_set_check(set);
        }
}

void plan_set_check(PlanSet *set) {
        bool has_templates = !list_is_empty(&set->singles);

        if (!set->is_forgotten)
                return;
        FOREACH_ARRAY(template, set->templates, PROFILES_MAX) {
                has_templates = has_templates || *template;
                if (*template && template_is_unused(*template))
                        template_retire(*template);
        }
        if (set->n_boxes == 0 && !has_templates)
                plan_set_free(set);
}

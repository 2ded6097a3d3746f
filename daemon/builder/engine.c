/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/engine.h"

#include "builder/plan-set.h"
#include "builder/template.h"

static int share_template(Box *box, Template **ret_template) {
        Template **template = &box->set->templates[box->plan];
        int r = *template ? 0 : template_new(box->set, box->plan, NULL, template);

        *ret_template = *template;
        return r;
}

static int write_maps(const Box *box) {
        return identity_write_maps(&box->builder->identity, box->pid, box->slot, PLAN_INSIDE_ID);
}

static uint32_t count_init(const Box *box) {
        return 1;
}

/* Without a user namespace only who starts a program can give it another uid. */
static int own_template(Box *box, Template **ret_template) {
        const Identity *identity = &box->builder->identity;
        int r;

        if (identity->has_id_range)
                box->uid = identity->first + box->slot;
        r = template_new(box->set, box->plan, box, ret_template);
        if (r >= 0)
                box->template = *ret_template;
        return r;
}

static int admit_at_once(const Box *box) {
        return 0;
}

static uint32_t count_init_and_template(const Box *box) {
        return box->builder->identity.has_id_range ? 2 : MAKE_OTHERS_UNKNOWN;
}

static const EngineCalls calls[_ENGINE_MAX] = {
        [ENGINE_NAMESPACE] = { share_template, write_maps, count_init },
        [ENGINE_PROCESS] = { own_template, admit_at_once, count_init_and_template },
};

const EngineCalls *engine_calls(const Box *box) {
        return &calls[box->set->store->profiles[box->plan]->engine];
}

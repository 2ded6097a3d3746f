/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One warm interpreter per profile, started when the first job asks for it. It is trusted with
 * nothing but cloning: a reply that does not fit ends it. */

#include "builder/box.h"

struct Template {
        Builder *builder;
        PlanSet *set;
        uint32_t plan;
        bool is_retired; /* killed because nobody needs it */
        bool is_ready;
        int link_fd, pidfd;
        uint64_t vm_bytes; /* TemplateHello */
        sd_event_source *link_source, *exit_source, *warm_source;
        Box *only;    /* the box that it is for, or NULL: for all of its profile */
        uid_t uid;    /* another one than ours; else (uid_t) -1 */
        List singles; /* PlanSet.singles, if it was made for one box */
        List waiting; /* boxes, in order: until the template is warm */
        List making;  /* boxes, in order: asked for, not answered yet */
};

/* Starts it: for this box only, under the box's uid, or for every one of the profile. */
int template_new(PlanSet *set, uint32_t plan, Box *only, Template **ret_template);

/* The only box that it was for is gone: it cleans up and ends. NULL is none. */
void template_release(Template *template);

/* No box needs it to come into being. */
bool template_is_unused(const Template *template);

/* Ends one that is unused; its set hears of it when it is gone. */
void template_retire(Template *template);

/* Boxes that it still has are finished with -ECHILD. */
Template *template_free(Template *template);

/* Takes over a box: template_make() now, or when the template is warm. */
void template_add(Template *template, Box *box);

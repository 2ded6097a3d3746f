/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A cell of a session: what it may ask for is what the session has. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/spec-internal.h"
#include "profile/limits.h"

/* The limits that begin anew with each cell. */
#define CELL_LIMITS                                                                         \
        (LIMIT_BIT(LIMIT_WALL_TIME) | LIMIT_BIT(LIMIT_CPU_TIME) | LIMIT_BIT(LIMIT_OUTPUT) | \
         LIMIT_BIT(LIMIT_RESULT) | LIMIT_BIT(LIMIT_SOURCE) | LIMIT_BIT(LIMIT_TOOL_CALLS) |  \
         LIMIT_BIT(LIMIT_TOOL_WAIT) | LIMIT_BIT(LIMIT_TICKS))

static int spec_cell_limit(LimitId id, uint64_t wanted, JobSpec *s, SpecError *e) {
        const LimitInfo *info = &limit_infos[id];
        uint64_t maximum = s->limits.value[id];
        char text[64];

        if (!(CELL_LIMITS & LIMIT_BIT(id))) {
                error_field(e, "limits.%s", info->field);
                return error_invalid(e, "a limit of the whole session: give it to OpenSession");
        }
        /* Ticks that are not counted have no maximum but the profile's. */
        if (id == LIMIT_TICKS && maximum == 0)
                maximum = s->profile->maximum.value[id];
        if (wanted > maximum) {
                error_field(e, "%s", info->field);
                e->requested = wanted;
                e->maximum = maximum;
                return SPEC_LIMIT_EXCEEDED;
        }
        if (wanted < info->lowest) {
                error_field(e, "limits.%s", info->field);
                return error_invalid(e, "below the lowest value, %s",
                                     limit_format(id, info->lowest, text, sizeof(text)));
        }
        s->limits.value[id] = wanted;
        return 0;
}

int spec_session(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        const ToolList *tools = &c->session->tools;

        s->plan = c->session->plan;
        s->store = profile_store_ref(c->session->store);
        s->profile = c->session->profile;
        s->limits = c->session->limits;
        if (tools->n > 0) {
                s->tools.tools = calloc(tools->n, sizeof(Tool));
                if (!s->tools.tools)
                        return -ENOMEM;
                memcpy(s->tools.tools, tools->tools, tools->n * sizeof(Tool));
                s->tools.n = tools->n;
        }
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                int r = 0;

                if (q->limits.value[id].is_set)
                        r = spec_cell_limit(id, q->limits.value[id].value, s, e);
                if (r != 0)
                        return r;
        }
        return 0;
}

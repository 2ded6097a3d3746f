/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A cell of a session: what it may ask for is what the session has. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/spec-internal.h"
#include "profile/limits.h"

/* The limits that begin anew with each cell. */
#define CELL_LIMITS                                                                         \
        (LIMIT_BIT(LIMIT_WALL_TIME) | LIMIT_BIT(LIMIT_CPU_TIME) | LIMIT_BIT(LIMIT_OUTPUT) | \
         LIMIT_BIT(LIMIT_RESULT) | LIMIT_BIT(LIMIT_SOURCE) | LIMIT_BIT(LIMIT_TOOL_CALLS) |  \
         LIMIT_BIT(LIMIT_TOOL_WAIT) | LIMIT_BIT(LIMIT_TICKS))

static int
spec_cell_limit(const SpecContext *c, LimitId id, uint64_t wanted, JobSpec *s, SpecError *e) {
        const LimitInfo *info = &limit_infos[id];
        uint64_t maximum = s->limits.value[id];
        char text[64];

        if (!(CELL_LIMITS & LIMIT_BIT(id))) {
                error_field(e, "limits.%s", info->field);
                return error_invalid(e, "a limit of the whole session: give it to OpenSession");
        }
        /* Ticks that are not counted have no maximum but the profile's and the tenant's. */
        if (id == LIMIT_TICKS && maximum == 0)
                maximum = c->tenant ? tenant_policy_clamp(c->tenant, &s->profile->maximum).value[id]
                                    : s->profile->maximum.value[id];
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

static int
spec_session_time(const char *field, const Profile *p, const OptionalUint *wanted, SpecError *e) {
        error_field(e, "%s", field);
        if (!wanted->is_set)
                return 0;
        if (wanted->value < SESSION_TIME_USEC_MIN)
                return error_invalid(e, "less than 1 second");
        if (wanted->value <= p->session_lifetime_max_usec)
                return 0;
        e->requested = wanted->value;
        e->maximum = p->session_lifetime_max_usec;
        return SPEC_LIMIT_EXCEEDED;
}

int spec_session_times(const Profile *profile,
                       const OptionalUint *idle_usec,
                       const OptionalUint *lifetime_usec,
                       SpecError *ret_error) {
        int r = spec_session_time("idleTimeoutUSec", profile, idle_usec, ret_error);

        return r != 0 ? r : spec_session_time("lifetimeUSec", profile, lifetime_usec, ret_error);
}

int spec_session_allowed(const Profile *p, SpecError *e) {
        if (p->has_sessions)
                return 0;
        error_field(e, "sessions in the profile %s", p->name);
        (void) snprintf(e->reason, sizeof(e->reason),
                        "it has [sessions] allowed = false; use another one, such as default");
        return SPEC_NOT_SUPPORTED;
}

static int spec_copy_session(const JobSpec *session, JobSpec *s) {
        const ToolList *tools = &session->tools;

        s->plan = session->plan;
        s->store = profile_store_ref(session->store);
        s->profile = session->profile;
        s->limits = session->limits;
        if (tools->n == 0)
                return 0;
        s->tools.tools = calloc(tools->n, sizeof(Tool));
        if (!s->tools.tools)
                return -ENOMEM;
        memcpy(s->tools.tools, tools->tools, tools->n * sizeof(Tool));
        s->tools.n = tools->n;
        return 0;
}

JobSpec *job_spec_branch(const JobSpec *session) {
        _cleanup_(job_spec_freep) JobSpec *s = calloc(1, sizeof(*s));

        if (!s || spec_copy_session(session, s) < 0)
                return NULL;
        s->is_session = true;
        s->detach = true;
        s->priority = session->priority;
        s->analysis = session->analysis;
        s->modules = json_incref(session->modules);
        return TAKE_PTR(s);
}

int spec_session(const SpecContext *c, const JobRequest *q, JobSpec *s, SpecError *e) {
        if (spec_copy_session(c->session, s) < 0)
                return -ENOMEM;
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                int r = 0;

                if (q->limits.value[id].is_set)
                        r = spec_cell_limit(c, id, q->limits.value[id].value, s, e);
                if (r != 0)
                        return r;
        }
        return 0;
}

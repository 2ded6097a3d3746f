/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Check: what a request would come to, by a job that ends where its program would begin. */

#include <stdio.h>

#include "basic/macro.h"
#include "broker/api.h"
#include "broker/reply-said.h"
#include "broker/reply.h"
#include "broker/scheduler.h"

/* Why there is no verdict of the analysis, as a finding; NULL if there is one. */
static const char *missing_rule(const Job *job) {
        switch (job->verdict.outcome) {
        case OUTCOME_SUCCESS:
        case OUTCOME_REJECTED:
                return NULL;
        case OUTCOME_WALL_TIME_LIMIT:
        case OUTCOME_CPU_TIME_LIMIT:
        case OUTCOME_MEMORY_LIMIT:
        case OUTCOME_OUTPUT_LIMIT:
        case OUTCOME_TOOL_CALL_LIMIT:
        case OUTCOME_SIGNALED: /* the stack of CPython's parser */
                return "code-too-complex";
        case OUTCOME_EXCEPTION:
        case OUTCOME_EXIT_NONZERO:
        case OUTCOME_TICK_LIMIT:
        case OUTCOME_CANCELLED:
        case OUTCOME_EXPIRED:
        case OUTCOME_LOST:
        case OUTCOME_INTERNAL_ERROR:
        case _OUTCOME_MAX:
                break;
        }
        return "not-examined";
}

static json_t *missing_finding(const Job *job, const char *rule) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "rule", rule);
        json_build_string(&b, "severity", "refuse");
        json_build_string(&b, "message", job->verdict.message);
        return json_build_take(&b);
}

json_t *reply_check(const Job *job) {
        const char *rule = missing_rule(job);
        json_t *findings = reply_findings(&job->said);
        JsonBuild b = JSON_BUILD_INIT;

        if (rule)
                (void) json_array_append_new(findings, missing_finding(job, rule));
        json_build_bool(&b, "accepted", job->verdict.outcome == OUTCOME_SUCCESS);
        json_build_value(&b, "findings", findings);
        json_build_value(&b, "limits", reply_limits(&job->spec->limits));
        if (job->spec->modules)
                json_build_value(&b, "modules", json_incref(job->spec->modules));
        else
                json_build_strv(&b, "modules", (const char *const *) job->spec->profile->modules);
        return json_build_take(&b);
}

void api_check(Connection *c) {
        bool created;
        Job *job = api_accept_job(c, ACCEPT_CHECK, &created);

        if (!job)
                return;
        connection_follow(c, job, FOLLOW_CHECK);
        c->cancels_on_close = true;
}

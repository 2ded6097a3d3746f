/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/job-usage.h"

#include "basic/macro.h"
#include "broker/connection.h"
#include "broker/job-store.h"
#include "broker/session.h"

bool job_usage_is_fresh(Broker *b, Job *job) {
        const BuilderRequest request = { .verb = BUILDER_USAGE, .box = job->box };

        if (job->is_asked)
                return false;
        if (!job_has_box(job) || job->started.monotonic_usec == 0)
                return true;
        if (job->has_usage && b->clock().monotonic_usec < job->usage_usec + USAGE_FRESH_USEC)
                return true;
        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                return true;
        job->is_asked = true;
        b->usage_asked++;
        return false;
}

/* Of a cell only what it uses itself; who has used it, user or system, is not known then. */
static void job_usage_take(Job *job, const BuilderReport *report, uint64_t now_usec) {
        const BoxFacts *f = &report->facts;
        uint64_t cpu_usec = f->cpu_user_usec + f->cpu_system_usec;

        if (!job->is_asked)
                return;
        job->is_asked = false;
        if (!job_has_box(job))
                return;
        job->has_usage = true;
        job->usage_usec = now_usec;
        job->facts = *f;
        job->memory_bytes = report->memory_bytes;
        if (job_is_cell(job)) {
                job->facts.cpu_user_usec = cpu_usec - MIN(report->cell_cpu_usec, cpu_usec);
                job->facts.cpu_system_usec = 0;
        }
        job_notify(job);
}

void job_usage_report(Broker *b, const BuilderReport *report) {
        Job *job = job_store_find_box(b, report->box);
        uint64_t now = b->clock().monotonic_usec;

        b->usage_answered++;
        if (job) {
                job_usage_take(job, report, now);
                if (job->session && job->session->cell)
                        job_usage_take(job->session->cell, report, now);
        }
        if (b->usage_answered == b->usage_awaited)
                server_wake_followers(b->server, FOLLOW_JOBS);
}

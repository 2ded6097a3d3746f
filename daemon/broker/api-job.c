/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Methods about jobs that exist: those that the caller reaches. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "broker/api.h"
#include "broker/job-store.h"
#include "broker/reply.h"
#include "broker/request.h"
#include "broker/scheduler.h"
#include "wire/build.h"
#include "wire/dispatch.h"

#define LIST_ENTRIES_DEFAULT 100
#define LIST_ENTRIES_MAX 1000

typedef struct JobParameters {
        const char *job;
        OptionalUint after_sequence; /* Attach */
        OptionalUint kinds;          /* Attach: bits of EventKind */
        OptionalUint timeout_usec;   /* Wait */
        OptionalUint grace_usec;     /* Cancel */
        const char *reason;
} JobParameters;

static const JsonField get_fields[] = {
        { "job", json_dispatch_string, offsetof(JobParameters, job), JSON_REQUIRED },
        {},
};

static const JsonField attach_fields[] = {
        { "job", json_dispatch_string, offsetof(JobParameters, job), JSON_REQUIRED },
        { "afterSequence", request_dispatch_uint, offsetof(JobParameters, after_sequence) },
        { "kinds", json_dispatch_enum_set, offsetof(JobParameters, kinds), 0, event_kind_names },
        {},
};

static const JsonField wait_fields[] = {
        { "job", json_dispatch_string, offsetof(JobParameters, job), JSON_REQUIRED },
        { "timeoutUSec", request_dispatch_uint, offsetof(JobParameters, timeout_usec) },
        {},
};

static const JsonField cancel_fields[] = {
        { "job", json_dispatch_string, offsetof(JobParameters, job), JSON_REQUIRED },
        { "graceUSec", request_dispatch_uint, offsetof(JobParameters, grace_usec) },
        { "reason", json_dispatch_string, offsetof(JobParameters, reason) },
        {},
};

void api_answer_invalid(Connection *c, const char *field, const char *reason) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "field", field);
        json_build_string(&b, "reason", reason);
        connection_error(c, "InvalidRequest", json_build_take(&b));
}

/* The parameters and the job that they name, or NULL once the call is answered. */
static Job *parse_job(Connection *c, const JsonField *fields, JobParameters *p) {
        return api_parse(c, fields, p) ? api_find_job(c, p->job) : NULL;
}

void api_attach(Connection *c) {
        JobParameters p = {};
        Job *job = parse_job(c, attach_fields, &p);

        if (!job)
                return;
        if (p.after_sequence.value > job->log.n && !job->is_dropped) {
                api_answer_invalid(c, "afterSequence", "the job has no event with this number yet");
                return;
        }
        connection_follow(c, job, FOLLOW_EVENTS);
        c->cursor = MIN(p.after_sequence.value, job->log.n);
        if (p.kinds.is_set)
                c->kinds = p.kinds.value;
}

void api_wait(Connection *c) {
        JobParameters p = {};
        Job *job = parse_job(c, wait_fields, &p);
        uint64_t now = c->broker->clock().monotonic_usec;

        if (!job)
                return;
        connection_follow(c, job, FOLLOW_STATE);
        if (p.timeout_usec.is_set && p.timeout_usec.value < UINT64_MAX - now) {
                c->wait_deadline_usec = now + p.timeout_usec.value;
                broker_wake_at(c->broker, c->wait_deadline_usec);
        }
}

/* The reason of a client is for one line of a log and a terminal: control characters (C0, DEL, C1 and
 * the two separators U+2028 and U+2029) become spaces. It is UTF-8. */
void api_reason_set(char ret_reason[static JOB_REASON_MAX + 1], const char *reason) {
        char *p = ret_reason;

        (void) snprintf(ret_reason, JOB_REASON_MAX + 1, "%s", reason);
        while (*p) {
                unsigned char *u = (unsigned char *) p;
                size_t size = 0;

                if (*u < 0x20 || *u == 0x7f)
                        size = 1;
                else if (u[0] == 0xc2 && u[1] < 0xa0)
                        size = 2;
                else if (u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
                        size = 3;
                memset(p, ' ', size);
                p += size > 0 ? size : 1;
        }
}

void api_cancel(Connection *c) {
        JobParameters p = {};
        Job *job = parse_job(c, cancel_fields, &p);
        char reason[JOB_REASON_MAX + 1];
        JsonBuild b;

        if (!job)
                return;
        if (p.reason && strlen(p.reason) > JOB_REASON_MAX) {
                api_answer_invalid(c, "reason", "longer than 256 bytes");
                return;
        }
        api_reason_set(reason, p.reason ?: "by the client");
        scheduler_cancel_gently(c->broker, job, reason,
                                p.grace_usec.is_set ? p.grace_usec.value
                                                    : job->spec->profile->grace_usec);
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_string(&b, "state", job_state_names[job_visible_state(job)]);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

void api_get_job(Connection *c) {
        JobParameters p = {};
        Job *job = parse_job(c, get_fields, &p);
        JsonBuild b;

        if (!job)
                return;
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_value(&b, "info", reply_job_info(job));
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

/* Who reads it now reads it to the end: it goes with the last one. */
void api_forget_job(Connection *c) {
        JobParameters p = {};
        Job *job = parse_job(c, get_fields, &p);

        if (!job)
                return;
        if (!job_is_finished(job)) {
                api_answer_invalid(c, "job", "the job has not finished");
                return;
        }
        job->spec->retain_usec = 0;
        job->retained_until_usec = c->broker->clock().monotonic_usec;
        job_store_release(c->broker, job);
        connection_reply(c, varlink_reply_new(json_object(), false));
        broker_check_idle(c->broker);
}

typedef struct ListParameters {
        OptionalUint states; /* bits of JobState */
        json_t *labels;
        const char *request_id;
        const char *session, *tenant;
        OptionalUint max_entries;
        const char *cursor;
} ListParameters;

static const JsonField list_fields[] = {
        { "states", json_dispatch_enum_set, offsetof(ListParameters, states), 0, job_state_names },
        { "labels", json_dispatch_string_map, offsetof(ListParameters, labels) },
        { "requestId", json_dispatch_string, offsetof(ListParameters, request_id) },
        { "session", json_dispatch_string, offsetof(ListParameters, session) },
        { "tenant", json_dispatch_string, offsetof(ListParameters, tenant) },
        { "maxEntries", request_dispatch_uint, offsetof(ListParameters, max_entries) },
        { "cursor", json_dispatch_string, offsetof(ListParameters, cursor) },
        {},
};

static bool job_has_labels(const Job *job, json_t *labels) {
        const char *key;
        json_t *value;

        json_object_foreach(labels, key,
                            value) if (!json_equal(json_object_get(job->spec->labels, key),
                                                   value)) return false;
        return true;
}

static bool job_is_listed(const Tenant *tenant, const Job *job, const ListParameters *p) {
        return job_tenant(job) == tenant && !job->spec->is_check && !job->spec->is_session &&
               (!p->states.is_set || (p->states.value & UINT64_C(1) << job_visible_state(job))) &&
               job_has_labels(job, p->labels) &&
               (!p->session || strcmp(p->session, job->session_id) == 0) &&
               (!p->request_id ||
                (job->spec->request_id && strcmp(job->spec->request_id, p->request_id) == 0));
}

void api_list_jobs(Connection *c) {
        _cleanup_(tenant_unrefp) Tenant *tenant = NULL;
        ListParameters p = {};
        JsonBuild b = JSON_BUILD_INIT;
        json_t *array = json_array();
        uint64_t before = UINT64_MAX, max, last = 0;
        char cursor[24];

        if (!api_parse(c, list_fields, &p))
                goto finish;
        tenant = api_acting_tenant(c, p.tenant);
        if (!tenant)
                goto finish;
        max = p.max_entries.is_set ? p.max_entries.value : LIST_ENTRIES_DEFAULT;
        if (max < 1 || max > LIST_ENTRIES_MAX) {
                api_answer_invalid(c, "maxEntries", "not from 1 to 1000");
                goto finish;
        }
        if (p.cursor && parse_u64(p.cursor, &before) < 0) {
                api_answer_invalid(c, "cursor", "not from a previous reply");
                goto finish;
        }
        for (List *l = c->broker->jobs.prev; l != &c->broker->jobs; l = l->prev) {
                const Job *job = container_of(l, Job, jobs);

                if (job->number >= before || !job_is_listed(tenant, job, &p))
                        continue;
                if (json_array_size(array) == max) {
                        (void) snprintf(cursor, sizeof(cursor), "%" PRIu64, last);
                        json_build_string(&b, "nextCursor", cursor);
                        break;
                }
                last = job->number;
                (void) json_array_append_new(array, reply_job_info(job));
        }
        json_build_value(&b, "jobs", TAKE_PTR(array));
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
finish:
        json_decref(array);
        json_build_done(&b);
}

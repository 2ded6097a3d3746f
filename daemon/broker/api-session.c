/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Methods about sessions: those that the caller reaches. */

#include <inttypes.h>
#include <stdio.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "broker/api.h"
#include "broker/reply.h"
#include "broker/session-run.h"
#include "wire/build.h"

#define LIST_ENTRIES_DEFAULT 100
#define LIST_ENTRIES_MAX 1000

_Static_assert(SESSION_TIME_USEC_MAX <= SESSION_LIFETIME_USEC_MAX,
               "the builder gives it that time");

typedef struct SessionParameters {
        const char *session;
        OptionalUint idle_usec, lifetime_usec;
} SessionParameters;

static const JsonField session_fields[] = {
        { "session", json_dispatch_string, offsetof(SessionParameters, session), JSON_REQUIRED },
        {},
};

static const JsonField extend_fields[] = {
        { "session", json_dispatch_string, offsetof(SessionParameters, session), JSON_REQUIRED },
        { "idleTimeoutUSec", request_dispatch_uint, offsetof(SessionParameters, idle_usec) },
        { "lifetimeUSec", request_dispatch_uint, offsetof(SessionParameters, lifetime_usec) },
        {},
};

static void answer_session_error(Connection *c, const char *name, const char *id, const Job *job) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "session", id);
        if (job)
                json_build_string(&b, "job", job->id);
        connection_error(c, name, json_build_take(&b));
}

/* The one that runs, or is next. */
static const Job *session_first_cell(const Session *s) {
        if (s->cell || list_is_empty(&s->waiting))
                return s->cell;
        return container_of(s->waiting.next, Job, in_session);
}

static void answer_info(Connection *c, const Session *s) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_value(&b, "info", reply_session_info(s));
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

static void answer_empty(Connection *c) {
        JsonBuild b = JSON_BUILD_INIT;

        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

/* A session that the caller reaches, or NULL once the call is answered. */
static Session *find_session(Connection *c, const char *id) {
        Session *s = session_find(c->broker, api_reach(c), id);

        if (!s)
                answer_session_error(c, "SessionNotFound", id, NULL);
        return s;
}

static Session *parse_session(Connection *c, const JsonField *fields, SessionParameters *p) {
        return api_parse(c, fields, p) ? find_session(c, p->session) : NULL;
}

/* Whether the profile has that much time; else the call is answered. */
static bool check_times(Connection *c,
                        const Profile *profile,
                        const OptionalUint *idle_usec,
                        const OptionalUint *lifetime_usec) {
        SpecError error;
        int r = spec_session_times(profile, idle_usec, lifetime_usec, &error);

        if (r != 0)
                api_answer_spec_error(c, (SpecErrorKind) r, &error);
        return r == 0;
}

void api_open_session(Connection *c) {
        _cleanup_(tenant_unrefp) Tenant *tenant = NULL;
        _cleanup_(job_spec_freep) JobSpec *spec = NULL;
        SessionRequest request;
        char path[JSON_PATH_MAX];
        Refusal refusal;
        Session *s;
        int r;

        if (session_request_parse(c->call.parameters, &request, path) < 0) {
                connection_reply(c, varlink_error_invalid_parameter(path));
                return;
        }
        tenant = api_acting_tenant(c, request.job.tenant);
        if (!tenant)
                return;
        spec = api_make_spec(c, tenant, &(SpecContext){ .is_session = true }, &request.job);
        if (!spec || !check_times(c, spec->profile, &request.idle_usec, &request.lifetime_usec))
                return;
        r = session_open(c->broker, tenant, spec, &s, &refusal);
        if (!api_answer_submit(c, tenant, r, &refusal))
                return;
        TAKE_PTR(spec);
        if (!s) {
                c->is_dead = true;
                return;
        }
        if (request.idle_usec.is_set)
                s->idle_usec = request.idle_usec.value;
        if (request.lifetime_usec.is_set)
                s->lifetime_usec = request.lifetime_usec.value;
        if (request.bind_to_connection)
                s->bound_to = c;
        broker_wake_at(c->broker, session_deadline(s));
        answer_info(c, s);
}

/* A new cell, or NULL once the call is answered. */
static Job *
execute_cell(Connection *c, Session *s, const ExecuteRequest *request, uint64_t fingerprint) {
        const Job *first = session_first_cell(s);
        SpecContext context = {};
        Refusal refusal;
        JobSpec *spec;
        Job *cell;
        int r;

        if (s->state == SESSION_LOST) {
                answer_session_error(c, "SessionLost", s->id, NULL);
                return NULL;
        }
        if (first && (!request->queue || s->n_waiting >= SESSION_WAITING_MAX)) {
                answer_session_error(c, "SessionBusy", s->id, first);
                return NULL;
        }
        context.session = s->host->spec;
        context.execution = s->n_executions + 1;
        spec = api_make_spec(c, s->tenant, &context, &request->job);
        if (!spec)
                return NULL;
        spec->fingerprint = fingerprint;
        r = session_execute(c->broker, s, spec, &cell, &refusal);
        if (api_answer_submit(c, s->tenant, r, &refusal))
                return cell;
        job_spec_free(spec);
        return NULL;
}

void api_execute(Connection *c) {
        ExecuteRequest request;
        char path[JSON_PATH_MAX];
        uint64_t fingerprint;
        bool is_repeated;
        Session *s;
        Job *cell;

        if (execute_request_parse(c->call.parameters, &request, path) < 0) {
                connection_reply(c, varlink_error_invalid_parameter(path));
                return;
        }
        s = find_session(c, request.session);
        if (!s)
                return;
        is_repeated = api_find_repeated(c, s->tenant, request.job.request_id, c->call.parameters,
                                        &request.job.files, &fingerprint, &cell);
        if (!is_repeated)
                cell = execute_cell(c, s, &request, fingerprint);
        if (!cell)
                return;
        connection_follow(c, cell, c->call.more ? FOLLOW_EVENTS : FOLLOW_RESULT);
        c->cancels_on_close = !is_repeated && !cell->spec->detach;
}

void api_interrupt_session(Connection *c) {
        SessionParameters p = {};
        Session *s = parse_session(c, session_fields, &p);

        if (!s)
                return;
        session_interrupt(c->broker, s);
        answer_empty(c);
}

void api_extend_session(Connection *c) {
        SessionParameters p = {};
        Session *s = parse_session(c, extend_fields, &p);
        Instant now = c->broker->clock();

        if (!s || !check_times(c, s->profile, &p.idle_usec, &p.lifetime_usec))
                return;
        if (p.idle_usec.is_set)
                s->idle_usec = p.idle_usec.value;
        s->idle_since_usec = now.monotonic_usec;
        /* From now on; but what the builder gives a box in all counts from its beginning. */
        if (p.lifetime_usec.is_set)
                s->lifetime_usec =
                        MIN(now.monotonic_usec - s->opened.monotonic_usec + p.lifetime_usec.value,
                            SESSION_LIFETIME_USEC_MAX);
        broker_wake_at(c->broker, session_deadline(s));
        answer_info(c, s);
}

void api_restart_session(Connection *c) {
        SessionParameters p = {};
        Session *s = parse_session(c, session_fields, &p);

        if (!s)
                return;
        if (session_is_shared(c->broker, s)) {
                api_answer_invalid(c, "session",
                                   "it shares its box with a session that it was branched "
                                   "from, or that was branched from it");
                return;
        }
        connection_follow(c, NULL, FOLLOW_RESTART);
        (void) snprintf(c->session_id, sizeof(c->session_id), "%s", s->id);
        session_restart(c->broker, s);
}

bool api_pump_restart(Connection *c) {
        Session *s = find_session(c, c->session_id);

        if (!s)
                return true;
        if (s->state == SESSION_RESTARTING || s->state == SESSION_OPENING)
                return false;
        if (s->state == SESSION_LOST)
                answer_session_error(c, "SessionLost", s->id, NULL);
        else
                answer_info(c, s);
        return true;
}

typedef struct BranchParameters {
        const char *session;
        json_t *labels;
} BranchParameters;

static const JsonField branch_fields[] = {
        { "session", json_dispatch_string, offsetof(BranchParameters, session), JSON_REQUIRED },
        { "labels", json_dispatch_string_map, offsetof(BranchParameters, labels) },
        {},
};

static const char *const branch_refusal_names[_BRANCH_REFUSAL_MAX] = {
        [BRANCH_REFUSED_FAILED] = "failed",
        [BRANCH_REFUSED_THREADS] = "threads",
        [BRANCH_REFUSED_FULL] = "full",
        [BRANCH_REFUSED_BUSY] = "busy",
};

static void answer_branch_refused(Connection *c, const Session *s, BranchRefusal refusal) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "session", s->id);
        json_build_string(&b, "reason", branch_refusal_names[refusal]);
        connection_error(c, "BranchRefused", json_build_take(&b));
}

/* Whether the profile and the limits of the session allow it at all; else the call is answered. A program that
 * can fork has processes that nobody could tell from branches. */
static bool branch_is_supported(Connection *c, const Session *s) {
        bool can_fork = s->host->spec->limits.value[LIMIT_PROCESSES] > 1;
        SpecError e = {};

        if (s->profile->session_branches > 0 && !can_fork)
                return true;
        (void) snprintf(e.field, sizeof(e.field), "branches in the profile %s", s->profile->name);
        (void) snprintf(e.reason, sizeof(e.reason), "%s",
                        can_fork ? "its programs have more than one process"
                                 : "it has [sessions] branches = 0");
        api_answer_spec_error(c, SPEC_NOT_SUPPORTED, &e);
        return false;
}

/* Whether it can be tried now; else the call is answered. */
static bool branch_is_possible(Connection *c, const Session *s, json_t *labels) {
        SpecError e = {};
        int r = spec_check_labels(labels, &e);

        if (r != 0)
                api_answer_spec_error(c, (SpecErrorKind) r, &e);
        else if (s->state == SESSION_LOST)
                answer_session_error(c, "SessionLost", s->id, NULL);
        else if (s->cell || !list_is_empty(&s->waiting))
                answer_session_error(c, "SessionBusy", s->id, session_first_cell(s));
        else if (!branch_is_supported(c, s))
                return false;
        else if (session_family_branches(c->broker, s))
                answer_branch_refused(c, s, BRANCH_REFUSED_BUSY);
        else if (session_count_family(c->broker, s) > s->profile->session_branches)
                answer_branch_refused(c, s, BRANCH_REFUSED_FULL);
        else
                return true;
        return false;
}

void api_branch_session(Connection *c) {
        BranchParameters p = {};
        json_t *labels;
        Refusal refusal;
        Session *s, *branch;
        int r;

        if (!api_parse(c, branch_fields, &p))
                return;
        s = find_session(c, p.session);
        if (!s || !branch_is_possible(c, s, p.labels))
                return;
        labels = json_deep_copy(p.labels);
        r = session_branch(c->broker, s, labels, &branch, &refusal);
        if (!api_answer_submit(c, s->tenant, r, &refusal)) {
                json_decref(labels);
                return;
        }
        connection_follow(c, NULL, FOLLOW_BRANCH);
        (void) snprintf(c->session_id, sizeof(c->session_id), "%s", s->id);
        c->cursor = s->branch ? s->branch->number : 0;
}

bool api_pump_branch(Connection *c) {
        const Session *s;

        LIST_FOREACH(l, &c->broker->sessions) {
                const Session *branch = container_of(l, Session, sessions);

                if (branch->number != c->cursor)
                        continue;
                if (branch->state == SESSION_OPENING)
                        return false;
                if (branch->state == SESSION_CLOSING)
                        break;
                answer_info(c, branch);
                return true;
        }
        s = find_session(c, c->session_id);
        if (s && s->state == SESSION_LOST)
                answer_session_error(c, "SessionLost", s->id, NULL);
        else if (s)
                answer_branch_refused(c, s, s->refusal);
        return true;
}

void api_close_session(Connection *c) {
        SessionParameters p = {};
        Session *s = parse_session(c, session_fields, &p);

        if (!s)
                return;
        /* Whose number stays known; the session may be gone at once. */
        connection_follow(c, NULL, FOLLOW_CLOSE);
        c->cursor = s->number;
        session_close(c->broker, s, "the session was closed");
}

bool api_pump_close(Connection *c) {
        LIST_FOREACH(l, &c->broker->sessions)
                if (container_of(l, Session, sessions)->number == c->cursor)
                        return false;
        answer_empty(c);
        return true;
}

void api_get_session(Connection *c) {
        SessionParameters p = {};
        Session *s = parse_session(c, session_fields, &p);

        if (s)
                answer_info(c, s);
}

typedef struct ListParameters {
        json_t *labels;
        OptionalUint max_entries;
        const char *cursor, *tenant;
} ListParameters;

static const JsonField list_fields[] = {
        { "labels", json_dispatch_string_map, offsetof(ListParameters, labels) },
        { "maxEntries", request_dispatch_uint, offsetof(ListParameters, max_entries) },
        { "cursor", json_dispatch_string, offsetof(ListParameters, cursor) },
        { "tenant", json_dispatch_string, offsetof(ListParameters, tenant) },
        {},
};

static bool session_is_listed(const Tenant *tenant, const Session *s, json_t *labels) {
        const char *key;
        json_t *value;

        json_object_foreach(labels, key, value) {
                if (!json_equal(json_object_get(s->labels, key), value))
                        return false;
        }
        return s->tenant == tenant && s->state != SESSION_CLOSING;
}

/* Whether the parameters are in order; else the call is answered. */
static bool list_check(Connection *c, ListParameters *p, uint64_t *ret_before) {
        *ret_before = UINT64_MAX;
        if (!api_parse(c, list_fields, p))
                return false;
        if (!p->max_entries.is_set)
                p->max_entries.value = LIST_ENTRIES_DEFAULT;
        if (p->max_entries.value < 1 || p->max_entries.value > LIST_ENTRIES_MAX) {
                api_answer_invalid(c, "maxEntries", "not from 1 to 1000");
                return false;
        }
        if (!p->cursor || parse_u64(p->cursor, ret_before) >= 0)
                return true;
        api_answer_invalid(c, "cursor", "not from a previous reply");
        return false;
}

void api_list_sessions(Connection *c) {
        _cleanup_(tenant_unrefp) Tenant *tenant = NULL;
        List *sessions = &c->broker->sessions;
        JsonBuild b = JSON_BUILD_INIT;
        ListParameters p = {};
        uint64_t before, last = 0;
        json_t *array;
        char cursor[24];

        if (list_check(c, &p, &before))
                tenant = api_acting_tenant(c, p.tenant);
        if (!tenant) {
                json_build_done(&b);
                return;
        }
        array = json_array();
        for (List *l = sessions->prev; l != sessions; l = l->prev) {
                const Session *s = container_of(l, Session, sessions);

                if (s->number >= before || !session_is_listed(tenant, s, p.labels))
                        continue;
                if (json_array_size(array) == p.max_entries.value) {
                        (void) snprintf(cursor, sizeof(cursor), "%" PRIu64, last);
                        json_build_string(&b, "nextCursor", cursor);
                        break;
                }
                last = s->number;
                (void) json_array_append_new(array, reply_session_info(s));
        }
        json_build_value(&b, "sessions", array);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

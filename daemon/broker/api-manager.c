/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of io.pysb.manager. That the caller is an administrator was decided before. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/macro.h"
#include "broker/api.h"
#include "broker/job-usage.h"
#include "broker/scheduler.h"
#include "config.h"
#include "wire/build.h"
#include "wire/dispatch.h"

#define LIST_ENTRIES_MAX 1000

static const JsonField no_fields[] = { {} };

static bool peer_has_group(const Connection *c, gid_t group) {
        _cleanup_free_ gid_t *gids = NULL;
        size_t n;

        if (server_peer_groups(varlink_conn_get_fd(c->conn), c->gid, &gids, &n) < 0)
                return false;
        FOREACH_ARRAY(gid, gids, n)
                if (*gid == group)
                        return true;
        return false;
}

bool api_is_administrator(const Connection *c) {
        gid_t group = c->broker->admin_gid;

        if (c->uid == 0 || c->uid == getuid())
                return true;
        return group != (gid_t) -1 && peer_has_group(c, group);
}

static void answer_empty(Connection *c) {
        connection_reply(c, varlink_reply_new(json_object(), false));
}

static bool parse_nothing(Connection *c) {
        int unused;

        return api_parse(c, no_fields, &unused);
}

void api_manager_reload(Connection *c) {
        if (!parse_nothing(c))
                return;
        connection_follow(c, NULL, FOLLOW_RELOAD);
        c->cursor = reload_ask(c->broker);
}

static void answer_reload_failed(Connection *c, const char *text) {
        JsonBuild b = JSON_BUILD_INIT;
        ReloadProblem problem;

        reload_problem_parse(text, &problem);
        if (problem.file_size > 0)
                json_build_string_n(&b, "file", problem.file, problem.file_size);
        if (problem.line > 0)
                json_build_uint(&b, "line", problem.line);
        json_build_string(&b, "message", text);
        connection_error(c, "ReloadFailed", json_build_take(&b));
}

bool api_manager_pump_reload(Connection *c) {
        const Broker *broker = c->broker;
        json_t *names = NULL;
        JsonBuild b;

        if (broker->reload.done < c->cursor)
                return false;
        if (broker->reload.problem) {
                answer_reload_failed(c, broker->reload.problem);
                return true;
        }
        b = (JsonBuild) JSON_BUILD_INIT;
        names = json_array();
        FOREACH_ARRAY(p, broker->store->profiles, broker->store->n_profiles)
                (void) json_array_append_new(names, json_string((*p)->name));
        json_build_value(&b, "profiles", names);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
        return true;
}

void api_manager_drain(Connection *c) {
        OptionalUint timeout = {};
        static const JsonField fields[] = {
                { "timeoutUSec", json_dispatch_uint, 0 },
                {},
        };
        Broker *b = c->broker;
        uint64_t now = b->clock().monotonic_usec;

        if (!api_parse(c, fields, &timeout))
                return;
        if (!b->is_draining)
                log_info("draining: new work is refused, by order of uid %u", c->uid);
        b->is_draining = true;
        connection_follow(c, NULL, FOLLOW_DRAIN);
        c->cursor = UINT64_MAX;
        if (timeout.is_set && timeout.value < UINT64_MAX - now) {
                c->wait_deadline_usec = now + timeout.value;
                broker_wake_at(b, c->wait_deadline_usec);
        }
}

/* The cursor is what the client knows. */
bool api_manager_pump_drain(Connection *c) {
        const Broker *broker = c->broker;
        uint64_t figures = (uint64_t) broker_running(broker) << 32 | broker_queued(broker);
        bool is_over = !broker->is_draining || figures == 0 ||
                       broker->clock().monotonic_usec >= c->wait_deadline_usec;
        JsonBuild b;

        if (!is_over &&
            (!c->call.more || figures == c->cursor || varlink_conn_output_is_high(c->conn)))
                return false;
        c->cursor = figures;
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_uint(&b, "runningJobs", broker_running(broker));
        json_build_uint(&b, "queuedJobs", broker_queued(broker));
        json_build_uint(&b, "sessions", broker->tenants.used[QUOTA_SESSIONS]);
        connection_reply(c, varlink_reply_new(json_build_take(&b), !is_over));
        return is_over;
}

void api_manager_resume(Connection *c) {
        Broker *b = c->broker;

        if (!parse_nothing(c))
                return;
        if (b->is_draining)
                log_info("new work is taken again, by order of uid %u", c->uid);
        b->is_draining = false;
        server_wake_followers(b->server, FOLLOW_DRAIN);
        broker_check_idle(b);
        answer_empty(c);
}

void api_manager_get_status(Connection *c) {
        const Broker *broker = c->broker;
        const uint64_t *used = broker->tenants.used;
        JsonBuild b;

        if (!parse_nothing(c))
                return;
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_string(&b, "version", PYSB_VERSION);
        json_build_uint(&b, "uptimeUSec", broker->clock().monotonic_usec - broker->started_usec);
        json_build_bool(&b, "draining", broker->is_draining);
        json_build_uint(&b, "reloads", broker->reload.succeeded);
        json_build_uint(&b, "runningJobs", broker_running(broker));
        json_build_uint(&b, "maxRunningJobs", scheduler_slots(broker));
        json_build_uint(&b, "queuedJobs", broker_queued(broker));
        json_build_uint(&b, "maxQueuedJobs", broker->config->max_queued_jobs);
        json_build_uint(&b, "connections", used[QUOTA_CONNECTIONS]);
        json_build_uint(&b, "maxConnections", broker->config->max_connections);
        json_build_uint(&b, "memoryBytes", used[QUOTA_MEMORY]);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

static json_t *job_object(const Job *job, uint64_t now_usec) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "job", job->id);
        json_build_string(&b, "tenant", job_tenant(job)->name);
        json_build_string(&b, "profile", job->spec->profile->name);
        json_build_string(&b, "state", job_state_names[job_visible_state(job)]);
        json_build_uint(&b, "acceptedAtUSec", job->accepted.realtime_usec);
        if (job->started.monotonic_usec > 0)
                json_build_uint(&b, "runningUSec", now_usec - job->started.monotonic_usec);
        json_build_uint(&b, "memoryLimitBytes", job->spec->limits.value[LIMIT_MEMORY]);
        if (job->has_usage) {
                json_build_uint(&b, "cpuTimeUSec",
                                job->facts.cpu_user_usec + job->facts.cpu_system_usec);
                if (job->memory_bytes > 0)
                        json_build_uint(&b, "memoryBytes", job->memory_bytes);
        }
        return json_build_take(&b);
}

/* The next one that is not finished, behind this link of the list of all; NULL is the end. */
static Job *next_job(const Broker *b, List **link) {
        while ((*link = (*link)->next) != &b->jobs) {
                Job *job = container_of(*link, Job, jobs);

                if (!job_is_finished(job))
                        return job;
        }
        return NULL;
}

bool api_manager_pump_jobs(Connection *c) {
        Broker *broker = c->broker;
        uint64_t now = broker->clock().monotonic_usec;
        List *link = &broker->jobs;
        json_t *array;
        JsonBuild b;
        Job *job;

        if (broker->usage_answered < c->cursor)
                return false;
        array = json_array();
        while ((job = next_job(broker, &link)) && json_array_size(array) < c->max_entries)
                (void) json_array_append_new(array, job_object(job, now));
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_value(&b, "jobs", array);
        json_build_bool(&b, "truncated", job != NULL);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
        return true;
}

void api_manager_list_jobs(Connection *c) {
        OptionalUint max = { .value = LIST_ENTRIES_MAX };
        static const JsonField fields[] = {
                { "maxEntries", json_dispatch_uint, 0 },
                {},
        };
        Broker *broker = c->broker;
        List *link = &broker->jobs;
        Job *job;

        if (!api_parse(c, fields, &max))
                return;
        if (max.value < 1 || max.value > LIST_ENTRIES_MAX) {
                api_answer_invalid(c, "maxEntries", "not from 1 to 1000");
                return;
        }
        for (uint64_t n = 0; n < max.value && (job = next_job(broker, &link)); n++)
                (void) job_usage_is_fresh(broker, job);
        connection_follow(c, NULL, FOLLOW_JOBS);
        c->max_entries = max.value;
        c->cursor = broker->usage_awaited = broker->usage_asked;
}

typedef struct CancelAllParameters {
        const char *tenant, *reason;
} CancelAllParameters;

typedef struct Cancelled {
        uint64_t jobs, sessions;
} Cancelled;

/* Those that wait come first: no place becomes free for one that is cancelled in the next step. */
static void
cancel_all(Broker *b, const char *tenant, const char *reason, bool is_queued, Cancelled *n) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job_is_finished(job) || (job->state == JOB_QUEUED) != is_queued ||
                    (tenant && strcmp(job_tenant(job)->name, tenant) != 0))
                        continue;
                n->jobs++;
                n->sessions += job->spec->is_session;
                scheduler_cancel(b, job, reason);
        }
}

void api_manager_cancel_all(Connection *c) {
        static const JsonField fields[] = {
                { "tenant", json_dispatch_string, offsetof(CancelAllParameters, tenant) },
                { "reason", json_dispatch_string, offsetof(CancelAllParameters, reason) },
                {},
        };
        char reason[JOB_REASON_MAX + 1];
        CancelAllParameters p = {};
        Cancelled n = {};
        JsonBuild b;

        if (!api_parse(c, fields, &p))
                return;
        if (p.reason && strlen(p.reason) > JOB_REASON_MAX) {
                api_answer_invalid(c, "reason", "longer than 256 bytes");
                return;
        }
        if (p.tenant && !api_manager_has_tenant(c, p.tenant))
                return;
        api_reason_set(reason, p.reason ?: "by an administrator");
        cancel_all(c->broker, p.tenant, reason, true, &n);
        cancel_all(c->broker, p.tenant, reason, false, &n);
        log_info("%" PRIu64 " jobs of %s are cancelled by order of uid %u", n.jobs,
                 p.tenant ?: "all tenants", c->uid);
        b = (JsonBuild) JSON_BUILD_INIT;
        json_build_uint(&b, "jobs", n.jobs);
        json_build_uint(&b, "sessions", n.sessions);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

void api_manager_set_log_level(Connection *c) {
        OptionalUint level = {};
        static const JsonField fields[] = {
                { "level", json_dispatch_uint, 0, JSON_REQUIRED },
                {},
        };

        if (!api_parse(c, fields, &level))
                return;
        if (level.value > LOG_DEBUG) {
                api_answer_invalid(c, "level", "not from 0 to 7");
                return;
        }
        log_set_max_priority((int) level.value);
        answer_empty(c);
}

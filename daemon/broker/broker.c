/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/job-store.h"
#include "broker/scheduler.h"
#include "broker/server.h"
#include "broker/session-run.h"
#include "broker/tool-link.h"
#include "config.h"
#include "proto/layers.h"

static Instant clock_now(void) {
        return (Instant){
                .monotonic_usec = clock_monotonic_usec(),
                .realtime_usec = clock_realtime_usec(),
        };
}

bool broker_is_degraded(const Broker *b) {
        for (Layer l = 0; l < _LAYER_MAX; l++)
                if (!(b->layers & LAYER_BIT(l)))
                        return true;
        return false;
}

static void broker_exit(Broker *b, int code) {
        (void) sd_event_exit(b->event, code);
}

/* Every box dies with the builder, and nothing can be started any more: say so, then go. */
static void broker_on_builder_closed(void *userdata) {
        Broker *b = userdata;

        bool was_stopping = b->is_stopping;

        if (!was_stopping)
                log_error("the builder is gone");
        b->is_stopping = true; /* nothing new from clients that still have calls in line */
        scheduler_lose_all(b);
        server_flush(b->server);
        broker_exit(b, was_stopping ? 0 : 1);
}

static void broker_on_reloaded(void *userdata,
                               const BuilderReport *report,
                               int fds[static BUILDER_RELOADED_FDS],
                               size_t n_fds) {
        reload_report(userdata, report, fds, n_fds);
}

static int broker_on_sweep(sd_event_source *source, uint64_t usec, void *userdata) {
        broker_sweep(userdata);
        return 0;
}

void broker_wake_at(Broker *b, uint64_t usec) {
        if (usec >= b->sweep_usec)
                return;
        b->sweep_usec = usec;
        (void) sd_event_source_set_time(b->sweeper, usec);
        (void) sd_event_source_set_enabled(b->sweeper, SD_EVENT_ONESHOT);
}

static bool broker_is_idle(const Broker *b) {
        /* The next daemon would not know that it was drained. */
        return list_is_empty(&b->jobs) && list_is_empty(&b->sessions) &&
               list_is_empty(&b->blobs.blobs) && server_is_idle(b->server) && !b->is_draining;
}

/* Gone are all jobs, and all that clients still have to read of them. */
static void broker_check_stopped(Broker *b) {
        uint64_t now = b->clock().monotonic_usec;

        if (broker_running(b) == 0)
                server_hear_all(b->server);
        if ((broker_running(b) == 0 && server_is_flushed(b->server)) ||
            now >= b->stop_deadline_usec)
                broker_exit(b, 0);
        else
                broker_wake_at(b, MIN(now + 100 * USEC_PER_MSEC, b->stop_deadline_usec));
}

void broker_check_idle(Broker *b) {
        if (b->is_stopping) {
                broker_wake_at(b, b->clock().monotonic_usec);
                return;
        }
        if (b->embedded && server_is_deserted(b->server)) {
                broker_stop(b);
                return;
        }
        if (!broker_is_idle(b)) {
                b->idle_since_usec = 0;
                return;
        }
        if (b->idle_since_usec == 0)
                b->idle_since_usec = b->clock().monotonic_usec;
        if (b->idle_exit_usec > 0)
                broker_wake_at(b, b->idle_since_usec + b->idle_exit_usec);
}

void broker_sweep(Broker *b) {
        uint64_t now = b->clock().monotonic_usec;

        b->sweep_usec = UINT64_MAX;
        server_sweep(b->server, now);
        scheduler_sweep(b, now);
        tool_link_sweep(b, now);
        session_sweep(b, now);
        job_store_sweep(b, now);
        broker_wake_at(b, blob_store_sweep(&b->blobs, now));
        if (b->is_stopping) {
                broker_check_stopped(b);
                return;
        }
        broker_check_idle(b);
        if (b->idle_exit_usec > 0 && b->idle_since_usec > 0 &&
            now >= b->idle_since_usec + b->idle_exit_usec)
                broker_exit(b, 0);
}

void broker_stop(Broker *b) {
        if (b->is_stopping)
                return;
        b->is_stopping = true;
        b->stop_deadline_usec = b->clock().monotonic_usec + STOP_USEC_MAX;
        server_hear_all(b->server);
        server_stop_listening(b->server);
        LIST_FOREACH(l, &b->jobs)
                scheduler_cancel(b, container_of(l, Job, jobs), "the daemon stops");
        broker_wake_at(b, b->clock().monotonic_usec);
}

static void broker_describe_host(Broker *b) {
        struct utsname u;

        (void) snprintf(b->python_version, sizeof(b->python_version), "%s", PYTHON_VERSION);
        if (uname(&u) == 0)
                (void) snprintf(b->kernel, sizeof(b->kernel), "%s", u.release);
}

static int broker_setup(Broker *b, const BrokerOptions *o) {
        const BuilderLinkHandler handler = {
                .report = scheduler_report,
                .reloaded = broker_on_reloaded,
                .closed = broker_on_builder_closed,
                .userdata = b,
        };
        int r;

        b->links = (RunnerLinkOwner){
                .event = b->event,
                .null_fd = o->null_fd,
                .clock = b->clock,
                .output_exceeded = scheduler_output_exceeded,
                .tool_call = tool_link_call,
                .channel_closed = tool_link_closed,
                .cell_over = session_cell_over,
                .cell_runs = session_cell_runs,
                .userdata = b,
        };
        r = sd_event_add_time(b->event, &b->sweeper, CLOCK_MONOTONIC, 0, 10 * USEC_PER_MSEC,
                              broker_on_sweep, b);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(b->sweeper, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = server_new(b, o->listen_fds, o->n_listen_fds, o->n_manager_fds, &b->server);
        if (r < 0)
                return r;
        r = builder_link_new(b->event, o->builder_fd, &handler, &b->builder);
        if (r < 0)
                return r;
        broker_check_idle(b);
        return 0;
}

/* A quarter stays for tenants that have nothing yet; of one and of two places nothing can. The one user of an
 * embedded daemon has no others beside him. */
static void broker_set_reserve(Broker *b, Quota quota) {
        uint64_t maximum = b->tenants.maximum[quota];

        b->tenants.reserve[quota] = b->embedded || maximum == UINT64_MAX ? 0 : (maximum + 1) / 4;
}

/* Half of the places stay for jobs that end. */
void broker_set_places(Broker *b) {
        uint64_t *node = b->tenants.maximum;

        node[QUOTA_RUNNING] = scheduler_slots(b);
        node[QUOTA_MEMORY] = b->config->max_memory;
        /* The one user of an embedded daemon knows what he does. */
        if (node[QUOTA_MEMORY] == UINT64_MAX && !b->embedded && b->memory_bytes > 0)
                node[QUOTA_MEMORY] = b->memory_bytes;
        node[QUOTA_SESSIONS] = MAX(scheduler_slots(b) / 2, UINT64_C(1));
        broker_set_reserve(b, QUOTA_RUNNING);
        broker_set_reserve(b, QUOTA_MEMORY);
        broker_set_reserve(b, QUOTA_SESSIONS);
}

/* One tenant does not fill the queue alone; the one user of an embedded daemon takes nothing from
 * others. Nothing runs before the builder has said how many can. */
static void broker_set_maxima(Broker *b) {
        const DaemonConfig *c = b->config;
        uint64_t *node = b->tenants.maximum, *own = b->default_policy.maximum;

        for (Quota q = 0; q < _QUOTA_MAX; q++)
                own[q] = UINT64_MAX;
        broker_set_places(b);
        node[QUOTA_QUEUED] = c->max_queued_jobs;
        own[QUOTA_QUEUED] = b->embedded ? UINT64_MAX : MAX(c->max_queued_jobs / 2, UINT64_C(1));
        node[QUOTA_CONNECTIONS] = c->max_connections;
        own[QUOTA_CONNECTIONS] = c->max_connections_per_user;
        node[QUOTA_RETAINED] = RETAINED_JOBS_MAX;
        own[QUOTA_RETAINED] = RETAINED_JOBS_PER_TENANT_MAX;
        node[QUOTA_REQUESTS] = REQUESTS_MAX;
        own[QUOTA_REQUESTS] = REQUESTS_PER_TENANT_MAX;
        node[QUOTA_QUEUED_BYTES] = TENANT_BYTES_MAX;
        node[QUOTA_RETAINED_BYTES] = TENANT_BYTES_MAX;
        node[QUOTA_BUFFERED_BYTES] = TENANT_BYTES_MAX;
        node[QUOTA_BLOB_BYTES] = BLOB_STORE_BYTES_MAX;
        own[QUOTA_BLOB_BYTES] = BLOB_STORE_BYTES_PER_TENANT_MAX;
}

/* What the operator's table does not say is as for everybody. */
static void policy_complete(TenantPolicy *policy, const uint64_t own[_QUOTA_MAX]) {
        if (policy->weight == 0)
                policy->weight = WEIGHT_DEFAULT;
        if (policy->submit_burst == 0)
                policy->submit_burst = policy->submits_per_second;
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                if (policy->maximum[q] == UINT64_MAX)
                        policy->maximum[q] = own[q];
        if (policy->cpu_weight == 0)
                policy->cpu_weight = WEIGHT_DEFAULT;
        if (policy->max_bytes == 0)
                policy->max_bytes = TENANT_BYTES_DEFAULT;
        tenant_policy_spread(policy);
}

static void broker_set_policies(Broker *b) {
        TenantTable *table = &b->config->tenants;
        TenantEntry *others = tenant_table_default(table);
        uint64_t own[_QUOTA_MAX];

        b->default_policy = tenant_policy_unlimited();
        broker_set_maxima(b);
        memcpy(own, b->default_policy.maximum, sizeof(own));
        if (others)
                b->default_policy = others->policy;
        policy_complete(&b->default_policy, own);
        b->default_policy.is_denied = !b->embedded && b->config->unknown_uid == UNKNOWN_UID_DENY;
        FOREACH_ARRAY(entry, table->entries, table->n)
                policy_complete(&entry->policy, own);
}

const TenantPolicy *broker_find_policy(const Broker *b, const char *name) {
        FOREACH_ARRAY(entry, b->config->tenants.entries, b->config->tenants.n)
                if (strcmp(entry->name, name) == 0 && strcmp(name, "default") != 0)
                        return &entry->policy;
        return NULL;
}

/* Who a connection belongs to was decided when it came; what that tenant may have is new at once. It
 * keeps what it uses, also above a new maximum. */
void broker_set_config(Broker *b, DaemonConfig *config) {
        DaemonConfig *old = b->config;

        b->config = config;
        b->idle_exit_usec = config->idle_exit_usec;
        broker_set_policies(b);
        LIST_FOREACH(l, &b->tenants.all) {
                Tenant *tenant = container_of(l, Tenant, link);

                tenant_set_policy(tenant,
                                  broker_find_policy(b, tenant->name) ?: &b->default_policy);
        }
        daemon_config_free(old);
}

int broker_new(sd_event *event, const BrokerOptions *o, Broker **ret_broker) {
        _cleanup_(broker_freep) Broker *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        job_store_init(b);
        list_init(&b->sessions);
        blob_store_init(&b->blobs);
        b->event = sd_event_ref(event);
        b->embedded = o->embedded;
        b->admin_gid = o->admin_gid;
        b->idle_exit_usec = o->idle_exit_usec;
        b->clock = o->clock ?: clock_now;
        b->started_usec = b->clock().monotonic_usec;
        b->config = o->config;
        tenants_init(&b->tenants);
        broker_set_policies(b);
        b->sweep_usec = UINT64_MAX;
        broker_describe_host(b);
        r = broker_setup(b, o);
        if (r < 0) {
                b->config = NULL;
                return r;
        }
        b->store = o->store;
        *ret_broker = TAKE_PTR(b);
        return 0;
}

static void broker_forget_session(Job *job) {
        Session *s = job->session;

        if (s->cell == job)
                s->cell = NULL;
        list_remove(&job->in_session);
}

Broker *broker_free(Broker *b) {
        if (!b)
                return NULL;
        server_free(b->server);
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                /* A cell has that of its host. */
                job->link = job_is_cell(job) ? NULL : runner_link_free(job->link);
                if (job->session)
                        broker_forget_session(job);
                job_free(job);
        }
        LIST_FOREACH(l, &b->sessions) {
                Session *s = container_of(l, Session, sessions);

                s->next_link = runner_link_free(s->next_link);
                session_free(s);
        }
        blob_store_done(&b->blobs);
        profile_replies_done(&b->profile_replies);
        tenants_done(&b->tenants);
        builder_link_free(b->builder);
        sd_event_source_unref(b->sweeper);
        profile_store_unref(b->store);
        daemon_config_free(b->config);
        reload_done(&b->reload);
        sd_event_unref(b->event);
        free(b);
        return NULL;
}

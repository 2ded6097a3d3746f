/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Methods about this machine, its profiles and the caller. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/api.h"
#include "broker/job-store.h"
#include "broker/prompt.h"
#include "broker/reply.h"
#include "broker/scheduler.h"
#include "config.h"
#include "proto/layers.h"
#include "wire/build.h"
#include "wire/dispatch.h"
#include "wire/message.h"

static const JsonField no_fields[] = { {} };

static bool profile_is_allowed(const Connection *c, const Profile *p) {
        return c->broker->embedded || tenant_policy_allows(c->tenant->policy, p->name, p->granted);
}

static bool profile_is_default(const Connection *c, const Profile *p) {
        return strcmp(p->name, api_default_profile(c->tenant, c->broker->config)) == 0;
}

static json_t *profile_info(const Connection *c, const Profile *p) {
        const Broker *broker = c->broker;
        JsonBuild b = JSON_BUILD_INIT;
        char problem[256];

        json_build_string(&b, "name", p->name);
        json_build_string(&b, "description", p->description);
        json_build_bool(&b, "allowed", profile_is_allowed(c, p));
        json_build_bool(&b, "isDefault", profile_is_default(c, p));
        json_build_string(&b, "pythonVersion", broker->python_version);
        json_build_string(&b, "network", profile_network_to_string(p->network));
        json_build_string(&b, "fileSystem", profile_files_to_string(p->files));
        json_build_string(&b, "analysis", profile_analysis_to_string(p->analysis));
        json_build_bool(
                &b, "tools",
                tenant_policy_clamp(c->tenant->policy, &p->maximum).value[LIMIT_TOOL_CALLS] > 0);
        json_build_bool(&b, "sessions", p->has_sessions);
        json_build_uint(&b, "branches", p->has_sessions ? p->session_branches : 0);
        json_build_string(&b, "engine", engine_names[p->engine]);
        json_build_string(&b, "problem",
                          profile_problem(p,
                                          daemon_config_engines(broker->config, broker->embedded),
                                          problem, sizeof(problem)));
        return json_build_take(&b);
}

void api_list_profiles(Connection *c) {
        const ProfileStore *store = c->broker->store;
        JsonBuild b = JSON_BUILD_INIT;
        json_t *array;
        int unused;

        if (!api_parse(c, no_fields, &unused)) {
                json_build_done(&b);
                return;
        }
        array = json_array();
        FOREACH_ARRAY(p, store->profiles, store->n_profiles)
                (void) json_array_append_new(array, profile_info(c, *p));
        json_build_value(&b, "profiles", array);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

/* NAME=VALUE entries as an object. */
static json_t *environment_object(char *const *environment) {
        JsonBuild b = JSON_BUILD_INIT;

        for (; *environment; environment++) {
                char *equals = strchr(*environment, '=');
                _cleanup_free_ char *name = NULL;

                if (!equals)
                        continue;
                name = strndup(*environment, (size_t) (equals - *environment));
                if (!name) {
                        json_build_done(&b);
                        return NULL;
                }
                json_build_string(&b, name, equals + 1);
        }
        return json_build_take(&b);
}

static json_t *sources_array(const Profile *p) {
        json_t *array = json_array();

        FOREACH_ARRAY(source, p->sources, p->n_sources)
                (void) json_array_append_new(array,
                                             json_sprintf("%s %s", source->key, source->where));
        return array;
}

/* Names as a user knows them: what begins with an underscore is nobody's business. */
static json_t *modules_array(char *const *modules) {
        json_t *array = json_array();

        for (; *modules; modules++)
                if (**modules != '_')
                        (void) json_array_append_new(array, json_string(*modules));
        return array;
}

static json_t *strings_array(char *const *strings) {
        json_t *array = json_array();

        for (; *strings; strings++)
                (void) json_array_append_new(array, json_string(*strings));
        return array;
}

static void build_modules(JsonBuild *b, const Profile *p) {
        static char *const none[] = { NULL };
        /* Without the policy nothing is refused, whatever the lists say. */
        bool is_whitelist = p->policy && p->imports == PROFILE_IMPORTS_WHITELIST;

        json_build_string(b, "importMode",
                          profile_imports_to_string(is_whitelist ? PROFILE_IMPORTS_WHITELIST
                                                                 : PROFILE_IMPORTS_BLACKLIST));
        json_build_value(b, "modules", modules_array(p->modules));
        json_build_value(b, "deniedModules", modules_array(p->policy ? p->deny_modules : none));
        json_build_value(b, "packages", modules_array(p->packages));
        json_build_value(b, "recommended", strings_array(p->recommended));
        json_build_bool(b, "hostEnvironment", p->host_env);
        /* Where nothing can be opened, all of them are. */
        json_build_value(b, "preloadedModules",
                         modules_array(p->files == PROFILE_FILES_NONE ? p->modules : p->preload));
}

/* A member that somebody else prints; left out for lack of memory. */
static void
build_text(JsonBuild *b, const char *key, const Profile *p, const char *python_version) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *memory = open_memstream(&text, &size);

        if (!memory)
                return;
        if (python_version)
                prompt_print(p, python_version, memory);
        else
                profile_print(p, memory);
        fclose(memory);
        json_build_string(b, key, text);
}

static void view_make(const Connection *c, const Profile *p, ProfileView *ret_view) {
        const TenantPolicy *policy = c->tenant->policy;

        memset(ret_view, 0, sizeof(*ret_view));
        ret_view->limits = tenant_policy_clamp(policy, &p->limits);
        ret_view->maximum = tenant_policy_clamp(policy, &p->maximum);
        ret_view->is_allowed = profile_is_allowed(c, p);
        ret_view->is_default = profile_is_default(c, p);
        (void) snprintf(ret_view->python_version, sizeof(ret_view->python_version), "%s",
                        c->broker->python_version);
}

static json_t *profile_reply(const Connection *c, const Profile *shared, const ProfileView *view) {
        JsonBuild b = JSON_BUILD_INIT;
        Profile own = *shared, *p = &own;

        build_text(&b, "toml", p, NULL);
        own.limits = view->limits;
        own.maximum = view->maximum;
        json_build_value(&b, "info", profile_info(c, p));
        json_build_value(&b, "defaults", reply_limits(&p->limits));
        json_build_value(&b, "maximum", reply_limits(&p->maximum));
        json_build_value(&b, "environment", environment_object(p->environment));
        build_modules(&b, p);
        json_build_value(&b, "sources", sources_array(p));
        json_build_string(&b, "digest", p->digest);
        build_text(&b, "prompt", p, c->broker->python_version);
        return varlink_reply_new(json_build_take(&b), false);
}

/* Makes the reply, and keeps it. NULL: no memory. */
static const char *profile_print_reply(Connection *c, size_t index, const ProfileView *view) {
        Broker *b = c->broker;
        _cleanup_(json_decrefp) json_t *reply = profile_reply(c, b->store->profiles[index], view);
        char *text = reply ? wire_json_text(reply) : NULL;

        if (!text)
                return NULL;
        server_count(c, ROUND_BYTES_PER_BYTE * strlen(text));
        return profile_replies_put(&b->profile_replies, b->store, index, view, text) < 0 ? NULL
                                                                                         : text;
}

void api_get_profile(Connection *c) {
        struct {
                const char *profile;
        } q = {};
        static const JsonField fields[] = {
                { "profile", json_dispatch_string, 0, JSON_REQUIRED },
                {},
        };
        const Broker *broker = c->broker;
        const Profile *p;
        ProfileView view;
        const char *text;
        int index;

        if (!api_parse(c, fields, &q))
                return;
        index = profile_store_find(broker->store, q.profile);
        if (index < 0) {
                JsonBuild b = JSON_BUILD_INIT;

                json_build_string(&b, "profile", q.profile);
                connection_error(c, "ProfileNotFound", json_build_take(&b));
                return;
        }
        p = broker->store->profiles[index];
        view_make(c, p, &view);
        text = profile_replies_find(&broker->profile_replies, broker->store, (size_t) index, &view)
                       ?: profile_print_reply(c, (size_t) index, &view);
        if (text)
                connection_reply_text(c, text);
        else
                c->is_dead = true;
}

static json_t *isolation_array(const Broker *broker) {
        json_t *array = json_array();

        for (Layer l = 0; l < _LAYER_MAX; l++) {
                const char *detail = layer_missing_detail(l), *state = "enforced";
                JsonBuild b = JSON_BUILD_INIT;

                if (!(broker->layers & LAYER_BIT(l)))
                        state = detail ? "degraded" : "missing";
                else
                        detail = NULL;
                json_build_string(&b, "layer", layer_to_string(l));
                json_build_string(&b, "state", state);
                json_build_string(&b, "detail", detail);
                (void) json_array_append_new(array, json_build_take(&b));
        }
        return array;
}

static json_t *engines_array(const Broker *broker) {
        unsigned engines = daemon_config_engines(broker->config, broker->embedded);
        json_t *array = json_array();

        for (Engine e = 0; e < _ENGINE_MAX; e++)
                if (engines & ENGINE_BIT(e))
                        (void) json_array_append_new(array, json_string(engine_names[e]));
        return array;
}

/* Which counters of the processor usage has, or why none. Returns buf. */
static const char *counters_text(int error, char *buf, size_t size) {
        static const struct {
                int error;
                const char *reason;
        } rows[] = {
                { ENOENT, "this machine has no PMU" },
                { EOPNOTSUPP, "this machine has no PMU" },
                { ENODEV, "this machine has no PMU" },
                { ENOSYS, "this kernel has no performance events" },
                { EACCES, "allow it by sysctl kernel.perf_event_paranoid=2" },
                { EPERM, "denied by a system call filter; for the service see docs/BUDGETS.md" },
                { ENODATA, "the PMU does not count, or is shared" },
        };
        const char *reason = NULL, *name = strerrorname_np(error);

        if (error == 0)
                return "instructions";
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (row->error == error)
                        reason = row->reason;
        (void) snprintf(buf, size, "none (perf_event_open: %s%s%s)", name ?: "unknown error",
                        reason ? ": " : "", reason ?: "");
        return buf;
}

void api_get_node(Connection *c) {
        const Broker *broker = c->broker;
        JsonBuild b = JSON_BUILD_INIT;
        char counters[128];
        int unused;

        if (!api_parse(c, no_fields, &unused)) {
                json_build_done(&b);
                return;
        }
        json_build_string(&b, "version", PYSB_VERSION);
        json_build_string(&b, "pythonVersion", broker->python_version);
        json_build_string(&b, "kernel", broker->kernel);
        json_build_bool(&b, "degraded", broker_is_degraded(broker));
        json_build_value(&b, "isolation", isolation_array(broker));
        json_build_value(&b, "engines", engines_array(broker));
        json_build_string(&b, "counters",
                          counters_text((int) broker->counter_error, counters, sizeof(counters)));
        json_build_uint(&b, "maxMessageBytes", VARLINK_MESSAGE_MAX_BYTES);
        json_build_uint(&b, "maxInlineBytes", REPLY_INLINE_BYTES_MAX);
        json_build_uint(&b, "maxDescriptors", VARLINK_FDS_MAX);
        json_build_uint(&b, "maxRunningJobs", scheduler_slots(broker));
        json_build_uint(&b, "runningJobs", broker_running(broker));
        json_build_uint(&b, "queuedJobs", broker_queued(broker));
        json_build_bool(&b, "draining", broker->is_draining || broker->is_stopping);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

/* What a tenant uses; a maximum that is absent does not exist. */
static void
build_use(JsonBuild *b, const char *used, const char *maximum, const Tenant *tenant, Quota quota) {
        json_build_uint(b, used, tenant->used[quota]);
        if (tenant->policy->maximum[quota] != UINT64_MAX)
                json_build_uint(b, maximum, tenant->policy->maximum[quota]);
}

void api_who_am_i(Connection *c) {
        struct {
                const char *tenant;
        } q = {};
        static const JsonField fields[] = {
                { "tenant", json_dispatch_string, 0 },
                {},
        };
        _cleanup_(tenant_unrefp) Tenant *t = NULL;
        JsonBuild b = JSON_BUILD_INIT;

        if (api_parse(c, fields, &q))
                t = api_acting_tenant(c, q.tenant);
        if (!t) {
                json_build_done(&b);
                return;
        }
        json_build_uint(&b, "uid", c->uid);
        json_build_uint(&b, "gid", c->gid);
        json_build_string(&b, "tenant", t->name);
        json_build_bool(&b, "gateway", c->is_gateway);
        json_build_bool(&b, "administrator", api_is_administrator(c));
        build_use(&b, "runningJobs", "maxRunningJobs", t, QUOTA_RUNNING);
        build_use(&b, "queuedJobs", "maxQueuedJobs", t, QUOTA_QUEUED);
        build_use(&b, "sessions", "maxSessions", t, QUOTA_SESSIONS);
        build_use(&b, "connections", "maxConnections", t, QUOTA_CONNECTIONS);
        build_use(&b, "memoryBytes", "maxMemoryBytes", t, QUOTA_MEMORY);
        build_use(&b, "blobBytes", "maxBlobBytes", t, QUOTA_BLOB_BYTES);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
}

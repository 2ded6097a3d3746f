/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "profile/flat.h"

#define CONFIG_KEY(name_, parse_, field, documentation_)                                   \
        {                                                                                  \
                .name = (name_), .parse = (parse_), .is_optional = true,                   \
                .offset = offsetof(DaemonConfig, field), .documentation = (documentation_) \
        }

static const char *const unknown_uids[] = { "own", "deny", NULL };

/* One line for each. */
static int
config_parse_engine(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        unsigned engine, *engines = field;
        int r = key_parse_enumeration(key, line, &engine, ret_error);

        if (r >= 0)
                *engines |= ENGINE_BIT(engine);
        return r;
}

static const Key keys[] = {
        CONFIG_KEY("daemon.allow_degraded",
                   key_parse_boolean,
                   allow_degraded,
                   "Serve on a host without the cgroup v2 controllers memory, cpu and pids; limits "
                   "are weaker there and every result says so. Default: false"),
        {
                .name = "daemon.engines",
                .parse = config_parse_engine,
                .is_list = true,
                .is_optional = true,
                .offset = offsetof(DaemonConfig, engines),
                .values = engine_names,
                .documentation =
                        "Of what boxes may be made here, \"namespace\", \"process\" or both; profiles with another "
                        "`engine` run no jobs. \"process\" is weaker: docs/SANDBOX.md says by what. Each is tried "
                        "by the self-test at the start. Default: [\"namespace\"]",
        },
        CONFIG_KEY("daemon.default_profile",
                   key_parse_string,
                   default_profile,
                   "Profile of a request that names none. Default: \"default\""),
        CONFIG_KEY("daemon.max_running_jobs",
                   key_parse_count,
                   max_running_jobs,
                   "Jobs that run at once, of all users. Default: 16"),
        CONFIG_KEY(
                "daemon.max_spare_boxes",
                key_parse_count,
                max_spare_boxes,
                "Boxes of all profiles together that are made before a job is there for them, about a MiB each. How "
                "many there are follows the demand; a job that finds one starts sooner. 0 is none. Default: 8"),
        CONFIG_KEY("daemon.max_queued_jobs",
                   key_parse_count,
                   max_queued_jobs,
                   "Jobs that wait, of all users; more are refused. Default: 1024"),
        {
                .name = "daemon.unknown_uid",
                .parse = key_parse_enumeration,
                .is_optional = true,
                .offset = offsetof(DaemonConfig, unknown_uid),
                .values = unknown_uids,
                .documentation =
                        "What a user is whom no table of tenants.toml names: \"own\" is a tenant of "
                        "his own, with what [default] says; \"deny\" may call nothing. Default: "
                        "\"own\"",
        },
        CONFIG_KEY(
                "daemon.gateway_group",
                key_parse_count,
                gateway_gid,
                "A group, by name or number, whose members act for the tenants that their requests "
                "name, and reach all their jobs and sessions: services in front of this one. Default: "
                "none"),
        CONFIG_KEY(
                "daemon.max_memory",
                key_parse_size,
                max_memory,
                "Sum of the memory limits of all jobs that run; more wait. Default: what the machine "
                "has, or MemoryMax= and MemoryHigh= leave to the service"),
        CONFIG_KEY(
                "daemon.max_connections",
                key_parse_count,
                max_connections,
                "Client connections at once, those of administrators not counted. Where there is no more room, a "
                "newcomer has that of an idle connection of a tenant with more than he has. Default: 1024"),
        CONFIG_KEY(
                "daemon.max_connections_per_user",
                key_parse_count,
                max_connections_per_user,
                "Client connections of one tenant at once, that is of one uid or, where tenants.toml has a table for "
                "several users, of all of these together. Default: 128"),
        CONFIG_KEY("daemon.idle_exit",
                   key_parse_duration,
                   idle_exit_usec,
                   "Exit after so long without a connection and a job; the socket unit starts the "
                   "daemon again. 0 is never. Default: \"10min\""),
        CONFIG_KEY("ids.first",
                   key_parse_count,
                   ids_first,
                   "First of the host uids and gids that boxes get. No user may have one of them. "
                   "Default: 1879048192"),
        CONFIG_KEY("ids.count",
                   key_parse_count,
                   ids_count,
                   "How many: a box has one for itself, the oldest is used first. Default: 65536"),
};

/* What a number may be; all of them end up in tables that are allocated at start. */
static const struct {
        const char *key;
        size_t offset;
        uint64_t lowest, highest;
} ranges[] = {
        { "daemon.max_running_jobs", offsetof(DaemonConfig, max_running_jobs), 1, 4096 },
        { "daemon.max_spare_boxes", offsetof(DaemonConfig, max_spare_boxes), 0, 1024 },
        { "daemon.max_queued_jobs", offsetof(DaemonConfig, max_queued_jobs), 0, 65536 },
        { "daemon.max_connections", offsetof(DaemonConfig, max_connections), 1, 4096 },
        { "daemon.max_connections_per_user", offsetof(DaemonConfig, max_connections_per_user), 1,
          4096 },
        /* Below are system and login users; -1 is "no change" for setresuid(). */
        { "ids.first", offsetof(DaemonConfig, ids_first), 65536, UINT32_MAX - 1 },
        { "ids.count", offsetof(DaemonConfig, ids_count), 1, 65536 },
};

static int config_check(const DaemonConfig *config, const KeySources *sources, char **ret_error) {
        for (size_t i = 0; i < ELEMENTSOF(ranges); i++) {
                uint64_t value = *(const uint64_t *) ((const char *) config + ranges[i].offset);

                if (value < ranges[i].lowest || value > ranges[i].highest)
                        return flat_error(ret_error,
                                          "%s: %s: %" PRIu64 " is out of range, it must be %" PRIu64
                                          " to %" PRIu64,
                                          key_sources_find(sources, ranges[i].key), ranges[i].key,
                                          value, ranges[i].lowest, ranges[i].highest);
        }
        if (key_sources_find(sources, "daemon.gateway_group") && config->gateway_gid >= UINT32_MAX)
                return flat_error(ret_error, "%s: daemon.gateway_group: is no id of a group",
                                  key_sources_find(sources, "daemon.gateway_group"));
        if (config->ids_first + config->ids_count > UINT32_MAX) {
                const char *where = key_sources_find(sources, "ids.first");

                return flat_error(
                        ret_error, "%s: ids.first: with ids.count the range must end below %u",
                        where ? where : key_sources_find(sources, "ids.count"), UINT32_MAX);
        }
        return 0;
}

static DaemonConfig *config_new(void) {
        DaemonConfig *config = malloc(sizeof(*config));

        if (!config)
                return NULL;
        *config = (DaemonConfig){
                .ids_first = 1879048192,
                .ids_count = 65536,
                .max_running_jobs = 16,
                .max_spare_boxes = 8,
                .max_queued_jobs = 1024,
                .max_memory = UINT64_MAX,
                .gateway_gid = NO_GATEWAY,
                .max_connections = 1024,
                .max_connections_per_user = 128,
                .idle_exit_usec = USEC_PER_SEC * 60 * 10,
        };
        return config;
}

int daemon_config_parse(const char *lines,
                        size_t size,
                        DaemonConfig **ret_config,
                        char **ret_error) {
        _cleanup_(daemon_config_freep) DaemonConfig *config = config_new();
        const char *tenants = flat_next_mark(lines, lines + size);
        int r;

        *ret_error = NULL;
        if (!config)
                return -ENOMEM;
        r = keys_parse(keys, ELEMENTSOF(keys), lines, (size_t) (tenants - lines), config,
                       &config->sources, ret_error);
        if (r < 0)
                return r;
        r = config_check(config, &config->sources, ret_error);
        if (r >= 0)
                r = tenant_table_parse(tenants, (size_t) (lines + size - tenants),
                                       config->gateway_gid != NO_GATEWAY, &config->tenants,
                                       ret_error);
        if (r < 0)
                return r;
        if (config->engines == 0)
                config->engines = ENGINE_BIT(ENGINE_NAMESPACE);
        if (!config->default_profile) {
                config->default_profile = strdup("default");
                if (!config->default_profile)
                        return -ENOMEM;
        }
        *ret_config = TAKE_PTR(config);
        return 0;
}

static bool names_profile(const FlatLine *line) {
        static const char *const names[] = { "daemon.default_profile", "tenant.default_profile",
                                             "tenant.profiles" };

        FOREACH_ARRAY(name, names, ELEMENTSOF(names))
                if (strcmp(line->key, *name) == 0)
                        return true;
        return false;
}

static int
check_profiles(const char *lines, size_t size, const ProfileStore *store, char **ret_error) {
        FlatLine line = {};
        int r;

        while ((r = flat_line_next(&lines, &size, &line, ret_error)) > 0)
                if (names_profile(&line) && line.type != FLAT_EMPTY &&
                    profile_store_find(store, line.text) < 0) {
                        r = flat_error(ret_error, "%s: %s: there is no profile %s", line.where,
                                       line.key, line.text);
                        break;
                }
        flat_line_done(&line);
        return r;
}

int daemon_config_check_profiles(const char *lines,
                                 size_t size,
                                 const ProfileStore *store,
                                 char **ret_error) {
        const char *end = lines + size, *s = lines;

        *ret_error = NULL;
        while (s < end) {
                const char *next = flat_next_mark(s, end), *newline;
                int r = check_profiles(s, (size_t) (next - s), store, ret_error);

                if (r < 0)
                        return r;
                newline = memchr(next, '\n', (size_t) (end - next));
                s = newline ? newline + 1 : end;
        }
        return 0;
}

/* A value that the file does not set any more has no line. */
static int error_of_change(const DaemonConfig *new,
                           const char *key,
                           uint64_t now,
                           uint64_t start,
                           const char *why,
                           char **ret_error) {
        return flat_error(
                ret_error,
                "%s: %s: %" PRIu64 ", which was %" PRIu64 " at the start, %s only with a restart",
                key_sources_find(&new->sources, key) ?: "pysbd.toml", key, now, start, why);
}

int daemon_config_check_change(const DaemonConfig *old, const DaemonConfig *new, char **ret_error) {
        *ret_error = NULL;
        /* Boxes have these ids. */
        if (new->ids_first != old->ids_first)
                return error_of_change(new, "ids.first", new->ids_first, old->ids_first, "changes",
                                       ret_error);
        if (new->ids_count != old->ids_count)
                return error_of_change(new, "ids.count", new->ids_count, old->ids_count, "changes",
                                       ret_error);
        /* What is allowed was tried before anybody was served. */
        if (new->engines != old->engines)
                return error_of_change(new, "daemon.engines", new->engines, old->engines, "changes",
                                       ret_error);
        if (new->max_running_jobs > old->max_running_jobs)
                return error_of_change(new, "daemon.max_running_jobs", new->max_running_jobs,
                                       old->max_running_jobs, "rises", ret_error);
        return 0;
}

unsigned daemon_config_engines(const DaemonConfig *config, bool is_embedded) {
        return is_embedded ? ENGINE_BIT(_ENGINE_MAX) - 1 : config->engines;
}

DaemonConfig *daemon_config_free(DaemonConfig *config) {
        if (config) {
                key_sources_done(&config->sources);
                free(config->default_profile);
                tenant_table_done(&config->tenants);
        }
        free(config);
        return NULL;
}

void daemon_config_print_keys(FILE *f) {
        FOREACH_ARRAY(key, keys, ELEMENTSOF(keys))
                fprintf(f, "%s\n        %s.\n", key->name, key->documentation);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's own settings, /etc/pysb/pysbd.toml. Like a profile it comes as flat lines (see
 * profile.h), "daemon.KEY" for the keys at the top of the file; here every key has a default, and
 * no file at all is the same as an empty one. (Not to be confused with the generated "config.h".) */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/cleanup.h"
#include "profile/flat.h"
#include "profile/profile.h"
#include "profile/tenants.h"

/* What a user is that no table of tenants.toml names. */
typedef enum UnknownUid {
        UNKNOWN_UID_OWN, /* a tenant of his own */
        UNKNOWN_UID_DENY,
} UnknownUid;

#define NO_GATEWAY UINT64_MAX

typedef struct DaemonConfig {
        unsigned engines;                  /* ENGINE_BIT()s that boxes may have */
        bool allow_degraded;               /* serve although a cgroup v2 controller is missing */
        uint64_t ids_first;                /* host uid and gid of the first box */
        uint64_t ids_count;                /* one id per running box; never 0 */
        uint64_t max_spare_boxes;          /* boxes that are made before a job is there for them */
        uint64_t max_running_jobs;         /* boxes at once, on the whole node */
        uint64_t max_queued_jobs;          /* accepted, but not started yet */
        uint64_t max_connections;          /* of all clients */
        uint64_t max_connections_per_user; /* of one tenant without a max_connections of its own */
        uint64_t idle_exit_usec; /* exit when there was nothing to do for so long; 0: never */
        char *default_profile;   /* of a request that names none */
        uint64_t max_memory;     /* sum of the memory limits of what runs; UINT64_MAX is none */
        unsigned unknown_uid;    /* UnknownUid */
        uint64_t gateway_gid;    /* whose members may act for any tenant; NO_GATEWAY is none */
        TenantTable tenants;     /* of tenants.toml */
        KeySources sources;      /* of what pysbd.toml sets */
} DaemonConfig;

/* Reads flat lines of pysbd.toml and, from the first "== NAME" on, of tenants.toml; size 0 gives the defaults. Errors as of profile_parse(). Pure. */
int daemon_config_parse(const char *lines,
                        size_t size,
                        DaemonConfig **ret_config,
                        char **ret_error);

/* Whether there is each profile that these lines, which have been parsed, name. Errors as above. Pure. */
int daemon_config_check_profiles(const char *lines,
                                 size_t size,
                                 const ProfileStore *store,
                                 char **ret_error);

/* Whether the second may take the place of the first without a restart. Errors as above. Pure. */
int daemon_config_check_change(const DaemonConfig *old, const DaemonConfig *new, char **ret_error);

/* The ENGINE_BIT()s that are allowed. Embedded, whoever runs it allows what he names a profile for. Pure. */
unsigned daemon_config_engines(const DaemonConfig *config, bool is_embedded);

DaemonConfig *daemon_config_free(DaemonConfig *config);
DEFINE_CLEANUP(DaemonConfig *, daemon_config_free);

/* The documentation of every key. */
void daemon_config_print_keys(FILE *f);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The broker as one object: what main() makes from its descriptors, and what a test makes in its own
 * process with socket pairs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/list.h"
#include "broker/blob-store.h"
#include "broker/builder-link.h"
#include "broker/job.h"
#include "broker/profile-replies.h"
#include "broker/reload.h"
#include "broker/runner-link.h"
#include "broker/self-test.h"
#include "broker/tenant.h"
#include "profile/config.h"
#include "profile/profile.h"

/* Results that nobody fetched: beyond these the oldest one of who has most is forgotten before its time. */
#define RETAINED_JOBS_MAX 1024
#define RETAINED_JOBS_PER_TENANT_MAX 256

/* Requests that happen at most once: beyond these no other one is accepted. */
#define REQUESTS_MAX 4096
#define REQUESTS_PER_TENANT_MAX 1024

/* Jobs by what clients and the builder call them; a bucket has few. */
#define JOB_BUCKETS 1024

typedef struct JobIndex {
        List ids[JOB_BUCKETS];      /* Job.by_id */
        List requests[JOB_BUCKETS]; /* Job.by_request */
        List boxes[JOB_BUCKETS];    /* Job.by_box */
} JobIndex;

/* Blobs of tenants. */
#define BLOB_STORE_BYTES_MAX (256U << 20)
#define BLOB_STORE_BYTES_PER_TENANT_MAX (64U << 20)

/* After SIGTERM: how long the last results may take to reach their clients. The builder waits for a second more. */
#define STOP_USEC_MAX (UINT64_C(4) * 1000000)

/* Flat lines of all profiles, or of the configuration. */
#define BROKER_STORE_BYTES_MAX (8U << 20)

struct Server;

typedef struct BrokerOptions {
        int builder_fd;
        int null_fd; /* read-only /dev/null; stays the caller's */
        ProfileStore *store;
        DaemonConfig *config;
        const int *listen_fds; /* listening or connected */
        size_t n_listen_fds;
        size_t n_manager_fds; /* the last ones of them are for administrators */
        gid_t admin_gid;      /* (gid_t) -1 is none */
        bool embedded;
        uint64_t idle_exit_usec; /* 0 is never */
        Instant (*clock)(void);  /* NULL is the real one */
} BrokerOptions;

typedef struct Broker {
        sd_event *event;
        ProfileStore *store;
        DaemonConfig *config;
        bool embedded;
        gid_t admin_gid;
        uint64_t idle_exit_usec;
        Instant (*clock)(void);
        uint64_t started_usec;

        struct Server *server;
        BuilderLink *builder;
        RunnerLinkOwner links;

        Tenants tenants;
        uint64_t pressure_until_usec; /* while tenants.is_held */
        TenantPolicy default_policy;  /* of a uid that is a tenant of its own */
        List jobs;                    /* all, oldest first */
        JobIndex index;
        List sessions; /* all, oldest first */
        BlobStore blobs;
        ProfileReplies profile_replies;
        uint64_t last_number, last_box;
        /* Questions to the builder what a job uses, and answers; and the number of those that a ListJobs
         * of an administrator waits for. */
        uint64_t usage_asked, usage_answered, usage_awaited;

        /* From the builder's NODE report; without it nothing starts. */
        uint32_t slots;
        uint64_t layers;
        uint64_t memory_bytes;  /* for all boxes; 0 is unknown */
        uint32_t counter_error; /* positive errno: no counters; 0 if there are */
        char python_version[32];
        char kernel[80];

        sd_event_source *sweeper;
        uint64_t sweep_usec; /* when it is armed for; UINT64_MAX is never */
        uint64_t idle_since_usec;
        bool has_room; /* the sweep looks whether something that waits may start */
        Reload reload;
        SelfTests self_tests;
        bool is_draining; /* new work is refused until an administrator says Resume */
        bool is_stopping;
        uint64_t stop_deadline_usec;
} Broker;

/* Takes the descriptors, the store and the configuration on success. */
int broker_new(sd_event *event, const BrokerOptions *options, Broker **ret_broker);
Broker *broker_free(Broker *broker);
DEFINE_CLEANUP(Broker *, broker_free);

/* Ends what waits and what runs; the loop exits with 0 once all results are delivered. */
void broker_stop(Broker *broker);

/* Puts another configuration in force, and takes it. */
void broker_set_config(Broker *broker, DaemonConfig *config);

/* How many places there are has changed. */
void broker_set_places(Broker *broker);

/* Of the table of tenants.toml with this name. NULL: there is none. */
const TenantPolicy *broker_find_policy(const Broker *broker, const char *name);

/* How many jobs run at once, and wait. */
static inline uint64_t broker_running(const Broker *b) {
        return b->tenants.used[QUOTA_RUNNING];
}

static inline uint64_t broker_queued(const Broker *b) {
        return b->tenants.used[QUOTA_QUEUED];
}

/* Looks at every deadline. The loop calls it; a test may, with its own clock. */
void broker_sweep(Broker *broker);

/* Makes sure that the sweep comes no later than this (monotonic). */
void broker_wake_at(Broker *broker, uint64_t usec);

/* To be called when a connection or a job is gone. */
void broker_check_idle(Broker *broker);

/* Whether limits are weaker here than a service gives. */
bool broker_is_degraded(const Broker *broker);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tenants, and the one place where what they use is taken and given back. Pure: time comes in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"
#include "basic/list.h"
#include "profile/tenants.h"

/* How fast places become free, to tell a client when to come again. */
typedef struct Pace {
        uint64_t last_usec;     /* of the last end, 0 is none yet */
        uint64_t interval_usec; /* between two ends, smoothed; 0 is unknown */
} Pace;

typedef struct Tenants Tenants;

typedef struct Tenant {
        List link; /* of all tenants */
        Tenants *tenants;
        char name[TENANT_NAME_MAX];
        const TenantPolicy *policy;
        TenantPolicy changed; /* .policy points here from tenant_change_policy() on */
        uint64_t used[_QUOTA_MAX];
        uint64_t n_refs; /* connections and jobs that point here */

        uint64_t token_usec; /* time that the submissions so far have paid for */
        Pace pace;
        uint64_t cpu_usec; /* of its jobs that have ended, since it was made */
        uint64_t
                watched_bytes; /* of QUOTA_RETAINED_BYTES: of results that are being sent, and cannot go */

        /* For the loop (server.h): what its connections have done in this round. */
        uint64_t round, round_bytes;

        /* For the queue (queue.h): */
        List ready; /* of the tenants that have something waiting */
        List waiting[PRIORITIES];
        uint64_t n_waiting[PRIORITIES];
        uint64_t pass;          /* virtual time at which its next job is due */
        uint64_t session_bytes; /* of QUOTA_MEMORY, what its sessions hold */
} Tenant;

struct Tenants {
        List all;
        uint64_t used[_QUOTA_MAX]; /* always the sum over the tenants */
        uint64_t maximum[_QUOTA_MAX];
        uint64_t reserve[_QUOTA_MAX]; /* of that: see tenant_maximum() */
        Pace pace;
        uint64_t now_usec; /* when the last submission came */
        bool is_held;      /* memory is short: nothing starts while something runs */

        /* For the queue: */
        List ready;
        uint64_t virtual_time;
        uint64_t session_bytes; /* always the sum over the tenants */
};

/* No maximum of the node. */
void tenants_init(Tenants *tenants);

/* Frees the tenants. Nothing may be charged any more. */
void tenants_done(Tenants *tenants);

/* The tenant of this name, made with this policy if it is new, with one reference more. NULL: no
 * memory. The policy must outlive it. */
Tenant *tenants_get(Tenants *tenants, const char *name, const TenantPolicy *policy);

/* The same, but NULL if there is none, and without a reference. */
Tenant *tenants_find(const Tenants *tenants, const char *name);

/* Other rights from now on; what it uses, it keeps. The policy must outlive it. */
void tenant_set_policy(Tenant *tenant, const TenantPolicy *policy);

/* A copy of its policy, now in force, to be changed by the caller, until the next
 * tenant_set_policy(): so long it is not forgotten. */
TenantPolicy *tenant_change_policy(Tenant *tenant);

Tenant *tenant_ref(Tenant *tenant);
Tenant *tenant_unref(Tenant *tenant); /* NULL */
DEFINE_CLEANUP(Tenant *, tenant_unref);

typedef enum ChargeRefusal {
        CHARGE_OVER_TENANT = 1,
        CHARGE_OVER_NODE,
} ChargeRefusal;

/* What is used may be above the maximum: tenant_charge_anyway(). */
static inline bool quota_is_over(uint64_t used, uint64_t amount, uint64_t maximum) {
        return used > maximum || amount > maximum - used;
}

/* Whether something may start at all, now. */
bool tenants_may_start(const Tenants *tenants);

/* How much it may have of its own, or it and all others of the node. The node's reserve is only for who has
 * nothing of this quota yet, and for who has a maximum of its own. */
uint64_t tenant_maximum(const Tenant *tenant, Quota quota, ChargeRefusal scope);

/* Whether the amount would still fit: 0 or a ChargeRefusal. */
int tenant_fits(const Tenant *tenant, Quota quota, uint64_t amount);

/* The same for the node alone. */
bool tenants_fit(const Tenants *tenants, Quota quota, uint64_t amount);

/* Whether so much of its results is being sent to clients which do not read that nothing more of it may run. */
bool tenant_is_stuck(const Tenant *tenant);

/* Takes the amount if it fits, all or nothing: 0 or a ChargeRefusal. */
int tenant_charge(Tenant *tenant, Quota quota, uint64_t amount);

/* Takes it whatever the maximum is: for what has happened already. */
void tenant_charge_anyway(Tenant *tenant, Quota quota, uint64_t amount);

/* Gives back what was taken; more than that is a bug and ends the program. */
void tenant_release(Tenant *tenant, Quota quota, uint64_t amount);

/* One submission: true if there was a token for it, else *ret_retry_usec says when there will be. */
bool tenant_take_token(Tenant *tenant, uint64_t now_usec, uint64_t *ret_retry_usec);

/* A job of this tenant has ended, a place is free. */
void tenant_note_end(Tenant *tenant, uint64_t now_usec);

/* When a place in the queue may be free: of the tenant's, or of the node's. An estimate from how fast
 * jobs ended lately, 10 ms to 60 s. */
uint64_t tenant_retry_after(const Tenant *tenant, ChargeRefusal refusal, uint64_t now_usec);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who is next. Pure.
 *
 * Between tenants: stride scheduling, one job is one unit. Of those tenants that may start something
 * the one with the lowest pass is next, and its pass grows by 1/weight. A tenant that comes
 * back begins at the present virtual time: it can save up nothing. One that is at a maximum of its own is
 * left out and keeps nobody waiting, itself excepted. So is one whose clients do not read what they are sent.
 *
 * Within a tenant: the higher priority, then first come, first served. There is no ageing: a tenant
 * that always has work of priority 9 starves its own work of priority 0 (which a queueTimeoutUSec
 * bounds), never anybody else's.
 *
 * The next job of the chosen tenant waits for the node's memory, and nobody overtakes it: else small
 * jobs would keep a large one waiting for ever. What waits for what sessions hold, which may be for ever, too, is
 * in nobody's way, whether of its own tenant or of another one.
 *
 * The node's reserve (tenant.h) is not for who runs something already. While such a one is due and waits, whose
 * only job it is starts before it; who has more that waits keeps to the order, or weights would mean nothing.
 *
 * While memory is short (Tenants.is_held) nothing starts but one
 * job where none runs. */

#include <stdint.h>

#include "broker/tenant.h"

typedef struct QueueItem {
        List link; /* of Tenant.waiting; not linked: it does not wait */
        Tenant *tenant;
        unsigned priority;     /* below PRIORITIES */
        uint64_t memory_bytes; /* its limit */
        bool is_session;       /* no limit says when it gives that back */
} QueueItem;

void queue_item_init(
        QueueItem *item, Tenant *tenant, unsigned priority, uint64_t memory_bytes, bool is_session);

/* Why a job may not come in. */
typedef struct Refusal {
        ChargeRefusal scope; /* whether others could still submit */
        Quota quota;         /* QUOTA_QUEUED: the queue is full; _QUOTA_MAX: too many in a second */
        uint64_t retry_usec; /* 0: never, it asks for more than there is */
} Refusal;

/* Whether it asks for more memory than its tenant may have, or than there is, at all: 0 or a ChargeRefusal. */
int queue_item_never_fits(const QueueItem *item);

/* Whether this job may come in, to start or to wait: true, or false with a reason. What is taken is
 * one of the tokens for submissions, if it may. */
bool queue_admit(const QueueItem *item, uint64_t bytes, uint64_t now_usec, Refusal *ret_refusal);

/* Joins the others. Charges QUOTA_QUEUED whatever the maximum is: that was asked before. */
void queue_add(QueueItem *item);

/* Leaves; nothing to do if it does not wait. */
void queue_remove(QueueItem *item);

/* Takes the next one out of the queue and charges what runs: QUOTA_RUNNING and QUOTA_MEMORY. NULL if
 * nobody waits or nobody may. O(tenants that wait), and those that wait for sessions in front of the next. */
QueueItem *queue_take(Tenants *tenants);

/* A job that queue_take() gave has ended: gives back what runs. */
void queue_item_ended(QueueItem *item);

/* What queue_take() does with the charges, for what has never waited. */
void queue_item_start(QueueItem *item);

/* How many of the same tenant would start before it if it came now. */
uint64_t queue_ahead(const Tenant *tenant, unsigned priority);

/* The first items of this tenant, next first, at most max. Returns their number. */
size_t queue_first(const Tenant *tenant, size_t max, QueueItem *ret_items[]);

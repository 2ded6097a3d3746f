/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Branches: several sessions, each with an interpreter of its own, in one box. Each has a host of its own, with the
 * charges of one. */

#include <errno.h>
#include <sys/random.h>

#include "basic/macro.h"
#include "broker/connection.h"
#include "broker/job-store.h"
#include "broker/scheduler.h"
#include "broker/session-run.h"

uint64_t session_count_family(Broker *b, const Session *s) {
        uint64_t n = 0;

        LIST_FOREACH(l, &b->sessions) {
                const Session *other = container_of(l, Session, sessions);

                if (other->family == s->family && other->host)
                        n++;
        }
        return n;
}

bool session_family_branches(Broker *b, const Session *s) {
        LIST_FOREACH(l, &b->sessions) {
                const Session *other = container_of(l, Session, sessions);

                if (other->family == s->family && other->branch)
                        return true;
        }
        return false;
}

FilesLink *session_files(Broker *b, const Session *s) {
        LIST_FOREACH(l, &b->sessions) {
                const Session *other = container_of(l, Session, sessions);

                if (other->family == s->family && other->host && other->host->files)
                        return other->host->files;
        }
        return NULL;
}

void session_hand_on_files(Broker *b, Session *s) {
        LIST_FOREACH(l, &b->sessions) {
                Session *other = container_of(l, Session, sessions);

                if (other->family != s->family || other == s || !other->host)
                        continue;
                other->host->files = TAKE_PTR(s->host->files);
                return;
        }
}

bool session_is_shared(Broker *b, const Session *s) {
        return session_is_branch(s) || session_count_family(b, s) > 1;
}

/* What a branch takes of its tenant is what any session takes: it may outlive its base. */
static int branch_admit(Broker *b, const Session *s, Refusal *ret_refusal) {
        static const Quota quotas[] = { QUOTA_SESSIONS, QUOTA_RUNNING, QUOTA_MEMORY };
        const uint64_t amounts[] = { 1, 1, s->host->queue.memory_bytes };

        if (b->is_stopping || b->is_draining)
                return SUBMIT_STOPPING;
        for (size_t i = 0; i < ELEMENTSOF(quotas); i++) {
                int r = tenant_fits(s->tenant, quotas[i], amounts[i]);

                if (r == 0)
                        continue;
                *ret_refusal =
                        (Refusal){ (ChargeRefusal) r, quotas[i], session_retry_usec(s->tenant) };
                return SUBMIT_REFUSED;
        }
        return 0;
}

static int branch_ask(Broker *b, const Session *s, Job *host) {
        BuilderRequest request = { .verb = BUILDER_BRANCH, .box = s->host->box };
        int fds[BUILDER_START_FDS], r;

        r = runner_link_new(&b->links, host, fds, &host->link);
        if (r < 0)
                return r;
        request.branch = host->box = ++b->last_box;
        job_store_add_box(b, host);
        return builder_link_send(b->builder, &request, fds, BUILDER_START_FDS);
}

/* The host, which has a place at once: there is no queue for branches. */
static int branch_new_host(Broker *b, const Session *s, Job **ret_host) {
        JobSpec *spec = job_spec_branch(s->host->spec);
        int r;

        if (!spec)
                return -ENOMEM;
        r = scheduler_new_job(b, s->tenant, spec, ret_host);
        if (r < 0) {
                job_spec_free(spec);
                return r;
        }
        queue_item_start(&(*ret_host)->queue);
        job_set_starting(*ret_host, b->clock());
        return 0;
}

static Session *branch_new(Broker *b, Session *s, Job *host, json_t *labels) {
        Buf opening = BUF_INIT(0); /* it is never started again */
        uint8_t random[16];
        Session *branch = NULL;

        if (getrandom(random, sizeof(random), 0) == sizeof(random))
                branch = session_new(host, random, labels, &opening, b->clock());
        if (!branch)
                return NULL;
        list_insert_before(&b->sessions, &branch->sessions);
        branch->family = s->family;
        branch->bound_to = s->bound_to;
        branch->idle_usec = s->idle_usec;
        branch->lifetime_usec = s->lifetime_usec;
        branch->n_executions = s->n_executions; /* no two cells of an interpreter have one name */
        branch->base = s;
        s->branch = branch;
        s->refusal = BRANCH_REFUSED_FAILED;
        return branch;
}

int session_branch(
        Broker *b, Session *s, json_t *labels, Session **ret_branch, Refusal *ret_refusal) {
        Session *branch;
        Job *host;
        int r;

        r = branch_admit(b, s, ret_refusal);
        if (r != 0)
                return r;
        r = branch_new_host(b, s, &host);
        if (r < 0)
                return r;
        branch = branch_new(b, s, host, labels);
        if (!branch) {
                scheduler_finish_without_box(b, host, OUTCOME_INTERNAL_ERROR,
                                             "no memory for its session");
                return -ENOMEM;
        }
        *ret_branch = branch;
        session_go_on(b, s); /* now, or as soon as its interpreter is there */
        /* What waits for the memory that it holds from now on keeps nobody waiting any more. */
        scheduler_start_waiting(b);
        return 0;
}

void session_begin_branch(Broker *b, Session *s) {
        Job *host = s->branch->host;

        s->state = SESSION_BRANCHING;
        s->was_asked = s->has_answered = false;
        if (branch_ask(b, s, host) < 0)
                scheduler_finish_without_box(b, host, OUTCOME_INTERNAL_ERROR,
                                             "the branch could not be asked for");
}

void session_may_branch(Broker *b, Session *branch) {
        static const FrameHeader frame = { .type = FRAME_BRANCH };
        Session *s = branch->base;

        if (!s || !s->host)
                return;
        s->was_asked = true;
        runner_link_hear_host(s->host->link, true);
        if (runner_link_send(s->host->link, &frame, sizeof(frame)) < 0)
                scheduler_kill(b, branch->host, END_CANCEL);
}

/* Whether nothing of the branch is on its way any more: neither the answer nor the end. Another one may wait, which
 * has no box yet. */
static void branch_settle(Broker *b, Session *s) {
        bool is_asked = s->branch && s->branch->host && s->branch->host->box != 0;

        if (s->state != SESSION_BRANCHING || is_asked)
                return;
        if (s->was_asked && !s->has_answered) { /* a hook of the program has it: not for ever */
                s->idle_since_usec = b->clock().monotonic_usec;
                broker_wake_at(b, session_deadline(s));
                return;
        }
        if (s->host && s->host->link)
                runner_link_hear_host(s->host->link, false);
        s->state = SESSION_IDLE;
        s->idle_since_usec = b->clock().monotonic_usec;
        session_go_on(b, s);
}

int session_branch_answered(Broker *b, Session *s, uint32_t refusal) {
        s->has_answered = true;
        if (refusal != BRANCH_MADE && s->branch) {
                s->refusal = refusal == BRANCH_REFUSED_THREADS ? BRANCH_REFUSED_THREADS
                                                               : BRANCH_REFUSED_FAILED;
                scheduler_kill(b, s->branch->host, END_CANCEL);
        }
        branch_settle(b, s);
        return 0;
}

void session_branch_done(Broker *b, Session *branch) {
        Session *s = branch->base;

        branch->base = NULL;
        s->branch = NULL;
        branch_settle(b, s);
}

void session_end_branching(Broker *b, Session *s) {
        Session *branch = s->branch;

        if (s->base)
                session_branch_done(b, s);
        if (branch) {
                session_branch_done(
                        b,
                        branch); /* what is on its way comes, or the builder says that it does not */
                if (branch->host->box == 0)
                        scheduler_finish_without_box(b, branch->host, OUTCOME_CANCELLED,
                                                     "its base has ended");
        }
        server_wake_followers(b->server, FOLLOW_BRANCH);
}

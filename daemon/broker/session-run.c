/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/session-run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "basic/log.h"
#include "basic/macro.h"
#include "broker/connection.h"
#include "broker/scheduler.h"
#include "broker/tool-link.h"

/* Nobody knows when somebody closes one. */
#define RETRY_USEC (UINT64_C(1) * 1000000)

uint64_t session_retry_usec(const Tenant *tenant) {
        return tenant->policy->maximum[QUOTA_SESSIONS] == 0 ? 0 : RETRY_USEC;
}

Session *session_find(Broker *b, const Tenant *tenant, const char *id) {
        LIST_FOREACH(l, &b->sessions) {
                Session *s = container_of(l, Session, sessions);

                if ((!tenant || s->tenant == tenant) && s->state != SESSION_CLOSING &&
                    strcmp(s->id, id) == 0)
                        return s;
        }
        return NULL;
}

static int refuse(Refusal *ret, int scope, Quota quota, uint64_t retry_usec) {
        *ret = (Refusal){ (ChargeRefusal) scope, quota, retry_usec };
        return SUBMIT_REFUSED;
}

/* Nothing of it is left. */
static void session_gone(Broker *b, Session *s) {
        session_free(s);
        server_wake_followers(b->server, FOLLOW_CLOSE);
        server_wake_followers(b->server, FOLLOW_RESTART);
        server_wake_followers(b->server, FOLLOW_BRANCH);
}

int session_open(
        Broker *b, Tenant *tenant, JobSpec *spec, Session **ret_session, Refusal *ret_refusal) {
        _cleanup_(buf_done) Buf opening = BUF_INIT(0);
        uint8_t random[16];
        json_t *labels;
        Session *s;
        Job *host;
        int r;

        if (b->is_stopping || b->is_draining)
                return SUBMIT_STOPPING;
        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return -errno;
        r = tenant_fits(tenant, QUOTA_SESSIONS, 1);
        if (r != 0)
                return refuse(ret_refusal, r, QUOTA_SESSIONS, session_retry_usec(tenant));
        r = frame_copy_without_files(&spec->frame, &opening);
        if (r < 0)
                return r;
        r = scheduler_submit(b, tenant, spec, -EBADF, &host, ret_refusal);
        if (r != 0)
                return r;
        labels = spec->labels;
        spec->labels = NULL;
        s = session_new(host, random, labels, &opening, b->clock());
        if (!s) {
                json_decref(labels);
                scheduler_cancel(b, host, "no memory for its session");
                *ret_session = NULL;
                return 0; /* the spec is taken */
        }
        list_insert_before(&b->sessions, &s->sessions);
        if (job_is_finished(host)) /* the box could not be asked for */
                session_host_finished(b, s);
        broker_wake_at(b, session_deadline(s));
        *ret_session = s;
        return 0;
}

/* One that waits will not run, and outlives the session. */
static void session_drop_cell(
        Broker *b, Session *s, Job *cell, bool is_alive, Outcome outcome, const char *why) {
        session_remove(s, cell);
        cell->session = NULL;
        cell->session_is_alive = is_alive;
        if (outcome == OUTCOME_CANCELLED)
                scheduler_cancel_waiting(b, cell, why);
        else
                scheduler_finish_without_box(b, cell, outcome, why);
}

static void
session_drop_line(Broker *b, Session *s, bool is_alive, Outcome outcome, const char *why) {
        LIST_FOREACH(l, &s->waiting)
                session_drop_cell(b, s, container_of(l, Job, in_session), is_alive, outcome, why);
}

/* What we cannot tell the interpreter or the builder ends the session: neither may go on without it. */
static int session_start_cell(Broker *b, Session *s, Job *cell) {
        BuilderRequest request = {
                .verb = BUILDER_CELL,
                .plan = cell->spec->plan,
                .box = s->host->box,
                .digest = profile_digest_short(cell->spec->profile),
                .limits = cell->spec->limits,
        };
        int r;

        cell->box = s->host->box;
        cell->link = s->host->link;
        job_set_starting(cell, b->clock());
        r = builder_link_send(b->builder, &request, NULL, 0);
        if (r >= 0)
                r = job_set_started(cell, 0, b->clock());
        return r < 0 ? r : runner_link_begin_cell(cell->link, cell);
}

void session_go_on(Broker *b, Session *s) {
        uint64_t position = 0;
        Job *cell;

        if (s->state == SESSION_IDLE && s->branch) {
                session_begin_branch(b, s);
                return;
        }
        cell = session_take(s);
        if (cell && session_start_cell(b, s, cell) < 0)
                scheduler_cancel(b, s->host, "a cell could not be started");
        LIST_FOREACH(l, &s->waiting)
                (void) job_set_position(container_of(l, Job, in_session), position++, b->clock());
        broker_wake_at(b, session_deadline(s));
}

/* A cell needs no place, but it is a submission, and its program takes memory while it waits. */
static int session_admit(Broker *b, const Session *s, const JobSpec *spec, Refusal *ret_refusal) {
        uint64_t retry_usec, now = b->clock().monotonic_usec;
        int r = 0;

        if (b->is_stopping)
                return SUBMIT_STOPPING;
        if (tenant_is_stuck(s->tenant))
                return refuse(ret_refusal, CHARGE_OVER_TENANT, QUOTA_RETAINED_BYTES,
                              tenant_retry_after(s->tenant, CHARGE_OVER_TENANT, now));
        if (s->state != SESSION_IDLE)
                r = tenant_fits(s->tenant, QUOTA_QUEUED_BYTES, job_spec_bytes(spec));
        if (r != 0)
                return refuse(ret_refusal, r, QUOTA_QUEUED,
                              tenant_retry_after(s->tenant, (ChargeRefusal) r, now));
        if (!tenant_take_token(s->tenant, now, &retry_usec))
                return refuse(ret_refusal, CHARGE_OVER_TENANT, _QUOTA_MAX, retry_usec);
        return 0;
}

int session_execute(Broker *b, Session *s, JobSpec *spec, Job **ret_cell, Refusal *ret_refusal) {
        Job *cell;
        int r;

        r = session_admit(b, s, spec, ret_refusal);
        if (r != 0)
                return r;
        r = scheduler_new_job(b, s->tenant, spec, &cell);
        if (r < 0)
                return r;
        *ret_cell = cell;
        session_add(s, cell);
        if (spec->source_too_large) {
                session_remove(s, cell);
                cell->session = NULL;
                cell->session_is_alive = true;
                return scheduler_reject_source(b, cell);
        }
        session_go_on(b, s);
        return 0;
}

static void session_send_interrupt(Broker *b, const Session *s, EndReason reason) {
        BuilderRequest request = {
                .verb = BUILDER_INTERRUPT,
                .box = s->host->box,
                .reason = reason,
        };

        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                log_error("cannot ask the builder to interrupt session %s", s->id);
}

/* Before its program runs the interpreter still ignores what was meant for the cell before. */
static void session_interrupt_cell(Broker *b, Session *s) {
        Job *cell = s->cell;

        if (s->cell_is_over)
                return; /* it is over, and the next one gets none */
        cell->wants_interrupt = !cell->said.is_running;
        if (!cell->wants_interrupt)
                session_send_interrupt(b, s,
                                       cell->state == JOB_CANCELLING ? END_CANCEL : END_BY_ITSELF);
}

void session_interrupt(Broker *b, Session *s) {
        if (s->host && s->cell)
                session_interrupt_cell(b, s);
}

void session_cell_runs(void *broker, Job *cell) {
        if (cell->session && cell->session->cell == cell)
                session_interrupt_cell(broker, cell->session);
}

void session_cancel_cell(Broker *b, Job *cell, const char *reason, uint64_t grace_usec) {
        Session *s = cell->session;

        if (cell == s->cell && s->state == SESSION_RESTARTING)
                return; /* it ends with its interpreter, and not the next one with it */
        if (cell->state == JOB_QUEUED) {
                session_drop_cell(b, s, cell, true, OUTCOME_CANCELLED, reason);
                session_go_on(b, s);
        } else if (cell->state == JOB_RUNNING) {
                job_set_cancelling(cell, reason);
                session_interrupt_cell(b, s);
        }
        if (cell->state == JOB_CANCELLING && grace_usec == 0)
                scheduler_kill(b, s->host, END_CANCEL);
}

void session_close(Broker *b, Session *s, const char *reason) {
        if (s->state == SESSION_CLOSING)
                return;
        s->state = SESSION_CLOSING;
        session_drop_line(b, s, false, OUTCOME_CANCELLED, reason);
        server_wake_followers(b->server, FOLLOW_FILES);
        server_wake_followers(b->server, FOLLOW_RESTART);
        if (s->cell && s->cell->state == JOB_RUNNING)
                job_set_cancelling(s->cell, reason);
        if (s->host)
                scheduler_cancel(b, s->host, reason);
        else
                session_gone(b, s);
        broker_check_idle(b);
}

bool session_is_bound(const Broker *b, const void *connection) {
        LIST_FOREACH(l, &b->sessions)
                if (container_of(l, Session, sessions)->bound_to == connection)
                        return true;
        return false;
}

void session_connection_closed(Broker *b, const void *connection) {
        LIST_FOREACH(l, &b->sessions) {
                Session *s = container_of(l, Session, sessions);

                if (s->bound_to != connection)
                        continue;
                s->bound_to = NULL;
                session_close(b, s, "the connection that it was bound to is gone");
        }
}

/* No call of a cell stays open behind it: a thread that waits for an answer gets this one. */
static void session_answer_tools(Broker *b, Job *cell) {
        static const ToolAnswer over = {
                .error_type = "cell-ended",
                .error_message = "the cell that called the tool has ended",
        };

        while (cell->tools.n_open > 0)
                tool_link_answer(b, cell, cell->tools.open, &over);
}

/* Its interpreter is there. */
static void session_ready(Broker *b, Session *s) {
        session_opened(s, b->clock().monotonic_usec);
        server_wake_followers(b->server, FOLLOW_FILES);
        server_wake_followers(b->server, FOLLOW_RESTART);
        session_go_on(b, s);
}

/* Outside of a cell the interpreter says two things: that it is there, and whether it has forked. */
static int session_host_said(Broker *b, Session *s) {
        if (s->state == SESSION_BRANCHING)
                return session_branch_answered(b, s, s->cell_status);
        if (s->state == SESSION_OPENING || s->state == SESSION_RESTARTING) {
                runner_link_hear_host(s->host->link, false);
                session_ready(b, s);
        }
        return 0;
}

int session_cell_over(void *broker, Job *job, const char *payload, size_t size) {
        Session *s = job->session;
        BuilderRequest request = { .verb = BUILDER_IDLE, .box = job->box };

        if (!s || size != sizeof(s->cell_status))
                return -EBADMSG;
        memcpy(&s->cell_status, payload, sizeof(s->cell_status));
        if (job == s->host)
                return session_host_said(broker, s);
        if (s->cell != job)
                return -EBADMSG;
        s->cell_is_over = true;
        session_answer_tools(broker, job);
        runner_link_end_cell(job->link, s->host);
        if (s->state == SESSION_RESTARTING)
                return 0; /* its facts come with those of the restart */
        return builder_link_send(((Broker *) broker)->builder, &request, NULL, 0);
}

void session_started(Broker *b, Session *s) {
        if (!session_is_branch(s)) {
                runner_link_hear_host(s->host->link, true); /* its files are not in /app yet */
                return;
        }
        if (s->base)
                session_branch_done(b, s);
        session_ready(b, s);
        server_wake_followers(b->server, FOLLOW_BRANCH);
}

static void session_finish_cell(Broker *b, Session *s, const BoxFacts *facts, bool is_alive) {
        Job *cell = session_end_cell(s, b->clock().monotonic_usec);

        cell->session_is_alive = is_alive;
        scheduler_finish_cell(b, cell, facts);
        session_add_usage(s, cell);
        cell->session = NULL;
}

void session_cell_facts(Broker *b, Session *s, const BoxFacts *facts) {
        BoxFacts all = *facts;

        if (!s->cell || !s->cell_is_over)
                return; /* of one that the end of the box has overtaken */
        all.job_status = W_EXITCODE((int) (s->cell_status & 0xff), 0);
        session_finish_cell(b, s, &all, s->state != SESSION_CLOSING);
        session_go_on(b, s);
}

/* Asks for it; the builder answers when it is there. */
static int session_send_restart(Broker *b, Session *s) {
        BuilderRequest request = { .verb = BUILDER_RESTART, .box = s->host->box };
        int fds[BUILDER_START_FDS], r;

        r = frame_copy_without_files(&s->opening, &s->host->spec->frame);
        if (r < 0)
                return r;
        r = runner_link_new(&b->links, s->host, fds, &s->next_link);
        if (r < 0)
                return r;
        return builder_link_send(b->builder, &request, fds, BUILDER_START_FDS);
}

void session_restart(Broker *b, Session *s) {
        static const char why[] = "the session was restarted";

        session_drop_line(b, s, true, OUTCOME_CANCELLED, why);
        if (s->state != SESSION_IDLE && s->state != SESSION_EXECUTING &&
            s->state != SESSION_BRANCHING)
                return;
        runner_link_hear_host(s->host->link, s->cell != NULL); /* nothing of the one that goes */
        s->state = SESSION_RESTARTING;
        if (s->cell && !s->cell_is_over && s->cell->state == JOB_RUNNING)
                job_set_cancelling(s->cell, why);
        if (session_send_restart(b, s) < 0)
                scheduler_cancel(b, s->host, "its interpreter could not be started again");
        broker_wake_at(b, session_deadline(s));
}

void session_restarted(Broker *b, Session *s, const BoxFacts *facts) {
        if (s->state != SESSION_RESTARTING)
                return; /* it is being closed */
        if (s->cell && !s->cell_is_over)
                runner_link_drain(s->host->link);
        if (s->cell) {
                tool_link_closed(b, s->cell);
                session_finish_cell(b, s, facts, true);
        }
        s->host->link = runner_link_free(s->host->link);
        s->host->link = TAKE_PTR(s->next_link);
        runner_link_hear_host(s->host->link, true);
}

/* Of those of the box what is the last cell's. */
static BoxFacts session_last_facts(const Session *s, const BoxFacts *of_box, uint64_t now_usec) {
        uint64_t before_usec = s->usage.cpu_user_usec + s->usage.cpu_system_usec;
        uint64_t cpu_usec = of_box->cpu_user_usec + of_box->cpu_system_usec;
        uint64_t wall_usec = now_usec - MIN(s->cell->started.monotonic_usec, now_usec);
        BoxFacts facts = *of_box;

        facts.wall_usec = wall_usec - MIN(s->cell->tools.waited_usec, wall_usec);
        facts.cpu_user_usec = cpu_usec - MIN(before_usec, cpu_usec);
        facts.cpu_system_usec = 0; /* whose it was is not known any more */
        return facts;
}

void session_box_ended(Broker *b, Session *s, const BoxFacts *of_box) {
        BoxFacts facts;

        if (!s->cell)
                return;
        if (!s->cell_is_over)
                runner_link_drain(s->host->link);
        tool_link_closed(b, s->cell);
        facts = session_last_facts(s, of_box, b->clock().monotonic_usec);
        session_finish_cell(b, s, &facts, false);
}

void session_host_finished(Broker *b, Session *s) {
        server_wake_followers(b->server, FOLLOW_FILES);
        if (s->cell) {
                Job *cell = session_end_cell(s, b->clock().monotonic_usec);

                cell->link = NULL;
                cell->session = NULL;
                scheduler_finish_without_box(b, cell, OUTCOME_LOST, "the session is lost");
        }
        session_drop_line(b, s, false, OUTCOME_LOST, "the session ended before its turn came");
        s->next_link = runner_link_free(s->next_link);
        if (session_is_branch(s) && s->state == SESSION_OPENING)
                s->state = SESSION_CLOSING; /* it has never been there */
        session_end_branching(b, s);
        s->host->session = NULL;
        s->host = NULL;
        if (s->state == SESSION_CLOSING) {
                session_gone(b, s);
                return;
        }
        s->state = SESSION_LOST;
        server_wake_followers(b->server, FOLLOW_RESTART);
        s->idle_since_usec = b->clock().monotonic_usec;
        broker_wake_at(b, session_deadline(s));
}

void session_sweep(Broker *b, uint64_t now_usec) {
        LIST_FOREACH(l, &b->sessions) {
                Session *s = container_of(l, Session, sessions);
                uint64_t deadline = session_deadline(s);

                if (now_usec < deadline)
                        broker_wake_at(b, deadline);
                else if (s->state == SESSION_BRANCHING && now_usec < session_end(s))
                        scheduler_cancel(b, s->host,
                                         "its interpreter did not come back from a fork");
                else
                        session_close(b, s,
                                      s->state == SESSION_IDLE ? "nothing was executed for too long"
                                                               : "the time of the session is over");
        }
}

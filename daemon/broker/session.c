/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/log.h"
#include "basic/macro.h"
#include "broker/api.h"
#include "broker/job-store.h"
#include "broker/reply.h"
#include "broker/scheduler.h"
#include "wire/build.h"

static void session_on_job(JobWatcher *watcher) {
        Session *s = container_of(watcher, Session, watcher);

        server_wake(s->server, s);
}

static int session_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        session_run(userdata, (int) revents);
        return 0;
}

int session_new(Server *server, Peer *peer, int client, uid_t uid, gid_t gid) {
        _cleanup_close_ int fd = client;
        Session *s = calloc(1, sizeof(*s));
        uint64_t now = server->broker->clock().monotonic_usec;
        int r;

        if (!s)
                return -ENOMEM;
        list_init(&s->link);
        list_init(&s->woken);
        list_init(&s->watcher.link);
        s->watcher.notify = session_on_job;
        s->server = server;
        s->broker = server->broker;
        s->peer = peer;
        s->uid = uid;
        s->gid = gid;
        r = varlink_conn_new(fd, &varlink_server_limits, now, &s->conn);
        if (r < 0)
                goto fail;
        TAKE_FD(fd);
        r = sd_event_add_io(server->broker->event, &s->source, varlink_conn_get_fd(s->conn),
                            (uint32_t) varlink_conn_get_events(s->conn), session_on_io, s);
        if (r < 0)
                goto fail;
        list_insert_before(&server->sessions, &s->link);
        server->n_sessions++;
        peer->n_sessions++;
        broker_wake_at(s->broker, now + USEC_PER_SEC);
        return 0;
fail:
        varlink_conn_free(s->conn);
        free(s);
        return r;
}

static void session_unfollow(Session *s) {
        Job *job = s->job;

        job_unwatch(&s->watcher);
        s->job = NULL;
        s->follow = FOLLOW_NONE;
        s->cancels_on_close = false;
        job_store_release(s->broker, job);
}

void session_free(Session *s) {
        if (s->follow != FOLLOW_NONE) {
                if (s->cancels_on_close)
                        scheduler_cancel(s->broker, s->job, "the client went away");
                session_unfollow(s);
        }
        list_remove(&s->link);
        list_remove(&s->woken);
        server_remove(s->server, s);
        varlink_call_done(&s->call);
        sd_event_source_unref(s->source);
        varlink_conn_free(s->conn);
        free(s);
}

void session_reply(Session *s, json_t *reply) {
        int r;

        if (s->call.oneway) {
                json_decref(reply);
                return;
        }
        r = varlink_conn_send(s->conn, reply, NULL);
        if (r < 0)
                s->is_dead = true;
}

void session_error(Session *s, const char *name, json_t *parameters) {
        char error[sizeof(PYSB_SANDBOX_INTERFACE) + 64];

        (void) snprintf(error, sizeof(error), PYSB_SANDBOX_INTERFACE ".%s", name);
        session_reply(s, varlink_error_new(error, parameters));
}

void session_follow(Session *s, Job *job, FollowKind kind) {
        s->job = job;
        s->follow = kind;
        s->cursor = 0;
        s->wait_deadline_usec = UINT64_MAX;
        job_watch(job, &s->watcher);
}

/* Sends what there is for the present call, as far as the client takes it: a slow reader delays its
 * own events, which stay in the log, and nobody else. Returns whether the call is answered. */
static bool session_pump_events(Session *s) {
        const JobEvent *e;

        while (!s->is_dead && !varlink_conn_output_is_high(s->conn)) {
                e = event_log_next(&s->job->log, &s->cursor);
                if (!e)
                        break;
                session_reply(s, varlink_reply_new(reply_event(s->job, e, s->cursor), true));
        }
        if (!job_is_finished(s->job) || s->cursor < s->job->log.n)
                return false;
        session_reply(s, varlink_reply_new(reply_result(s->job, false), false));
        return true;
}

static bool session_pump_state(Session *s) {
        JsonBuild b = JSON_BUILD_INIT;

        if (!job_is_finished(s->job) && s->broker->clock().monotonic_usec < s->wait_deadline_usec) {
                json_build_done(&b);
                return false;
        }
        if (job_is_finished(s->job))
                json_build_value(&b, "result", reply_result_object(s->job, true));
        json_build_string(&b, "state", job_state_names[s->job->state]);
        session_reply(s, varlink_reply_new(json_build_take(&b), false));
        return true;
}

static void session_pump(Session *s) {
        bool is_answered = false;

        switch (s->follow) {
        case FOLLOW_NONE:
                return;
        case FOLLOW_EVENTS:
                is_answered = session_pump_events(s);
                break;
        case FOLLOW_RESULT:
                is_answered = job_is_finished(s->job);
                if (is_answered)
                        session_reply(s, varlink_reply_new(reply_result(s->job, true), false));
                break;
        case FOLLOW_CHECK:
                is_answered = job_is_finished(s->job);
                if (is_answered)
                        session_reply(s, varlink_reply_new(reply_check(s->job), false));
                break;
        case FOLLOW_STATE:
                is_answered = session_pump_state(s);
                break;
        }
        if (is_answered)
                session_unfollow(s);
}

/* Returns 1 after a call, 0 if there is none now, or a negative errno: garbage. */
static int session_next_call(Session *s) {
        int r;

        varlink_call_done(&s->call);
        r = varlink_conn_receive_call(s->conn, &s->call);
        if (r <= 0)
                return r;
        api_handle(s);
        /* Descriptors that the method did not ask for; and megabytes of a program must not stay here
         * for as long as it runs. */
        varlink_fds_done(&s->call.fds);
        json_decref(s->call.parameters);
        s->call.parameters = NULL;
        return 1;
}

static void session_take_turn(Session *s) {
        unsigned calls = 0;

        session_pump(s);
        while (!s->is_dead && s->follow == FOLLOW_NONE && !varlink_conn_output_is_high(s->conn)) {
                int r;

                if (++calls > SESSION_CALLS_PER_TURN) {
                        server_wake(s->server, s);
                        return;
                }
                r = session_next_call(s);
                if (r < 0)
                        s->is_dead = true;
                if (r <= 0)
                        return;
                session_pump(s);
        }
}

/* The client is gone, or has at least promised to send nothing more, and has all its answers. */
static bool session_is_over(const Session *s) {
        if (!varlink_conn_is_closed(s->conn))
                return false;
        if (s->follow != FOLLOW_NONE)
                return varlink_conn_is_gone(s->conn);
        return varlink_conn_is_finished(s->conn) && varlink_conn_output_bytes(s->conn) == 0;
}

static void session_end(Session *s) {
        Broker *b = s->broker;

        session_free(s);
        broker_check_idle(b);
}

void session_run(Session *s, int revents) {
        int r;

        r = varlink_conn_process(s->conn, revents, s->broker->clock().monotonic_usec);
        if (r < 0) {
                log_debug("closing a connection of uid %u: %s", s->uid, strerrorname_np(-r) ?: "?");
                session_end(s);
                return;
        }
        session_take_turn(s);
        server_account(s->server, s, varlink_conn_buffered_bytes(s->conn));
        if (s->is_dead || session_is_over(s) || server_is_over_budget(s->server, s)) {
                session_end(s);
                return;
        }
        (void) sd_event_source_set_io_events(s->source,
                                             (uint32_t) varlink_conn_get_events(s->conn));
}

void session_sweep(Session *s, uint64_t now) {
        uint64_t partial = varlink_conn_partial_since_usec(s->conn);
        uint64_t stalled = varlink_conn_stalled_since_usec(s->conn);
        /* The connections of a private daemon are its life. */
        bool is_idle = s->follow == FOLLOW_NONE && !s->broker->embedded &&
                       now >= varlink_conn_active_usec(s->conn) + SESSION_IDLE_USEC_MAX;

        broker_wake_at(s->broker, now + USEC_PER_SEC);
        if (is_idle || (partial > 0 && now >= partial + SESSION_PARTIAL_USEC_MAX) ||
            (stalled > 0 && now >= stalled + SESSION_STALL_USEC_MAX)) {
                session_end(s);
                return;
        }
        if (s->follow == FOLLOW_STATE && now >= s->wait_deadline_usec)
                session_run(s, 0);
        else if (s->follow == FOLLOW_STATE)
                broker_wake_at(s->broker, s->wait_deadline_usec);
}

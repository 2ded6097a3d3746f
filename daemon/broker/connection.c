/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/connection.h"

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
#include "broker/session-run.h"
#include "wire/build.h"

static void connection_on_job(JobWatcher *watcher) {
        Connection *c = container_of(watcher, Connection, watcher);

        server_wake(c->server, c);
}

static int connection_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        connection_run(userdata, (int) revents);
        return 0;
}

int connection_new(Server *server, Peer *peer, int client, uid_t uid, gid_t gid) {
        _cleanup_close_ int fd = client;
        Connection *c = calloc(1, sizeof(*c));
        uint64_t now = server->broker->clock().monotonic_usec;
        int r;

        if (!c)
                return -ENOMEM;
        list_init(&c->link);
        list_init(&c->woken);
        list_init(&c->watcher.link);
        c->watcher.notify = connection_on_job;
        c->server = server;
        c->broker = server->broker;
        c->peer = peer;
        c->uid = uid;
        c->gid = gid;
        r = varlink_conn_new(fd, &varlink_server_limits, now, &c->conn);
        if (r < 0)
                goto fail;
        TAKE_FD(fd);
        r = sd_event_add_io(server->broker->event, &c->source, varlink_conn_get_fd(c->conn),
                            (uint32_t) varlink_conn_get_events(c->conn), connection_on_io, c);
        if (r < 0)
                goto fail;
        list_insert_before(&server->connections, &c->link);
        server->n_connections++;
        peer->n_connections++;
        broker_wake_at(c->broker, now + USEC_PER_SEC);
        return 0;
fail:
        varlink_conn_free(c->conn);
        free(c);
        return r;
}

static void connection_unfollow(Connection *c) {
        Job *job = c->job;

        job_unwatch(&c->watcher);
        c->job = NULL;
        c->follow = FOLLOW_NONE;
        c->cancels_on_close = false;
        job_store_release(c->broker, job);
}

void connection_free(Connection *c) {
        if (c->follow != FOLLOW_NONE) {
                if (c->cancels_on_close)
                        scheduler_cancel(c->broker, c->job, "the client went away");
                connection_unfollow(c);
        }
        session_connection_closed(c->broker, c);
        list_remove(&c->link);
        list_remove(&c->woken);
        server_remove(c->server, c);
        varlink_call_done(&c->call);
        sd_event_source_unref(c->source);
        varlink_conn_free(c->conn);
        free(c);
}

void connection_reply(Connection *c, json_t *reply) {
        int r;

        if (c->call.oneway) {
                json_decref(reply);
                return;
        }
        r = varlink_conn_send(c->conn, reply, NULL);
        if (r < 0)
                c->is_dead = true;
}

void connection_error(Connection *c, const char *name, json_t *parameters) {
        char error[sizeof(PYSB_SANDBOX_INTERFACE) + 64];

        (void) snprintf(error, sizeof(error), PYSB_SANDBOX_INTERFACE ".%s", name);
        connection_reply(c, varlink_error_new(error, parameters));
}

void connection_follow(Connection *c, Job *job, FollowKind kind) {
        c->job = job;
        c->follow = kind;
        c->cursor = 0;
        c->wait_deadline_usec = UINT64_MAX;
        job_watch(job, &c->watcher);
}

/* Sends what there is for the present call, as far as the client takes it: a slow reader delays its
 * own events, which stay in the log, and nobody else. Returns whether the call is answered. */
static bool connection_pump_events(Connection *c) {
        const JobEvent *e;

        while (!c->is_dead && !varlink_conn_output_is_high(c->conn)) {
                e = event_log_next(&c->job->log, &c->cursor);
                if (!e)
                        break;
                connection_reply(c, varlink_reply_new(reply_event(c->job, e, c->cursor), true));
        }
        if (!job_is_finished(c->job) || c->cursor < c->job->log.n)
                return false;
        connection_reply(c, varlink_reply_new(reply_result(c->job, false), false));
        return true;
}

static bool connection_pump_state(Connection *c) {
        JsonBuild b = JSON_BUILD_INIT;

        if (!job_is_finished(c->job) && c->broker->clock().monotonic_usec < c->wait_deadline_usec) {
                json_build_done(&b);
                return false;
        }
        if (job_is_finished(c->job))
                json_build_value(&b, "result", reply_result_object(c->job, true));
        json_build_string(&b, "state", job_state_names[c->job->state]);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
        return true;
}

static void connection_pump(Connection *c) {
        bool is_answered = false;

        switch (c->follow) {
        case FOLLOW_NONE:
                return;
        case FOLLOW_EVENTS:
                is_answered = connection_pump_events(c);
                break;
        case FOLLOW_RESULT:
                is_answered = job_is_finished(c->job);
                if (is_answered)
                        connection_reply(c, varlink_reply_new(reply_result(c->job, true), false));
                break;
        case FOLLOW_CHECK:
                is_answered = job_is_finished(c->job);
                if (is_answered)
                        connection_reply(c, varlink_reply_new(reply_check(c->job), false));
                break;
        case FOLLOW_STATE:
                is_answered = connection_pump_state(c);
                break;
        }
        if (is_answered)
                connection_unfollow(c);
}

/* Returns 1 after a call, 0 if there is none now, or a negative errno: garbage. */
static int connection_next_call(Connection *c) {
        int r;

        varlink_call_done(&c->call);
        r = varlink_conn_receive_call(c->conn, &c->call);
        if (r <= 0)
                return r;
        api_handle(c);
        /* Descriptors that the method did not ask for; and megabytes of a program must not stay here
         * for as long as it runs. */
        varlink_fds_done(&c->call.fds);
        json_decref(c->call.parameters);
        c->call.parameters = NULL;
        return 1;
}

static void connection_take_turn(Connection *c) {
        unsigned calls = 0;

        connection_pump(c);
        while (!c->is_dead && c->follow == FOLLOW_NONE && !varlink_conn_output_is_high(c->conn)) {
                int r;

                if (++calls > CONNECTION_CALLS_PER_TURN) {
                        server_wake(c->server, c);
                        return;
                }
                r = connection_next_call(c);
                if (r < 0)
                        c->is_dead = true;
                if (r <= 0)
                        return;
                connection_pump(c);
        }
}

/* The client is gone, or has at least promised to send nothing more, and has all its answers. */
static bool connection_is_over(const Connection *c) {
        if (!varlink_conn_is_closed(c->conn))
                return false;
        if (c->follow != FOLLOW_NONE)
                return varlink_conn_is_gone(c->conn);
        return varlink_conn_is_finished(c->conn) && varlink_conn_output_bytes(c->conn) == 0;
}

static void connection_end(Connection *c) {
        Broker *b = c->broker;

        connection_free(c);
        broker_check_idle(b);
}

void connection_run(Connection *c, int revents) {
        int r;

        r = varlink_conn_process(c->conn, revents, c->broker->clock().monotonic_usec);
        if (r < 0) {
                log_debug("closing a connection of uid %u: %s", c->uid, strerrorname_np(-r) ?: "?");
                connection_end(c);
                return;
        }
        connection_take_turn(c);
        server_account(c->server, c, varlink_conn_buffered_bytes(c->conn));
        if (c->is_dead || connection_is_over(c) || server_is_over_budget(c->server, c)) {
                connection_end(c);
                return;
        }
        (void) sd_event_source_set_io_events(c->source,
                                             (uint32_t) varlink_conn_get_events(c->conn));
}

void connection_sweep(Connection *c, uint64_t now) {
        uint64_t partial = varlink_conn_partial_since_usec(c->conn);
        uint64_t stalled = varlink_conn_stalled_since_usec(c->conn);
        /* The connections of a private daemon are its life. */
        bool is_idle = c->follow == FOLLOW_NONE && !c->broker->embedded &&
                       now >= varlink_conn_active_usec(c->conn) + CONNECTION_IDLE_USEC_MAX;

        broker_wake_at(c->broker, now + USEC_PER_SEC);
        if (is_idle || (partial > 0 && now >= partial + CONNECTION_PARTIAL_USEC_MAX) ||
            (stalled > 0 && now >= stalled + CONNECTION_STALL_USEC_MAX)) {
                connection_end(c);
                return;
        }
        if (c->follow == FOLLOW_STATE && now >= c->wait_deadline_usec)
                connection_run(c, 0);
        else if (c->follow == FOLLOW_STATE)
                broker_wake_at(c->broker, c->wait_deadline_usec);
}

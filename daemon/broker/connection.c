/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/log.h"
#include "basic/macro.h"
#include "broker/api.h"
#include "broker/job-store.h"
#include "broker/job-usage.h"
#include "broker/reply.h"
#include "broker/scheduler.h"
#include "broker/session-run.h"
#include "wire/build.h"

static void connection_on_job(JobWatcher *watcher) {
        Connection *c = container_of(watcher, Connection, watcher);

        server_wake(c->server, c);
}

static void connection_on_written(InputWriter *writer) {
        Connection *c = container_of(writer, Connection, input);

        server_wake(c->server, c);
}

static int connection_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Connection *c = userdata;

        if (!server_hold(c->server, c))
                connection_run(c, (int) revents);
        return 0;
}

int connection_new(Server *server, Tenant *tenant, int client, const Peer *peer) {
        _cleanup_close_ int fd = client;
        Connection *c = calloc(1, sizeof(*c));
        uint64_t now = server->broker->clock().monotonic_usec;
        int r;

        if (!c)
                return -ENOMEM;
        list_init(&c->link);
        list_init(&c->woken);
        list_init(&c->held);
        list_init(&c->watcher.link);
        c->watcher.notify = connection_on_job;
        list_init(&c->input.link);
        c->input.notify = connection_on_written;
        c->server = server;
        c->broker = server->broker;
        c->tenant = tenant;
        c->uid = peer->uid;
        c->gid = peer->gid;
        c->is_manager = peer->is_manager;
        c->is_gateway = peer->is_gateway;
        c->is_owner = peer->is_owner;
        r = varlink_conn_new(fd, &varlink_server_limits, now, &c->conn);
        if (r < 0)
                goto fail;
        TAKE_FD(fd);
        r = sd_event_add_io(server->broker->event, &c->source, varlink_conn_get_fd(c->conn),
                            (uint32_t) varlink_conn_get_events(c->conn), connection_on_io, c);
        if (r < 0)
                goto fail;
        list_insert_before(&server->connections, &c->link);
        server->n_owners += c->is_owner;
        tenant_ref(tenant);
        tenant_charge_anyway(tenant, QUOTA_CONNECTIONS, 1);
        server_count(c, ROUND_BYTES_PER_CALL);
        broker_wake_at(c->broker, now + USEC_PER_SEC);
        return 0;
fail:
        varlink_conn_free(c->conn);
        free(c);
        return r;
}

static void connection_unfollow(Connection *c) {
        Job *job = c->job;

        if (job)
                scheduler_unwatch(c->broker, job, &c->watcher);
        list_remove(&c->input.link);
        buf_done(&c->input.bytes);
        c->files = files_operation_free(c->files);
        c->job = NULL;
        c->follow = FOLLOW_NONE;
        c->cancels_on_close = false;
        if (job)
                job_store_release(c->broker, job);
}

void connection_free(Connection *c) {
        if (c->follow != FOLLOW_NONE) {
                if (c->cancels_on_close)
                        scheduler_cancel(c->broker, c->job, "the client went away");
                connection_unfollow(c);
        }
        session_connection_closed(c->broker, c);
        c->server->n_owners -= c->is_owner;
        list_remove(&c->link);
        list_remove(&c->woken);
        list_remove(&c->held);
        (void) server_account(c, 0);
        tenant_release(c->tenant, QUOTA_CONNECTIONS, 1);
        tenant_unref(c->tenant);
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

void connection_reply_text(Connection *c, const char *text) {
        if (!c->call.oneway && varlink_conn_send_text(c->conn, text) < 0)
                c->is_dead = true;
}

void connection_error(Connection *c, const char *name, json_t *parameters) {
        const char *point = strrchr(c->call.method, '.');
        char error[96];

        (void) snprintf(error, sizeof(error), "%.*s.%s", (int) (point - c->call.method),
                        c->call.method, name);
        server_count(c, ROUND_BYTES_PER_REFUSAL);
        connection_reply(c, varlink_error_new(error, parameters));
}

static uint64_t next_tick(uint64_t interval_usec, uint64_t now_usec) {
        return interval_usec > 0 && interval_usec < UINT64_MAX - now_usec ? now_usec + interval_usec
                                                                          : UINT64_MAX;
}

static void connection_begin_ticks(Connection *c) {
        uint64_t now = c->broker->clock().monotonic_usec;

        c->next_heartbeat_usec = next_tick(c->job->spec->heartbeat_usec, now);
        c->next_usage_usec = next_tick(c->job->spec->usage_interval_usec, now);
        broker_wake_at(c->broker, MIN(c->next_heartbeat_usec, c->next_usage_usec));
}

/* An event that is in no log, and so has the number of the one before it. */
static void connection_send_tick(Connection *c, EventKind kind, Instant now) {
        const JobEvent e = { .kind = kind, .timestamp_usec = now.realtime_usec };

        if (c->kinds & UINT64_C(1) << kind)
                connection_reply(c, varlink_reply_new(reply_event(c->job, &e, c->cursor), true));
}

/* Whoever does not read gets none: they would be late. */
static void connection_pump_ticks(Connection *c, bool was_silent) {
        const JobSpec *spec = c->job->spec;
        bool can_send = !c->is_dead && !varlink_conn_output_is_high(c->conn);
        Instant now;

        if (c->next_heartbeat_usec == UINT64_MAX && c->next_usage_usec == UINT64_MAX)
                return;
        now = c->broker->clock();
        if (now.monotonic_usec >= c->next_usage_usec) {
                c->wants_usage =
                        can_send && job_has_box(c->job) && (c->kinds & UINT64_C(1) << EVENT_USAGE);
                c->next_usage_usec = next_tick(spec->usage_interval_usec, now.monotonic_usec);
        }
        if (c->wants_usage && can_send && job_usage_is_fresh(c->broker, c->job)) {
                c->wants_usage = false;
                connection_send_tick(c, EVENT_USAGE, now);
                was_silent = false;
        }
        if (was_silent && now.monotonic_usec >= c->next_heartbeat_usec) {
                if (can_send)
                        connection_send_tick(c, EVENT_HEARTBEAT, now);
                was_silent = false;
        }
        if (!was_silent)
                c->next_heartbeat_usec = next_tick(spec->heartbeat_usec, now.monotonic_usec);
        broker_wake_at(c->broker, MIN(c->next_heartbeat_usec, c->next_usage_usec));
}

void connection_follow(Connection *c, Job *job, FollowKind kind) {
        c->job = job;
        c->follow = kind;
        c->cursor = 0;
        c->wait_deadline_usec = UINT64_MAX;
        c->kinds = UINT64_MAX;
        c->next_heartbeat_usec = c->next_usage_usec = UINT64_MAX;
        c->wants_usage = false;
        if (kind == FOLLOW_EVENTS)
                connection_begin_ticks(c);
        if (job)
                job_watch(job, &c->watcher);
}

/* Sends what there is for the present call, as far as the client takes it: a slow reader delays its
 * own events, which stay in the log, and nobody else. Returns whether the call is answered. */
static bool connection_pump_events(Connection *c) {
        const JobEvent *e;
        bool was_silent = true;

        while (!c->is_dead && !varlink_conn_output_is_high(c->conn)) {
                e = event_log_next(&c->job->log, &c->cursor);
                if (!e)
                        break;
                if (!(c->kinds & UINT64_C(1) << e->kind))
                        continue;
                connection_reply(c, varlink_reply_new(reply_event(c->job, e, c->cursor), true));
                was_silent = false;
        }
        if (!job_is_finished(c->job) || c->cursor < c->job->log.n) {
                connection_pump_ticks(c, was_silent);
                return false;
        }
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
        json_build_string(&b, "state", job_state_names[job_visible_state(c->job)]);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
        return true;
}

static bool connection_pump_input(Connection *c) {
        JsonBuild b = JSON_BUILD_INIT;

        if (c->input.state == INPUT_WAITING) {
                json_build_done(&b);
                return false;
        }
        if (c->input.state == INPUT_WRITTEN) {
                json_build_uint(&b, "writtenBytes", c->input_bytes);
                connection_reply(c, varlink_reply_new(json_build_take(&b), false));
                return true;
        }
        json_build_string(&b, "job", c->job->id);
        json_build_string(&b, "state", job_state_names[job_visible_state(c->job)]);
        connection_error(c, "JobNotAccepting", json_build_take(&b));
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
        case FOLLOW_INPUT:
                is_answered = connection_pump_input(c);
                break;
        case FOLLOW_DRAIN:
                is_answered = api_manager_pump_drain(c);
                break;
        case FOLLOW_RELOAD:
                is_answered = api_manager_pump_reload(c);
                break;
        case FOLLOW_SELF_TEST:
                is_answered = api_manager_pump_self_test(c);
                break;
        case FOLLOW_CLOSE:
                is_answered = api_pump_close(c);
                break;
        case FOLLOW_BRANCH:
                is_answered = api_pump_branch(c);
                break;
        case FOLLOW_RESTART:
                is_answered = api_pump_restart(c);
                break;
        case FOLLOW_FILES:
                is_answered = api_pump_files(c);
                break;
        case FOLLOW_JOBS:
                is_answered = api_manager_pump_jobs(c);
                break;
        }
        if (is_answered)
                connection_unfollow(c);
}

static void connection_count(Connection *c) {
        uint64_t moved_bytes = varlink_conn_moved_bytes(c->conn);

        /* Less than before where nobody reads what was to be sent. */
        if (moved_bytes > c->moved_bytes)
                server_count(c, moved_bytes - c->moved_bytes);
        c->moved_bytes = moved_bytes;
}

/* Returns 1 after a call, 0 if there is none now, or a negative errno: garbage. A call whose answer nobody can
 * hear any more is not made: whoever pipelines costly ones and goes away leaves no work behind. */
static int connection_next_call(Connection *c) {
        size_t bytes = varlink_conn_message_bytes(c->conn);
        int r;

        varlink_call_done(&c->call);
        server_count(c, ROUND_BYTES_PER_BYTE * bytes);
        r = varlink_conn_receive_call(c->conn, &c->call);
        if (r <= 0)
                return r;
        if (c->call.oneway || !varlink_conn_is_gone(c->conn)) {
                server_count(c, ROUND_BYTES_PER_CALL);
                api_handle(c);
        }
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

                if (server_hold_rest(c->server, c))
                        return;
                if (++calls > CONNECTION_CALLS_PER_TURN) {
                        server_wake(c->server, c);
                        return;
                }
                r = connection_next_call(c);
                if (r < 0) {
                        server_count(c, ROUND_BYTES_PER_REFUSAL);
                        c->is_dead = true;
                }
                if (r <= 0)
                        return;
                connection_pump(c);
                connection_count(c);
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
        uint64_t begin_usec = c->broker->clock().monotonic_usec;
        bool is_over_budget;
        int r;

        if (c->is_evicted) {
                log_debug("closing a connection of uid %u: the buffers of all are full", c->uid);
                connection_end(c);
                return;
        }
        r = varlink_conn_process(c->conn, revents, begin_usec);
        if (r < 0) {
                log_debug("closing a connection of uid %u: %s", c->uid, strerrorname_np(-r) ?: "?");
                server_count(c, ROUND_BYTES_PER_REFUSAL);
                connection_end(c);
                return;
        }
        connection_take_turn(c);
        connection_count(c);
        server_count_turn(c->server, c->broker->clock().monotonic_usec - begin_usec);
        is_over_budget =
                server_account(c, varlink_conn_buffered_bytes(c->conn) + c->input.bytes.allocated +
                                          files_operation_bytes(c->files));
        if (c->is_dead || connection_is_over(c) || is_over_budget) {
                connection_end(c);
                return;
        }
        (void) sd_event_source_set_io_events(c->source,
                                             (uint32_t) varlink_conn_get_events(c->conn));
        if (list_is_empty(&c->held))
                (void) sd_event_source_set_enabled(c->source, SD_EVENT_ON);
}

void connection_resume(Connection *c) {
        struct pollfd p = { .fd = varlink_conn_get_fd(c->conn),
                            .events = (short) varlink_conn_get_events(c->conn) };

        if (ppoll(&p, 1, &(struct timespec){}, NULL) < 0)
                p.revents = POLLIN;
        connection_run(c, p.revents);
}

bool connection_is_idle(const Connection *c) {
        return c->follow == FOLLOW_NONE && !varlink_conn_has_message(c->conn) &&
               varlink_conn_partial_since_usec(c->conn) == 0 &&
               varlink_conn_output_bytes(c->conn) == 0 && !session_is_bound(c->broker, c);
}

void connection_sweep(Connection *c, uint64_t now) {
        uint64_t partial = varlink_conn_partial_since_usec(c->conn);
        uint64_t stalled = varlink_conn_stalled_since_usec(c->conn), tick_usec = UINT64_MAX;
        /* The connections of a private daemon are its life. */
        bool is_idle = c->follow == FOLLOW_NONE && !c->broker->embedded &&
                       now >= varlink_conn_active_usec(c->conn) + CONNECTION_IDLE_USEC_MAX;

        broker_wake_at(c->broker, now + USEC_PER_SEC);
        if (is_idle || (partial > 0 && now >= partial + CONNECTION_PARTIAL_USEC_MAX) ||
            (stalled > 0 && now >= stalled + CONNECTION_STALL_USEC_MAX)) {
                connection_end(c);
                return;
        }
        if (c->follow == FOLLOW_EVENTS && !job_is_finished(c->job))
                tick_usec = MIN(c->next_heartbeat_usec, c->next_usage_usec);
        else if (c->follow == FOLLOW_STATE || c->follow == FOLLOW_DRAIN)
                tick_usec = c->wait_deadline_usec;
        if (now >= tick_usec)
                connection_run(c, 0);
        else if (tick_usec < UINT64_MAX)
                broker_wake_at(c->broker, tick_usec);
}

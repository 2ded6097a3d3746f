/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/connection.h"
#include "wire/build.h"
#include "wire/message.h"

/* No more clients wait to be accepted, if none comes meanwhile. */
#define BACKLOG_MAX 4096
#define DENIED_LOG_USEC (60 * USEC_PER_SEC)

int server_peer_groups(int fd, gid_t gid, gid_t **ret_gids, size_t *ret_n) {
        _cleanup_free_ gid_t *gids = NULL;
        socklen_t size = 0;

        /* How many there are comes with the refusal; they do not change. */
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
                return -errno;
        gids = malloc(sizeof(gid_t) + size);
        if (!gids)
                return -ENOMEM;
        gids[0] = gid;
        if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids + 1, &size) < 0)
                return -errno;
        *ret_gids = TAKE_PTR(gids);
        *ret_n = 1 + size / sizeof(gid_t);
        return 0;
}

/* The tenant of whoever connected, and whether he is a gateway. NULL: nobody can say. */
static Tenant *server_find_tenant(const Server *s, int fd, Peer *peer) {
        Broker *b = s->broker;
        const DaemonConfig *config = b->config;
        const TenantEntry *entry = NULL;
        char name[TENANT_NAME_MAX];

        if (config->tenants.n > 0 || config->gateway_gid != NO_GATEWAY) {
                _cleanup_free_ gid_t *gids = NULL;
                size_t n;

                if (server_peer_groups(fd, peer->gid, &gids, &n) < 0)
                        return NULL;
                entry = tenant_table_find(&config->tenants, peer->uid, gids, n);
                FOREACH_ARRAY(gid, gids, n)
                        peer->is_gateway |= *gid == config->gateway_gid;
        }
        if (entry)
                return tenants_get(&b->tenants, entry->name, &entry->policy);
        (void) snprintf(name, sizeof(name), "uid:%u", peer->uid);
        return tenants_get(&b->tenants, name, &b->default_policy);
}

/* Who is turned away has the answer to his first call before he makes it. */
static void server_turn_away(int fd, const char *error, JsonBuild *parameters) {
        _cleanup_(json_decrefp) json_t *answer =
                varlink_error_new(error, json_build_take(parameters));
        _cleanup_free_ char *text = answer ? wire_json_text(answer) : NULL;

        if (text)
                (void) send(fd, text, strlen(text) + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One connection too many. */
static void server_refuse(int fd, const Tenant *tenant, int scope) {
        const Tenants *all = tenant->tenants;
        bool is_own = scope == CHARGE_OVER_TENANT;
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "scope", is_own ? "tenant" : "node");
        json_build_string(&b, "quota", "connections");
        json_build_uint(&b, "used", (is_own ? tenant->used : all->used)[QUOTA_CONNECTIONS]);
        json_build_uint(&b, "maximum",
                        (is_own ? tenant->policy->maximum : all->maximum)[QUOTA_CONNECTIONS]);
        json_build_uint(&b, "retryAfterUSec", USEC_PER_SEC);
        server_turn_away(fd, "io.pysb.sandbox.QuotaExceeded", &b);
}

/* Somebody who may call nothing: not a byte of his is read. Strangers do not fill the log, either. */
static void server_deny(Server *s, int fd, const Tenant *tenant) {
        uint64_t now = s->broker->clock().monotonic_usec;
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "tenant", tenant->name);
        server_turn_away(fd, "io.pysb.sandbox.TenantDenied", &b);
        s->n_denied++;
        if (now < s->denied_quiet_until_usec)
                return;
        log_warning("Refused %" PRIu64 " connections of users who are no tenants, the last of %s.",
                    s->n_denied, tenant->name);
        s->n_denied = 0;
        s->denied_quiet_until_usec = now + DENIED_LOG_USEC;
}

/* Of a tenant with more connections than this one has; of those tenants the one with most, and of its connections
 * the one that has done nothing for longest. NULL: there is none. */
static Connection *server_find_idle(const Server *s, const Tenant *newcomer) {
        uint64_t most = newcomer->used[QUOTA_CONNECTIONS];
        Connection *found = NULL;

        LIST_FOREACH(l, &s->connections) {
                Connection *c = container_of(l, Connection, link);
                uint64_t n = c->tenant->used[QUOTA_CONNECTIONS];

                if (c->is_manager || n < most || n <= newcomer->used[QUOTA_CONNECTIONS] ||
                    !connection_is_idle(c))
                        continue;
                if (found && n == most &&
                    varlink_conn_active_usec(c->conn) >= varlink_conn_active_usec(found->conn))
                        continue;
                most = n;
                found = c;
        }
        return found;
}

/* Administrators have a socket of their own, which nobody else can open, and are needed when others have all
 * connections. Returns 0 or a ChargeRefusal. */
static int server_make_room(const Server *s, const Tenant *tenant, bool is_manager) {
        int r = is_manager ? 0 : tenant_fits(tenant, QUOTA_CONNECTIONS, 1);
        Connection *idle = r == CHARGE_OVER_NODE ? server_find_idle(s, tenant) : NULL;

        if (!idle)
                return r;
        connection_free(idle);
        return 0;
}

/* Identity is fixed here, once: the kernel's word at connect time, never a pid, never a message. */
static int server_add(Server *s, int client, Peer peer) {
        _cleanup_close_ int fd = client;
        struct ucred cred;
        socklen_t size = sizeof(cred);
        _cleanup_(tenant_unrefp) Tenant *tenant = NULL;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return -errno;
        peer.uid = cred.uid;
        peer.gid = cred.gid;
        tenant = server_find_tenant(s, fd, &peer);
        if (!tenant)
                return -ENOMEM;
        if (tenant->policy->is_denied && !peer.is_gateway && !peer.is_manager) {
                server_deny(s, fd, tenant);
                return -EPERM;
        }
        r = server_make_room(s, tenant, peer.is_manager);
        if (r != 0) {
                server_refuse(fd, tenant, r);
                return -EBUSY;
        }
        return connection_new(s, tenant, TAKE_FD(fd), &peer);
}

/* Whether anybody else has work here. Who calls, hears the answer and calls again has none now and then,
 * but a turn each time. */
static bool server_has_company(const Server *s, const Tenant *tenant) {
        const uint64_t *all = tenant->tenants->used, *own = tenant->used;

        return s->round < s->company_until_round ||
               all[QUOTA_RUNNING] + all[QUOTA_QUEUED] > own[QUOTA_RUNNING] + own[QUOTA_QUEUED];
}

void server_count(const Connection *connection, uint64_t bytes) {
        connection->tenant->round_bytes += bytes;
}

static void list_move(List *to, List *from) {
        while (!list_is_empty(from)) {
                List *l = from->next;

                list_remove(l);
                list_insert_before(to, l);
        }
}

static void server_begin_round(Server *s, uint64_t now_usec) {
        s->round++;
        s->round_end_usec = now_usec + ROUND_USEC;
}

/* Nobody waits for the next round: those that are over went by unseen. */
static void server_pass_rounds(Server *s) {
        uint64_t now = s->broker->clock().monotonic_usec;

        if (!list_is_empty(&s->held) || now < s->round_end_usec)
                return;
        s->round += (now - s->round_end_usec) / ROUND_USEC;
        server_begin_round(s, now);
}

void server_count_turn(Server *s, uint64_t usec) {
        s->round_end_usec += usec;
}

static void server_note_turn(Server *s, Tenant *tenant) {
        uint64_t rounds;

        if (s->last && s->last != tenant)
                s->company_until_round = s->round + ROUNDS_OF_COMPANY;
        s->last = tenant;
        rounds = s->round - tenant->round;
        if (rounds == 0)
                return;
        tenant->round = s->round;
        tenant->round_bytes -= server_has_company(s, tenant)
                                       ? MIN(tenant->round_bytes, rounds * ROUND_BYTES_MAX)
                                       : tenant->round_bytes;
}

bool server_hold_rest(Server *s, Connection *connection) {
        const Tenant *tenant = connection->tenant;

        if (!list_is_empty(&connection->held))
                return true;
        if (tenant->round_bytes < ROUND_BYTES_MAX)
                return false;
        if (list_is_empty(&s->held)) {
                uint64_t usec = server_has_company(s, tenant) ? ROUND_USEC : 0;

                (void) sd_event_source_set_time_relative(s->rounder, usec);
                (void) sd_event_source_set_enabled(s->rounder, SD_EVENT_ONESHOT);
        }
        list_insert_before(&s->held, &connection->held);
        (void) sd_event_source_set_enabled(connection->source, SD_EVENT_OFF);
        return true;
}

bool server_hold(Server *s, Connection *connection) {
        server_pass_rounds(s);
        server_note_turn(s, connection->tenant);
        return server_hold_rest(s, connection);
}

/* The timer has its turn behind all that is ready when it ends: a round is as long as the loop needs for
 * everybody else. Whoever would have to wait again costs nothing but this look. */
static int server_on_round(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;
        List held = LIST_INIT(held);

        server_begin_round(s, s->broker->clock().monotonic_usec);
        list_move(&held, &s->held);
        while (!list_is_empty(&held)) {
                Connection *connection = container_of(held.next, Connection, held);

                list_remove(&connection->held);
                if (!server_hold(s, connection))
                        connection_resume(connection);
        }
        return 0;
}

static void server_pause(Server *s, bool pause) {
        s->is_paused = pause;
        FOREACH_ARRAY(l, s->listeners, s->n_listeners)
                if (l->source)
                        (void) sd_event_source_set_enabled(l->source,
                                                           pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

/* Takes one client. Returns whether there was one. */
static bool server_accept(const Listener *l) {
        Server *s = l->server;
        int client;

        client = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
                /* A full table would have us spin: the client stays in the backlog for a while. */
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        log_warning("cannot accept a client: %m");
                        server_pause(s, true);
                        broker_wake_at(s->broker,
                                       s->broker->clock().monotonic_usec + 100 * USEC_PER_MSEC);
                }
                return false;
        }
        if (server_add(s, client, (Peer){ .is_manager = l->is_manager }) < 0)
                log_debug("a client was turned away");
        broker_check_idle(s->broker);
        return true;
}

static int server_on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) server_accept(userdata);
        return 0;
}

/* In rounds: what one connection does to a job of another one makes no recursion. */
static int server_on_wake(sd_event_source *source, void *userdata) {
        Server *s = userdata;
        List round = LIST_INIT(round);

        list_move(&round, &s->woken);
        while (!list_is_empty(&round)) {
                Connection *connection = container_of(round.next, Connection, woken);

                list_remove(&connection->woken);
                if (connection->is_evicted || !server_hold(s, connection))
                        connection_run(connection, 0);
        }
        return 0;
}

void server_wake(Server *s, Connection *connection) {
        if (!list_is_empty(&connection->woken))
                return;
        list_insert_before(&s->woken, &connection->woken);
        (void) sd_event_source_set_enabled(s->waker, SD_EVENT_ONESHOT);
}

static int server_listen(Server *s, int fd, bool is_manager) {
        int listening = 0, r;
        socklen_t size = sizeof(listening);
        Listener *l;

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
                return -errno;
        if (!listening) {
                s->is_owned = true;
                return server_add(s, fd, (Peer){ .is_manager = is_manager, .is_owner = true });
        }
        l = &s->listeners[s->n_listeners];
        *l = (Listener){ .server = s, .fd = fd, .is_manager = is_manager };
        r = fd_set_nonblock(fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(s->broker->event, &l->source, fd, EPOLLIN, server_on_connect, l);
        if (r < 0)
                return r;
        s->n_listeners++;
        return 0;
}

int server_new(
        Broker *broker, const int *fds, size_t n_fds, size_t n_manager, Server **ret_server) {
        Server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->broker = broker;
        list_init(&s->connections);
        list_init(&s->woken);
        list_init(&s->held);
        r = -ENOMEM;
        s->listeners = calloc(n_fds + 1, sizeof(*s->listeners));
        if (!s->listeners)
                goto fail;
        r = sd_event_add_defer(broker->event, &s->waker, server_on_wake, s);
        if (r < 0)
                goto fail;
        r = sd_event_source_set_enabled(s->waker, SD_EVENT_OFF);
        if (r < 0)
                goto fail;
        r = sd_event_add_time(broker->event, &s->rounder, CLOCK_MONOTONIC, 0, 1, server_on_round,
                              s);
        if (r < 0)
                goto fail;
        r = sd_event_source_set_enabled(s->rounder, SD_EVENT_OFF);
        for (size_t i = 0; r >= 0 && i < n_fds; i++)
                r = server_listen(s, fds[i], i + n_manager >= n_fds);
        if (r < 0)
                goto fail;
        *ret_server = s;
        return 0;
fail:
        server_free(s);
        return r;
}

void server_hear_all(Server *s) {
        FOREACH_ARRAY(l, s->listeners, s->n_listeners)
                for (size_t i = 0; i < BACKLOG_MAX && server_accept(l); i++)
                        ;
        LIST_FOREACH(l, &s->connections)
                connection_resume(container_of(l, Connection, link));
}

void server_stop_listening(Server *s) {
        FOREACH_ARRAY(l, s->listeners, s->n_listeners) {
                l->source = sd_event_source_unref(l->source);
                l->fd = fd_close(l->fd);
        }
        s->n_listeners = 0;
}

Server *server_free(Server *s) {
        if (!s)
                return NULL;
        LIST_FOREACH(l, &s->connections)
                connection_free(container_of(l, Connection, link));
        server_stop_listening(s);
        sd_event_source_unref(s->waker);
        sd_event_source_unref(s->rounder);
        free(s->listeners);
        free(s);
        return NULL;
}

void server_flush(Server *s) {
        LIST_FOREACH(l, &s->connections)
                connection_run(container_of(l, Connection, link), 0);
}

void server_wake_followers(Server *s, int follow) {
        LIST_FOREACH(l, &s->connections) {
                Connection *connection = container_of(l, Connection, link);

                if ((int) connection->follow == follow)
                        server_wake(s, connection);
        }
}

bool server_is_idle(const Server *s) {
        return list_is_empty(&s->connections);
}

bool server_is_flushed(const Server *s) {
        LIST_FOREACH(l, &s->connections) {
                const Connection *connection = container_of(l, Connection, link);

                if (connection->follow != FOLLOW_NONE ||
                    varlink_conn_has_message(connection->conn) ||
                    varlink_conn_output_bytes(connection->conn) > 0)
                        return false;
        }
        return true;
}

bool server_is_deserted(const Server *s) {
        return s->is_owned && s->n_owners == 0;
}

void server_sweep(Server *s, uint64_t now_usec) {
        if (s->is_paused)
                server_pause(s, false);
        LIST_FOREACH(l, &s->connections)
                connection_sweep(container_of(l, Connection, link), now_usec);
}

static void server_charge(Connection *connection, size_t buffered_bytes) {
        tenant_release(connection->tenant, QUOTA_BUFFERED_BYTES, connection->buffered_bytes);
        tenant_charge_anyway(connection->tenant, QUOTA_BUFFERED_BYTES, buffered_bytes);
        connection->buffered_bytes = buffered_bytes;
}

static bool connection_holds_more(const Connection *a, const Connection *b) {
        uint64_t of_a = a->tenant->used[QUOTA_BUFFERED_BYTES];
        uint64_t of_b = b->tenant->used[QUOTA_BUFFERED_BYTES];

        return of_a != of_b ? of_a > of_b : a->buffered_bytes > b->buffered_bytes;
}

/* The largest one of the tenant that holds most: whoever sends a little pays for nobody else. */
static Connection *server_find_largest(const Server *s) {
        Connection *largest = NULL;

        LIST_FOREACH(l, &s->connections) {
                Connection *c = container_of(l, Connection, link);

                if (!largest || connection_holds_more(c, largest))
                        largest = c;
        }
        return largest;
}

bool server_account(Connection *connection, size_t buffered_bytes) {
        Server *s = connection->server;
        const Tenants *all = connection->tenant->tenants;

        if (connection->is_evicted)
                return true;
        server_charge(connection, buffered_bytes);
        if (tenant_fits(connection->tenant, QUOTA_BUFFERED_BYTES, 0) == CHARGE_OVER_TENANT)
                return true;
        while (!tenants_fit(all, QUOTA_BUFFERED_BYTES, 0)) {
                Connection *largest = server_find_largest(s);

                if (!largest)
                        break;
                /* Not here: it may be the next one of a list that is being walked. */
                largest->is_evicted = true;
                server_charge(largest, 0);
                if (largest != connection)
                        server_wake(s, largest);
        }
        return connection->is_evicted;
}

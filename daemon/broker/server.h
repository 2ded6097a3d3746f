/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The sockets: accepting, who is who (the kernel says), and how much of the daemon one user may
 * have. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "broker/broker.h"

/* The loop's time is shared, too. In a round a tenant's connections get so much of it, counted as the bytes
 * that they move and, for each call and each new connection, some more; for a refusal again as much as for
 * four calls, because who floods hears nothing else. A byte that is parsed or hashed costs what four cost that
 * are moved. Then they wait for the next round, or for several: what cannot be done in pieces is owed. A round is as
 * long as the loop needs for all others, and 4 ms if somebody else has a job, or had a turn lately; who is
 * alone owes nothing, and waits for nobody. */
#define ROUND_USEC (UINT64_C(4) * 1000)
#define ROUND_BYTES_MAX (UINT64_C(512) << 10)
#define ROUND_BYTES_PER_CALL (UINT64_C(16) << 10)
#define ROUND_BYTES_PER_REFUSAL (4 * ROUND_BYTES_PER_CALL)
#define ROUND_BYTES_PER_BYTE 4 /* that is parsed or hashed */
#define ROUNDS_OF_COMPANY 64   /* "lately" */

struct Connection;

typedef struct Listener {
        struct Server *server;
        int fd;
        bool is_manager;
        sd_event_source *source;
} Listener;

typedef struct Server {
        Broker *broker;
        Listener *listeners;
        size_t n_listeners;
        bool is_owned;   /* was started with connected sockets: for whoever has the other ends */
        size_t n_owners; /* of these, those that are still open */
        bool is_paused;  /* no descriptor was left for the next client */
        List connections;
        List woken; /* Connection.woken: to be looked at in the next round of the loop */
        sd_event_source *waker;
        List held; /* Connection.held: their tenant has had its part of the round */
        sd_event_source *rounder;
        uint64_t round, round_end_usec;
        const Tenant *last; /* that had a turn: compared, never followed */
        uint64_t company_until_round;
        uint64_t n_denied, denied_quiet_until_usec; /* since the last line of the log about them */
} Server;

/* Takes the descriptors on success; each may be a listening or a connected socket, the last n_manager
 * of them are for administrators. */
int server_new(Broker *broker, const int *fds, size_t n_fds, size_t n_manager, Server **ret_server);
Server *server_free(Server *server);

/* The group of whoever connected and all others that he is in, as the kernel noted them then; a process that has
 * changed since, or a pid that is somebody else's now, makes no difference. The caller frees them. */
int server_peer_groups(int fd, gid_t gid, gid_t **ret_gids, size_t *ret_n);

/* Whoever has connected, and what he has said, has a turn once more: a socket that is closed before it is read
 * is a lost connection for the other end, whatever it is sent. */
void server_hear_all(Server *server);

void server_stop_listening(Server *server);

/* Looks at every connection, once. */
void server_flush(Server *server);

/* Something has come that connections which follow this (FollowKind) wait for. */
void server_wake_followers(Server *server, int follow);

bool server_is_idle(const Server *server);     /* no connection at all */
bool server_is_flushed(const Server *server);  /* nothing waits to be read by a client */
bool server_is_deserted(const Server *server); /* the owners are gone */

void server_sweep(Server *server, uint64_t now_usec);

/* For connections. */
void server_wake(Server *server, struct Connection *connection);
/* To be asked before each turn, and before each further call in it: whether it has to wait; then it is woken in the
 * next round. */
bool server_hold(Server *server, struct Connection *connection);
bool server_hold_rest(Server *server, struct Connection *connection);
/* How long a turn took: so much longer is the round, or who is slow to serve would always be in the next one. */
void server_count_turn(Server *server, uint64_t usec);
/* What it has done. */
void server_count(const struct Connection *connection, uint64_t bytes);
/* What its buffers hold now. If all of them hold too much, connections of whoever holds most are closed. Returns
 * whether it has to be closed itself. */
bool server_account(struct Connection *connection, size_t buffered_bytes);

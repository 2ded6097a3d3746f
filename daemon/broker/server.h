/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The sockets: accepting, who is who (the kernel says), and how much of the daemon one user may
 * have. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "broker/broker.h"

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
        bool is_paused; /* no descriptor was left for the next client */
        List connections;
        List woken; /* Connection.woken: to be looked at in the next round of the loop */
        sd_event_source *waker;
} Server;

/* Takes the descriptors on success; each may be a listening or a connected socket, the last n_manager
 * of them are for administrators. */
int server_new(Broker *broker, const int *fds, size_t n_fds, size_t n_manager, Server **ret_server);
Server *server_free(Server *server);

void server_stop_listening(Server *server);

/* Looks at every connection, once. */
void server_flush(Server *server);

/* Something has come that connections which follow this (FollowKind) wait for. */
void server_wake_followers(Server *server, int follow);

bool server_is_idle(const Server *server);     /* no connection at all */
bool server_is_flushed(const Server *server);  /* nothing waits to be read by a client */
bool server_is_deserted(const Server *server); /* no connection, and none can come */

void server_sweep(Server *server, uint64_t now_usec);

/* For connections. */
void server_wake(Server *server, struct Connection *connection);
void server_account(struct Connection *connection, size_t buffered_bytes);
bool server_is_over_budget(const struct Connection *connection);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A broker in this process, the clients' ends of its connections, and a builder whose boxes do what the target says.
 * Time passes when the target says so. */

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include "basic/buf.h"
#include "basic/fd.h"
#include "broker/broker.h"
#include "fuzz.h"

#define WORLD_CLIENTS 3 /* the last one is an administrator's */
#define WORLD_BOXES 8
#define WORLD_ID_MAX 128

typedef struct WorldClient {
        int fd;
        bool is_paused; /* it does not read */
        Buf in;
} WorldClient;

enum {
        WORLD_STDIN,
        WORLD_STDOUT,
        WORLD_STDERR,
        WORLD_CHANNEL,
        WORLD_FILES,
};

typedef struct WorldBox {
        uint64_t box; /* 0: no box */
        int fds[BUILDER_FDS_MAX];
} WorldBox;

typedef struct World {
        sd_event *event;
        Broker *broker;
        int builder, null_fd;
        struct sockaddr_un address; /* of the listening socket, the broker's */
        socklen_t address_size;
        WorldClient clients[WORLD_CLIENTS];
        WorldBox boxes[WORLD_BOXES];
        /* What the broker said last, by the key. */
        char job[WORLD_ID_MAX], session[WORLD_ID_MAX], blob[WORLD_ID_MAX], call_id[WORLD_ID_MAX];
} World;

void world_begin(World *w);

/* Everybody goes, time passes: then nothing may be left. */
void world_end(World *w);

/* Lets everybody do what there is to do. */
void world_spin(World *w);
void world_pass(World *w, uint64_t usec);

/* What is left of the input, with identifiers for its placeholders; descriptors ride on the first byte, and if cut is
 * not 0 the bytes come in two pieces. */
void world_send(World *w,
                size_t client,
                FuzzInput *in,
                bool is_message,
                size_t cut,
                const int *fds,
                size_t n_fds);
void world_client_connect(World *w, size_t client); /* anew, as an ordinary one */
void world_client_close(World *w, size_t client);
void world_client_half_close(World *w, size_t client);
void world_client_pause(World *w, size_t client);

/* Boxes are numbered as they are there; nothing happens if none is. */
void world_box_write(World *w, size_t box, int which, const void *data, size_t size);
void world_box_close(World *w, size_t box, uint8_t which);
void world_box_end(World *w, size_t box, uint8_t status, uint8_t how);

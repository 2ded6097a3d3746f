/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A broker in this process: clients are sockets of the test, the builder is the test itself, and time
 * passes when the test says so. */

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "broker/broker.h"
#include "wire/conn.h"

typedef struct Harness {
        sd_event *event;
        Broker *broker;
        int builder; /* the builder's end of the link */
        int null_fd;
        int n_open_before; /* descriptors of this process */
} Harness;

typedef struct HarnessOptions {
        uint32_t slots;        /* 0: the builder says nothing */
        uint64_t memory_bytes; /* that the builder says; 0 is nothing */
        uint64_t max_queued_jobs, max_connections_per_user;
        const char *config; /* flat lines; NULL is none */
        bool embedded;      /* a connected socket beside the listening one */
        uint64_t idle_exit_usec;
} HarnessOptions;

/* For cmocka: the default harness, with two places. */
int harness_setup(void **state);
int harness_teardown(void **state);

Harness *harness_new(const HarnessOptions *options);
void harness_free(Harness *h);

/* Runs the loop until nothing is left to do. Returns false once the loop has ended. */
bool harness_spin(Harness *h);

/* Lets time pass for the broker, and has it look at its deadlines. */
void harness_advance(Harness *h, uint64_t usec);

/* Two profiles: "default", granted, and "raw", not granted. */
ProfileStore *harness_store(void);

typedef struct Client {
        Harness *h;
        VarlinkConn *conn;
} Client;

/* Connects as this user; needs root for others than our own. */
Client *client_new(Harness *h, uid_t uid);
/* The same, but the broker has not accepted it yet. */
Client *client_new_unseen(Harness *h, uid_t uid);
/* The client of an embedded broker. */
Client *client_new_embedded(Harness *h);
void client_free(Client *c);

/* parameters are JSON text. method is without the interface where it is one of ours. */
void client_send(Client *c,
                 const char *method,
                 const char *parameters,
                 bool more); /* it is not read yet */
void client_call(Client *c, const char *method, const char *parameters, bool more);
void client_call_fd(Client *c, const char *method, const char *parameters, int fd);
void client_send_raw(Client *c, const char *bytes, size_t size);

/* The next reply; returns 1, 0 if there is none, -1 if the broker closed the connection. */
int client_try_reply(Client *c, VarlinkReply *ret_reply);
/* The parameters of the next reply, which must be no error. The caller owns it. */
json_t *client_reply(Client *c);
/* The next reply must be this error of io.pysb.sandbox; its parameters. */
json_t *client_error(Client *c, const char *error);
/* Call and reply in one. */
json_t *client_ask(Client *c, const char *method, const char *parameters);
bool client_is_closed(Client *c);

/* "result.stdout.text" of a reply: a string of it, which must be there. */
const char *reply_string(json_t *reply, const char *path);
int64_t reply_int(json_t *reply, const char *path);
json_t *reply_get(json_t *reply, const char *path);

/* A box as the builder got it. */
typedef struct Box {
        Harness *h;
        BuilderRequest request;
        int fds[BUILDER_FDS_MAX];
} Box;

enum {
        BOX_STDIN,
        BOX_STDOUT,
        BOX_STDERR,
        BOX_CHANNEL,
        BOX_FILES /* only of a job that is collected: the test's to close */
};

bool builder_next(Harness *h, BuilderRequest *ret_request);
Box builder_start(Harness *h); /* the next request must be a START */
void builder_restart(
        Box *b); /* the next request must be a RESTART of this box; it has other descriptors then */
Box builder_branch(const Box *base); /* the next request must be a BRANCH of this one */
void builder_expect_kill(const Box *b, uint32_t reason); /* the next request must be this KILL */
void builder_expect_nothing(Harness *h);
void builder_started(const Box *b);
/* Closes the box's descriptors and reports the end. */
void builder_ended(Box *b, const BoxFacts *facts);
void builder_exited(Box *b, int code);
void box_write(const Box *b, int which, const char *text);

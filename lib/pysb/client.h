/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection with at most one call on it: what the blocking calls and the event driven ones
 * share. */

#include <sys/types.h>

#include "pysb/handles.h"
#include "wire/conn.h"

/* Hears each reply of the call; client->busy is false from the last one on. reply is NULL if the
 * call failed: error then is a negative errno, and the client has the words. May take what it
 * likes out of the reply. */
typedef void (*ReplyHandler)(PysbClient *client, VarlinkReply *reply, int error, void *userdata);

struct PysbClient {
        VarlinkConn *conn; /* NULL once the connection is closed */

        bool busy; /* a call waits for its last reply */
        bool more; /* it may have several */
        ReplyHandler handler;
        void *handler_data;

        PysbCallback callback; /* of pysb_start() and its kind */
        void *callback_data;

        pid_t daemon_pid; /* embedded: our child; else 0 */
        int daemon_pidfd;
        int sibling_fd; /* embedded: the other socket of the daemon; else -EBADF */
        bool has_sibling;
        char *address; /* not embedded: where to connect again; NULL is not known */
        char *tenant;  /* whose blobs are meant; NULL are the caller's own */

        char *error, *error_name, *error_json;
};

/* Sends a call. Steals parameters (NULL is lack of memory); fds may be NULL and is taken. */
int client_call(PysbClient *client,
                const char *method,
                json_t *parameters,
                VarlinkFds *fds,
                bool more,
                ReplyHandler handler,
                void *userdata);

/* The method of our interface by its short name: "Run". */
#define SANDBOX_METHOD(name) "io.pysb.sandbox." name

/* One turn: waits for the socket until deadline_usec (monotonic, 0 does not wait), then sends,
 * receives and dispatches. */
void client_turn(PysbClient *client, uint64_t deadline_usec);

/* Records why a call failed, in words; returns error. */
int client_set_error(PysbClient *client, int error, const char *sentence);

/* Drops the connection after an answer that makes no sense; the call in progress fails. */
void client_fail(PysbClient *client, int error);

/* Sends a call and waits for its only reply. Steals parameters. */
int client_call_wait(PysbClient *client,
                     const char *method,
                     json_t *parameters,
                     json_t **ret_parameters);

/* The same with descriptors; takes them. */
int client_call_wait_fds(PysbClient *client,
                         const char *method,
                         json_t *parameters,
                         VarlinkFds *fds,
                         json_t **ret_parameters);

/* The call { "request": … } of Run and Submit. */
int client_call_request(PysbClient *client,
                        const char *method,
                        const PysbRequest *request,
                        bool more,
                        ReplyHandler handler,
                        void *userdata);

/* The member 'result' of a reply. */
int client_take_result(PysbClient *client, const json_t *parameters, PysbResult **ret_result);

/* A call with events; each reply becomes one call of the callback. Steals parameters. */
int client_call_stream(PysbClient *client,
                       const char *method,
                       json_t *parameters,
                       PysbCallback callback,
                       void *userdata);

/* The sentence for a varlink error; NULL for lack of memory. */
char *error_describe(const char *name, const json_t *parameters);

/* A private daemon serves this many connections, and ends when all are closed. */
#define EMBEDDED_SOCKETS 2

/* Starts pysbd --embedded with connected sockets; ours are in ret_fds. */
int embedded_spawn(pid_t *ret_pid, int *ret_pidfd, int ret_fds[static EMBEDDED_SOCKETS]);

/* Waits until it has gone; kills it if that takes too long. Its socket must be closed already. */
void embedded_reap(pid_t pid, int pidfd);

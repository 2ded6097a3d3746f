/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One varlink connection: a non-blocking stream socket, bounded buffers and the framing by NUL. It
 * never calls back and never frees itself: the owner polls, calls process, then takes messages:
 *
 *      poll(varlink_conn_get_fd(), varlink_conn_get_events());
 *      r = varlink_conn_process(c, revents, now);
 *      if (r < 0)
 *              close it
 *      while ((r = varlink_conn_receive_call(c, &call)) > 0)
 *              handle it, varlink_conn_send(c, reply, NULL)
 *      if (varlink_conn_is_gone(c))
 *              nobody reads what comes now: cancel the call that runs
 *      if (varlink_conn_is_finished(c))
 *              close it
 *
 * Once a complete message waits, no further bytes are read: a client that pipelines stays bounded
 * by the socket's own buffer while its call runs.
 *
 * Descriptors (SCM_RIGHTS) belong to the message that starts last in the bytes they arrive with,
 * so that a peer which sends each message with descriptors in a sendmsg() of its own may pipeline.
 * Descriptors in the middle of a message, too many of them or truncation end the connection. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"

#define VARLINK_MESSAGE_MAX_BYTES (4U << 20) /* in; what a daemon takes from a client */
#define VARLINK_OUTPUT_HIGH_BYTES (1U << 20) /* out; where producers should pause */
#define VARLINK_REPLY_MAX_BYTES (16U << 20)  /* what sd-varlink and libvarlink clients take */

typedef struct VarlinkConnLimits {
        size_t message_max_bytes; /* of one received message, the NUL not counted */
        size_t output_max_bytes;  /* queued and not sent yet; beyond it send fails. 0 is no bound */
        size_t output_high_bytes; /* see varlink_conn_output_is_high() */
        size_t fds_max;           /* with one received message, at most VARLINK_FDS_MAX */
} VarlinkConnLimits;

/* For a server: 4 MiB in, 1 MiB high water, up to VARLINK_FDS_MAX descriptors. */
extern const VarlinkConnLimits varlink_server_limits;
/* For a client: 16 MiB in, no descriptors. */
extern const VarlinkConnLimits varlink_client_limits;

typedef struct VarlinkConn VarlinkConn;

/* Takes ownership of fd on success and makes it non-blocking. */
int varlink_conn_new(int fd,
                     const VarlinkConnLimits *limits,
                     uint64_t now_usec,
                     VarlinkConn **ret_conn);
VarlinkConn *varlink_conn_free(VarlinkConn *conn);
DEFINE_CLEANUP(VarlinkConn *, varlink_conn_free);

int varlink_conn_get_fd(const VarlinkConn *conn);

/* What to poll for: POLLIN, POLLRDHUP, POLLOUT; the EPOLL* bits have the same values. It changes
 * with every process, receive and send. */
int varlink_conn_get_events(const VarlinkConn *conn);

/* Reads and writes as far as the socket allows without blocking, at most 64 KiB of input at a time.
 * A peer that went away is no error, see varlink_conn_is_closed(). now_usec is the monotonic clock.
 * Returns 0, -EPROTO (descriptors at the wrong place), -EMSGSIZE (a message above the limit),
 * -ENOMEM or the socket's error. After an error only free() is allowed. */
int varlink_conn_process(VarlinkConn *conn, int revents, uint64_t now_usec);

/* Takes the next complete message. Returns 1, 0 (none is there yet), -EBADMSG (no JSON), -EPROTO
 * (no call, no reply), -ENOMEM. */
int varlink_conn_receive_call(VarlinkConn *conn, VarlinkCall *ret_call);
int varlink_conn_receive_reply(VarlinkConn *conn, VarlinkReply *ret_reply);

/* Queues a message and tries to send it at once. Steals message, whatever happens; NULL is -ENOMEM,
 * so that the result of a builder can be given directly. fds may be NULL; on success its descriptors
 * are taken (they are closed once sent). -ENOBUFS above output_max_bytes. A vanished peer is no
 * error here: what cannot be sent is dropped, and varlink_conn_is_closed() becomes true. */
int varlink_conn_send(VarlinkConn *conn, json_t *message, VarlinkFds *fds);

/* The same for one that is JSON text already. It is copied, and has no descriptors. */
int varlink_conn_send_text(VarlinkConn *conn, const char *text);

/* Polls once and processes: for blocking callers. Returns 1 if anything happened, 0 when
 * deadline_usec (monotonic, UINT64_MAX is never) has passed, or an error of process; EINTR is
 * returned as -EINTR. */
int varlink_conn_wait(VarlinkConn *conn, uint64_t deadline_usec);

/* A complete message waits to be received; and how long it is, 0 if none does. */
bool varlink_conn_has_message(const VarlinkConn *conn);
size_t varlink_conn_message_bytes(const VarlinkConn *conn);

/* The peer has closed its end, or half of it. Calls that it has sent before may still wait, here or
 * in the socket. (epoll repeats EPOLLHUP for as long as the socket is open: be quick, or turn the
 * event source off.) */
bool varlink_conn_is_closed(const VarlinkConn *conn);

/* The peer has closed both ways: nobody reads an answer. */
bool varlink_conn_is_gone(const VarlinkConn *conn);

/* It is closed, and every message has been taken: only output may be left. */
bool varlink_conn_is_finished(const VarlinkConn *conn);

/* Bytes queued for sending; whether that is more than the high-water mark. */
size_t varlink_conn_output_bytes(const VarlinkConn *conn);
bool varlink_conn_output_is_high(const VarlinkConn *conn);

/* Memory that the buffers hold now, in both directions: what a budget over many connections adds
 * up. */
size_t varlink_conn_buffered_bytes(const VarlinkConn *conn);

/* All bytes that came, and that were to be sent and not given up. */
uint64_t varlink_conn_moved_bytes(const VarlinkConn *conn);

/* For deadlines, all in the clock of process. When the first byte of an incomplete message came, 0
 * if there is none; when bytes moved last in either direction; since when output waits without any
 * byte of it being taken, 0 if none waits. */
uint64_t varlink_conn_partial_since_usec(const VarlinkConn *conn);
uint64_t varlink_conn_active_usec(const VarlinkConn *conn);
uint64_t varlink_conn_stalled_since_usec(const VarlinkConn *conn);

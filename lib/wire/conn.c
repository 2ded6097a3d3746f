/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "basic/buf.h"
#include "basic/clock.h"
#include "wire/conn-socket.h"

#define READ_MIN (4 * KIB)
#define READ_MAX (64 * KIB)

const VarlinkConnLimits varlink_server_limits = {
        .message_max_bytes = VARLINK_MESSAGE_MAX_BYTES,
        .output_high_bytes = VARLINK_OUTPUT_HIGH_BYTES,
        .fds_max = VARLINK_FDS_MAX,
};

const VarlinkConnLimits varlink_client_limits = {
        .message_max_bytes = VARLINK_REPLY_MAX_BYTES,
        .output_high_bytes = VARLINK_OUTPUT_HIGH_BYTES,
};

/* Descriptors and the message they belong to, by its place in the stream of bytes. */
typedef struct FdsAt {
        uint64_t start, end; /* end: one past the NUL; only for output */
        VarlinkFds fds;
} FdsAt;

/* A message waits (its descriptors are the first entry), the next one has begun: no third one can
 * come before the first is taken, because reading stops. */
#define INPUT_FDS_MAX 2

struct VarlinkConn {
        int fd;
        VarlinkConnLimits limits;

        Buf in;
        uint64_t in_position; /* in the stream, of the first byte of in */
        size_t scanned;       /* bytes of in that are known to have no NUL */
        bool has_message;     /* there is one, at in[scanned] */
        FdsAt in_fds[INPUT_FDS_MAX];
        size_t n_in_fds;

        Buf out;
        uint64_t out_position;
        FdsAt *out_fds; /* in order */
        size_t n_out_fds;

        bool is_hung_up; /* the peer has closed its end; bytes of it may still wait in the socket */
        bool is_at_end;  /* all of them are read */
        bool is_gone;    /* it has closed both ways: nobody reads what is sent */
        bool is_broken;  /* nothing can be sent any more */

        uint64_t read_usec, active_usec, partial_since_usec, stalled_since_usec;
};

int varlink_conn_new(int fd,
                     const VarlinkConnLimits *limits,
                     uint64_t now_usec,
                     VarlinkConn **ret_conn) {
        VarlinkConn *conn;
        int r;

        r = fd_set_nonblock(fd, true);
        if (r < 0)
                return r;
        conn = calloc(1, sizeof(VarlinkConn));
        if (!conn)
                return -ENOMEM;
        conn->fd = fd;
        conn->limits = *limits;
        conn->in = BUF_INIT(limits->message_max_bytes + 1);
        conn->out = BUF_INIT(limits->output_max_bytes);
        conn->active_usec = now_usec;
        *ret_conn = conn;
        return 0;
}

/* Nothing can be sent any more: forgets what should have been. */
static void conn_drop_output(VarlinkConn *conn) {
        buf_done(&conn->out);
        FOREACH_ARRAY(at, conn->out_fds, conn->n_out_fds)
                varlink_fds_done(&at->fds);
        free(conn->out_fds);
        conn->out_fds = NULL;
        conn->n_out_fds = 0;
        conn->stalled_since_usec = 0;
}

VarlinkConn *varlink_conn_free(VarlinkConn *conn) {
        if (!conn)
                return NULL;
        conn_drop_output(conn);
        FOREACH_ARRAY(at, conn->in_fds, conn->n_in_fds)
                varlink_fds_done(&at->fds);
        buf_done(&conn->in);
        fd_close(conn->fd);
        free(conn);
        return NULL;
}

int varlink_conn_get_fd(const VarlinkConn *conn) {
        return conn->fd;
}

int varlink_conn_get_events(const VarlinkConn *conn) {
        int events = 0;

        /* While a message waits, only the hang-up is of interest, and only once. */
        if (!conn->has_message && !conn->is_at_end)
                events |= POLLIN;
        if (!conn->is_hung_up)
                events |= POLLRDHUP;
        if (buf_size(&conn->out) > 0)
                events |= POLLOUT;
        return events;
}

/* Looks for the end of a message in the bytes that nobody has looked at. */
static int conn_scan(VarlinkConn *conn) {
        size_t size = buf_size(&conn->in);
        const char *data, *nul;

        if (conn->has_message || conn->scanned == size)
                return 0;
        data = buf_data(&conn->in);
        nul = memchr(data + conn->scanned, '\0', size - conn->scanned);
        conn->has_message = nul;
        conn->scanned = nul ? (size_t) (nul - data) : size;
        /* The buffer has room for the longest message and its NUL. */
        return !nul && size > conn->limits.message_max_bytes ? -EMSGSIZE : 0;
}

/* Gives descriptors to the message that starts last among the bytes from old_size on. The kernel
 * ends a read behind the bytes of a sendmsg() with descriptors, but it may put bytes of earlier
 * ones before them: so it is the last start, not the first. */
static int conn_attach_fds(VarlinkConn *conn, size_t old_size, VarlinkFds *fds) {
        size_t size = buf_size(&conn->in), from = old_size > 0 ? old_size - 1 : 0, start = 0;
        const char *data = buf_data(&conn->in);
        const char *nul = memrchr(data + from, '\0', size - 1 - from);

        if (nul)
                start = (size_t) (nul - data) + 1;
        else if (old_size > 0)
                return -EPROTO;
        if (conn->n_in_fds == INPUT_FDS_MAX)
                return -EPROTO;
        conn->in_fds[conn->n_in_fds++] = (FdsAt){
                .start = conn->in_position + start,
                .fds = *fds,
        };
        *fds = (VarlinkFds){};
        return 0;
}

static int conn_read(VarlinkConn *conn, uint64_t now_usec) {
        _cleanup_(varlink_fds_done) VarlinkFds fds = {};
        size_t old_size = buf_size(&conn->in), want;
        ssize_t n;
        void *p;
        int r;

        /* Small first: most connections wait for a short call or for nothing at all. */
        want = MIN(MAX(old_size, (size_t) READ_MIN), (size_t) READ_MAX);
        p = buf_reserve(&conn->in, MIN(want, conn->in.max - old_size));
        if (!p)
                return -errno;
        n = conn_socket_read(conn->fd, p, MIN(want, conn->in.max - old_size), conn->limits.fds_max,
                             &fds);
        if (n == -EAGAIN)
                return 0;
        if (n < 0)
                return (int) n;
        if (n == 0) {
                conn->is_hung_up = conn->is_at_end = true;
                return 0;
        }
        buf_commit(&conn->in, (size_t) n);
        conn->read_usec = conn->active_usec = now_usec;
        if (fds.n > 0) {
                r = conn_attach_fds(conn, old_size, &fds);
                if (r < 0)
                        return r;
        }
        r = conn_scan(conn);
        if (r < 0)
                return r;
        if (!conn->has_message && conn->partial_since_usec == 0)
                conn->partial_since_usec = now_usec;
        else if (conn->has_message)
                conn->partial_since_usec = 0;
        return 0;
}

/* How many bytes may go in the next write: a message with descriptors goes alone. */
static size_t conn_next_write(VarlinkConn *conn, FdsAt **ret_fds) {
        size_t size = buf_size(&conn->out);
        FdsAt *next = conn->n_out_fds > 0 ? conn->out_fds : NULL;

        *ret_fds = NULL;
        if (!next)
                return size;
        if (next->start > conn->out_position)
                return (size_t) (next->start - conn->out_position);
        *ret_fds = next;
        return (size_t) (next->end - conn->out_position);
}

/* The first byte of a message is gone, and its descriptors with it. */
static void conn_forget_out_fds(VarlinkConn *conn) {
        varlink_fds_done(&conn->out_fds[0].fds);
        conn->n_out_fds--;
        memmove(conn->out_fds, conn->out_fds + 1, conn->n_out_fds * sizeof(FdsAt));
}

static int conn_write(VarlinkConn *conn, uint64_t now_usec) {
        while (buf_size(&conn->out) > 0) {
                FdsAt *at;
                size_t size = conn_next_write(conn, &at);
                ssize_t n = conn_socket_write(conn->fd, buf_data(&conn->out), size,
                                              at ? &at->fds : NULL);

                if (n == -EAGAIN) {
                        if (conn->stalled_since_usec == 0)
                                conn->stalled_since_usec = now_usec;
                        return 0;
                }
                if (n == -EPIPE) {
                        conn->is_hung_up = conn->is_gone = conn->is_broken = true;
                        conn_drop_output(conn);
                        return 0;
                }
                if (n < 0)
                        return (int) n;
                if (at)
                        conn_forget_out_fds(conn);
                buf_consume(&conn->out, (size_t) n);
                conn->out_position += (uint64_t) n;
                conn->active_usec = now_usec;
                conn->stalled_since_usec = 0;
        }
        buf_shrink(&conn->out);
        return 0;
}

int varlink_conn_process(VarlinkConn *conn, int revents, uint64_t now_usec) {
        int r;

        if (revents & (POLLOUT | POLLHUP | POLLERR)) {
                r = conn_write(conn, now_usec);
                if (r < 0)
                        return r;
        }
        if (revents & (POLLRDHUP | POLLHUP | POLLERR))
                conn->is_hung_up = true;
        if (revents & (POLLHUP | POLLERR))
                conn->is_gone = true;
        if (revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR) && !conn->has_message &&
            !conn->is_at_end)
                return conn_read(conn, now_usec);
        return 0;
}

/* Removes the message that was just read, and moves its descriptors to fds. */
static int conn_consume_message(VarlinkConn *conn, VarlinkFds *fds) {
        size_t size = conn->scanned + 1;
        int r;

        if (conn->n_in_fds > 0 && conn->in_fds[0].start == conn->in_position) {
                *fds = conn->in_fds[0].fds;
                conn->in_fds[0] = conn->in_fds[1];
                conn->n_in_fds--;
        }
        buf_consume(&conn->in, size);
        buf_shrink(&conn->in);
        conn->in_position += size;
        conn->scanned = 0;
        conn->has_message = false;
        r = conn_scan(conn);
        if (r < 0)
                return r;
        if (!conn->has_message && buf_size(&conn->in) > 0)
                conn->partial_since_usec = conn->read_usec;
        return 0;
}

int varlink_conn_receive_call(VarlinkConn *conn, VarlinkCall *ret_call) {
        _cleanup_(varlink_call_done) VarlinkCall call = {};
        int r;

        if (!conn->has_message)
                return 0;
        r = varlink_call_parse(buf_data(&conn->in), conn->scanned, &call);
        if (r < 0)
                return r;
        r = conn_consume_message(conn, &call.fds);
        if (r < 0)
                return r;
        *ret_call = call;
        call = (VarlinkCall){};
        return 1;
}

int varlink_conn_receive_reply(VarlinkConn *conn, VarlinkReply *ret_reply) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        int r;

        if (!conn->has_message)
                return 0;
        r = varlink_reply_parse(buf_data(&conn->in), conn->scanned, &reply);
        if (r < 0)
                return r;
        r = conn_consume_message(conn, &reply.fds);
        if (r < 0)
                return r;
        *ret_reply = reply;
        reply = (VarlinkReply){};
        return 1;
}

/* Remembers that the next size bytes of output carry these descriptors. */
static int conn_queue_fds(VarlinkConn *conn, size_t size, VarlinkFds *fds) {
        uint64_t start = conn->out_position + buf_size(&conn->out);
        FdsAt *bigger = reallocarray(conn->out_fds, conn->n_out_fds + 1, sizeof(FdsAt));

        if (!bigger)
                return -ENOMEM;
        conn->out_fds = bigger;
        bigger[conn->n_out_fds] = (FdsAt){ .start = start, .end = start + size, .fds = *fds };
        return 0;
}

static int conn_queue(VarlinkConn *conn, const char *text, VarlinkFds *fds) {
        size_t size = strlen(text) + 1;
        int r;

        if (fds && fds->n > 0) {
                r = conn_queue_fds(conn, size, fds);
                if (r < 0)
                        return r;
        }
        r = buf_append(&conn->out, text, size);
        if (r < 0)
                return r;
        /* Only now: until here the caller owns them. */
        if (fds && fds->n > 0) {
                conn->n_out_fds++;
                *fds = (VarlinkFds){};
        }
        return 0;
}

static int conn_send_text(VarlinkConn *conn, const char *text, VarlinkFds *fds) {
        int r;

        if (conn->is_broken) {
                if (fds)
                        varlink_fds_done(fds);
                return 0;
        }
        r = conn_queue(conn, text, fds);
        if (r < 0)
                return r;
        return conn_write(conn, clock_monotonic_usec());
}

int varlink_conn_send(VarlinkConn *conn, json_t *message, VarlinkFds *fds) {
        _cleanup_free_ char *text = NULL;

        if (!message)
                return -ENOMEM;
        text = wire_json_text(message);
        json_decref(message);
        return text ? conn_send_text(conn, text, fds) : -ENOMEM;
}

int varlink_conn_send_text(VarlinkConn *conn, const char *text) {
        return conn_send_text(conn, text, NULL);
}

int varlink_conn_wait(VarlinkConn *conn, uint64_t deadline_usec) {
        struct pollfd p = { .fd = conn->fd, .events = (short) varlink_conn_get_events(conn) };
        uint64_t now_usec = clock_monotonic_usec(), left;
        struct timespec timeout;
        int r;

        left = deadline_usec > now_usec ? deadline_usec - now_usec : 0;
        timeout = (struct timespec){
                .tv_sec = (time_t) (left / USEC_PER_SEC),
                .tv_nsec = (long) (left % USEC_PER_SEC * NSEC_PER_USEC),
        };
        r = ppoll(&p, 1, deadline_usec == UINT64_MAX ? NULL : &timeout, NULL);
        if (r < 0)
                return -errno;
        if (r == 0)
                return 0;
        r = varlink_conn_process(conn, p.revents, clock_monotonic_usec());
        return r < 0 ? r : 1;
}

bool varlink_conn_has_message(const VarlinkConn *conn) {
        return conn->has_message;
}

size_t varlink_conn_message_bytes(const VarlinkConn *conn) {
        return conn->has_message ? conn->scanned : 0;
}

bool varlink_conn_is_closed(const VarlinkConn *conn) {
        return conn->is_hung_up;
}

bool varlink_conn_is_gone(const VarlinkConn *conn) {
        return conn->is_gone;
}

bool varlink_conn_is_finished(const VarlinkConn *conn) {
        return conn->is_at_end && !conn->has_message;
}

size_t varlink_conn_output_bytes(const VarlinkConn *conn) {
        return buf_size(&conn->out);
}

bool varlink_conn_output_is_high(const VarlinkConn *conn) {
        return buf_size(&conn->out) > conn->limits.output_high_bytes;
}

size_t varlink_conn_buffered_bytes(const VarlinkConn *conn) {
        return conn->in.allocated + conn->out.allocated;
}

uint64_t varlink_conn_moved_bytes(const VarlinkConn *conn) {
        return conn->in_position + buf_size(&conn->in) + conn->out_position + buf_size(&conn->out);
}

uint64_t varlink_conn_partial_since_usec(const VarlinkConn *conn) {
        return conn->partial_since_usec;
}

uint64_t varlink_conn_active_usec(const VarlinkConn *conn) {
        return conn->active_usec;
}

uint64_t varlink_conn_stalled_since_usec(const VarlinkConn *conn) {
        return conn->stalled_since_usec;
}

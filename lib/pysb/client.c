/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pysb/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "wire/message.h"

_public_ int pysb_client_new_from_fd(PysbClient **ret_client, int fd) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        VarlinkConnLimits limits = varlink_client_limits;
        int r;

        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        client->daemon_pidfd = client->sibling_fd = -EBADF;
        /* What the daemon would refuse anyway: with this the caller gets an error that says so,
         * not a closed connection. The NUL comes on top. */
        limits.output_max_bytes = VARLINK_MESSAGE_MAX_BYTES + 1;
        r = varlink_conn_new(fd, &limits, clock_monotonic_usec(), &client->conn);
        if (r < 0)
                return r;
        *ret_client = TAKE_PTR(client);
        return 0;
}

static int connect_unix(const char *path, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t size = strlen(path);
        int r;

        if (size == 0 || size >= sizeof(address.sun_path))
                return -EINVAL;
        memcpy(address.sun_path, path, size);
        if (path[0] == '@') /* an abstract address, as systemd writes it */
                address.sun_path[0] = '\0';
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        /* What the caller prints where it has closed its output is no call. */
        fd = fd_above_standard(fd);
        if (fd < 0)
                return fd;
        do
                r = connect(fd, (const struct sockaddr *) &address,
                            (socklen_t) (offsetof(struct sockaddr_un, sun_path) + size));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

_public_ int pysb_client_new(PysbClient **ret_client, const char *address) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!address)
                address = PYSB_DEFAULT_ADDRESS;
        if (strncmp(address, "unix:", 5) != 0)
                return -EINVAL;
        r = connect_unix(address + 5, &fd);
        if (r < 0)
                return r;
        r = pysb_client_new_from_fd(&client, fd);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        client->address = strdup(address);
        if (!client->address)
                return -ENOMEM;
        *ret_client = TAKE_PTR(client);
        return 0;
}

_public_ int pysb_client_new_embedded(PysbClient **ret_client) {
        int fds[EMBEDDED_SOCKETS], pidfd, r;
        pid_t pid;

        r = embedded_spawn(&pid, &pidfd, fds);
        if (r < 0)
                return r;
        r = pysb_client_new_from_fd(ret_client, fds[0]);
        if (r < 0) {
                fd_close(fds[0]);
                fd_close(fds[1]);
                embedded_reap(pid, pidfd);
                return r;
        }
        (*ret_client)->daemon_pid = pid;
        (*ret_client)->daemon_pidfd = pidfd;
        (*ret_client)->sibling_fd = fds[1];
        return 0;
}

_public_ int pysb_client_new_sibling(PysbClient *client, PysbClient **ret_sibling) {
        int fd, r;

        if (client->address)
                return pysb_client_new(ret_sibling, client->address);
        if (client->sibling_fd < 0)
                return -EOPNOTSUPP;
        if (client->has_sibling)
                return -EMFILE;
        /* A copy: freeing the client ends the daemon, whatever became of the sibling. */
        fd = fcntl(client->sibling_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        r = pysb_client_new_from_fd(ret_sibling, fd);
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        client->has_sibling = true;
        return 0;
}

static void client_clear_error(PysbClient *client) {
        free(client->error);
        free(client->error_name);
        free(client->error_json);
        client->error = client->error_name = client->error_json = NULL;
}

_public_ PysbClient *pysb_client_free(PysbClient *client) {
        if (!client)
                return NULL;
        varlink_conn_free(client->conn);
        if (client->sibling_fd >= 0) {
                (void) shutdown(client->sibling_fd, SHUT_RDWR);
                fd_close(client->sibling_fd);
        }
        if (client->daemon_pid > 0)
                embedded_reap(client->daemon_pid, client->daemon_pidfd);
        client_clear_error(client);
        free(client->address);
        free(client->tenant);
        free(client);
        return NULL;
}

_public_ const char *pysb_client_get_error(const PysbClient *client) {
        return client->error;
}

_public_ const char *pysb_client_get_error_name(const PysbClient *client) {
        return client->error_name;
}

_public_ const char *pysb_client_get_error_json(const PysbClient *client) {
        return client->error_json;
}

_public_ int pysb_client_get_fd(const PysbClient *client) {
        return client->conn ? varlink_conn_get_fd(client->conn) : -EBADF;
}

_public_ int pysb_client_get_events(const PysbClient *client) {
        return client->conn ? varlink_conn_get_events(client->conn) & (POLLIN | POLLOUT) : 0;
}

_public_ int pysb_client_process(PysbClient *client) {
        client_turn(client, 0);
        return client->busy ? 1 : 0;
}

int client_set_error(PysbClient *client, int error, const char *sentence) {
        client_clear_error(client);
        client->error = strdup(sentence);
        return error;
}

/* Ends the call in progress, if there is one, without a reply. */
static void client_finish(PysbClient *client, int error) {
        if (!client->busy)
                return;
        client->busy = false;
        client->handler(client, NULL, error, client->handler_data);
}

void client_fail(PysbClient *client, int error) {
        client->conn = varlink_conn_free(client->conn);
        if (error == -ECONNRESET)
                client_set_error(client, error,
                                 "The daemon closed the connection before it answered.");
        else if (error == -EBADMSG)
                client_set_error(client, error, "The daemon sent what is no answer to this call.");
        else
                client_set_error(client, error, "The connection to the daemon failed.");
        client_finish(client, error);
}

int client_call(PysbClient *client,
                const char *method,
                json_t *parameters,
                VarlinkFds *fds,
                bool more,
                ReplyHandler handler,
                void *userdata) {
        int r;

        if (client->busy || !client->conn) {
                json_decref(parameters);
                return client->busy ? -EBUSY
                                    : client_set_error(client, -ENOTCONN,
                                                       "The connection to the daemon is closed.");
        }
        client_clear_error(client);
        r = varlink_conn_send(client->conn, varlink_call_new(method, parameters, more, false), fds);
        if (r == -ENOBUFS) {
                client_set_error(client, r, "The request is larger than a message may be (4 MiB).");
                return -EMSGSIZE;
        }
        if (r < 0)
                return r;
        client->busy = true;
        client->more = more;
        client->handler = handler;
        client->handler_data = userdata;
        return 0;
}

/* The daemon's refusal: kept for the three getters. */
static int client_refuse(PysbClient *client, const VarlinkReply *reply) {
        client_clear_error(client);
        client->error = error_describe(reply->error, reply->parameters);
        client->error_name = strdup(reply->error);
        client->error_json = wire_json_text(reply->parameters);
        if (!client->error || !client->error_name || !client->error_json)
                return -ENOMEM;
        return -EREMOTEIO;
}

static void client_dispatch(PysbClient *client, VarlinkReply *reply) {
        if (reply->error)
                return client_finish(client, client_refuse(client, reply));
        if (reply->continues && !client->more)
                return client_fail(client, -EBADMSG);
        client->busy = reply->continues;
        client->handler(client, reply, 0, client->handler_data);
}

void client_turn(PysbClient *client, uint64_t deadline_usec) {
        int r;

        if (!client->conn)
                return;
        /* Nothing to wait for: reading and writing do not block either. */
        if (deadline_usec == 0)
                r = varlink_conn_process(client->conn, POLLIN | POLLOUT, clock_monotonic_usec());
        else
                r = varlink_conn_wait(client->conn, deadline_usec);
        if (r == -EINTR)
                return;
        if (r < 0)
                return client_fail(client, r == -EPROTO || r == -EMSGSIZE ? -EBADMSG : r);
        /* The handler may have dropped the connection, or begun the next call */
        while (client->busy && client->conn) {
                _cleanup_(varlink_reply_done) VarlinkReply reply = {};

                r = varlink_conn_receive_reply(client->conn, &reply);
                if (r == 0)
                        break;
                if (r < 0)
                        return client_fail(client, r == -ENOMEM ? r : -EBADMSG);
                client_dispatch(client, &reply);
        }
        if (!client->conn)
                return;
        if (varlink_conn_has_message(client->conn)) /* nobody asked for it */
                return client_fail(client, -EBADMSG);
        if (!varlink_conn_is_closed(client->conn))
                return;
        if (client->busy)
                client_fail(client, -ECONNRESET);
        else /* what the last call was told stays */
                client->conn = varlink_conn_free(client->conn);
}

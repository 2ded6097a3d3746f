/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "conn-fixture.h"

static size_t count_open(void) {
        _cleanup_(closedirp) DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        return n;
}

static void open_conn(Fixture *f, const VarlinkConnLimits *limits) {
        int fds[2];

        f->n_open = count_open();
        assert_int_equal(fd_socketpair(fds, SOCK_STREAM), 0);
        assert_int_equal(varlink_conn_new(fds[0], limits, 1, &f->conn), 0);
        f->peer = fds[1];
}

int conn_setup(void **state) {
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        open_conn(f, &varlink_server_limits);
        *state = f;
        return 0;
}

int conn_teardown(void **state) {
        Fixture *f = *state;

        varlink_conn_free(f->conn);
        fd_close(f->peer);
        assert_int_equal(count_open(), f->n_open);
        free(f);
        return 0;
}

void conn_reopen(Fixture *f, const VarlinkConnLimits *limits) {
        varlink_conn_free(f->conn);
        fd_close(f->peer);
        assert_int_equal(count_open(), f->n_open);
        open_conn(f, limits);
}

void conn_put(Fixture *f, const void *data, size_t size) {
        assert_int_equal(send(f->peer, data, size, MSG_NOSIGNAL), size);
}

void conn_put_message(Fixture *f, const char *text) {
        conn_put(f, text, strlen(text) + 1);
}

int conn_pump(Fixture *f, uint64_t now_usec) {
        for (;;) {
                struct pollfd p = {
                        .fd = varlink_conn_get_fd(f->conn),
                        .events = (short) varlink_conn_get_events(f->conn),
                };
                int r;

                if (poll(&p, 1, 0) == 0)
                        return 0;
                r = varlink_conn_process(f->conn, p.revents, now_usec);
                if (r < 0)
                        return r;
                /* The kernel repeats POLLHUP for ever. */
                if (varlink_conn_is_closed(f->conn) &&
                    (varlink_conn_has_message(f->conn) || varlink_conn_is_finished(f->conn)))
                        return 0;
        }
}

void conn_expect_call(Fixture *f, const char *method, size_t n_fds) {
        _cleanup_(varlink_call_done) VarlinkCall call = {};

        assert_int_equal(conn_pump(f, 1), 0);
        assert_int_equal(varlink_conn_receive_call(f->conn, &call), 1);
        assert_string_equal(call.method, method);
        assert_int_equal(call.fds.n, n_fds);
        for (size_t i = 0; i < n_fds; i++)
                assert_true(fcntl(call.fds.fds[i], F_GETFD) & FD_CLOEXEC);
}

void conn_expect_no_call(Fixture *f) {
        VarlinkCall call;

        assert_int_equal(conn_pump(f, 1), 0);
        assert_int_equal(varlink_conn_receive_call(f->conn, &call), 0);
}

size_t conn_send_until_stalled(Fixture *f) {
        char text[4096];
        size_t n = 0;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        while (varlink_conn_output_bytes(f->conn) == 0) {
                assert_int_equal(varlink_conn_send(f->conn, json_pack("{s:s}", "x", text), NULL),
                                 0);
                n++;
        }
        return n;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of a connection share. */

#include "wire/conn.h"

/* A connection and the other end of its socket, which the test writes to as a client would. */
typedef struct Fixture {
        VarlinkConn *conn;
        int peer;
        size_t n_open;
} Fixture;

int conn_setup(void **state);
/* Whatever a test did, every descriptor is gone with the connection. */
int conn_teardown(void **state);
void conn_reopen(Fixture *f, const VarlinkConnLimits *limits);
void conn_put(Fixture *f, const void *data, size_t size);
/* The string and its NUL. */
void conn_put_message(Fixture *f, const char *text);
/* Polls and processes as an owner does, until there is nothing to do. */
int conn_pump(Fixture *f, uint64_t now_usec);
void conn_expect_call(Fixture *f, const char *method, size_t n_fds);
void conn_expect_no_call(Fixture *f);
/* Fills the socket until output stays in the connection. */
size_t conn_send_until_stalled(Fixture *f);

#define conn_test(test) cmocka_unit_test_setup_teardown(test, conn_setup, conn_teardown)

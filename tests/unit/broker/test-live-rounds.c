/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop's time is shared between tenants: who calls without end is answered in parts. So is the room for
 * messages. Only root can be several users. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/buf.h"
#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "broker/request.h"
#include "broker/server.h"
#include "harness.h"
#include "proto/link.h"

#define CALL "{\"method\":\"io.pysb.sandbox.WhoAmI\"}"
#define CALLS 200

enum {
        HOSTILE = 12345,
        GOOD = 54321
};

static Harness *harness;
static Client *hostile, *good;

static int setup(void **state) {
        if (geteuid() != 0)
                return 0;
        harness = harness_new(&(HarnessOptions){ .slots = 2 });
        hostile = client_new(harness, HOSTILE);
        good = client_new(harness, GOOD);
        return 0;
}

static void begin_round(Harness *h) {
        assert_int_equal(sd_event_source_set_enabled(h->broker->server->rounder, SD_EVENT_ONESHOT),
                         0);
}

static int teardown(void **state) {
        if (geteuid() != 0)
                return 0;
        begin_round(harness); /* also where a test has failed */
        client_free(hostile);
        client_free(good);
        harness_free(harness);
        return 0;
}

static void need_root(void) {
        if (geteuid() == 0)
                return;
        print_message("skipped: only root can be two users\n");
        skip();
}

/* Calls without waiting for an answer; nobody has looked at them yet. */
static void flood(const Client *c, size_t n) {
        for (size_t i = 0; i < n; i++)
                assert_int_equal(send(varlink_conn_get_fd(c->conn), CALL, sizeof(CALL), 0),
                                 sizeof(CALL));
}

static size_t count_replies(Client *c) {
        VarlinkReply reply = {};
        size_t n = 0;

        while (client_try_reply(c, &reply) > 0) {
                assert_null(reply.error);
                varlink_reply_done(&reply);
                n++;
        }
        return n;
}

static bool is_held(const Harness *h) {
        return !list_is_empty(&h->broker->server->held);
}

/* Until somebody is held, or nothing is left to do: whether somebody is. Then no round begins. */
static bool run_until_held(Harness *h) {
        while (!is_held(h) && sd_event_run(h->event, 0) > 0)
                ;
        if (is_held(h))
                assert_int_equal(
                        sd_event_source_set_enabled(h->broker->server->rounder, SD_EVENT_OFF), 0);
        return is_held(h);
}

/* Beside somebody's job a flood is held, and the others are answered meanwhile. */
static void test_held(void **state) {
        BuilderReport ended = { .kind = BUILDER_ENDED, .facts.has_record = 1 };
        Box box;
        char byte;

        need_root();
        client_call(good, "Run", "{\"request\":{\"code\":\"1\"}}", false);
        box = builder_start(harness);
        builder_started(&box);
        ended.box = box.request.box;
        flood(hostile, CALLS);
        assert_true(run_until_held(harness));
        assert_true(tenants_find(&harness->broker->tenants, "uid:12345")->round_bytes <
                    2 * ROUND_BYTES_MAX);

        /* The end of the other one's job, and its answer, wait for no round. */
        assert_int_equal(recv(varlink_conn_get_fd(good->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT),
                         -1);
        assert_int_equal(link_send(harness->builder, &ended, sizeof(ended), NULL, 0), 0);
        while (recv(varlink_conn_get_fd(good->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0) {
                assert_true(is_held(harness));
                assert_int_equal(sd_event_run(harness->event, 0), 1);
        }
        begin_round(harness);
        json_decref(client_reply(good));
        assert_int_equal(count_replies(hostile), CALLS);
        FOREACH_ARRAY(fd, box.fds, BUILDER_START_FDS)
                fd_close(*fd);
}

/* How many of a flood's calls are answered before the loop has nothing to do for once. */
static size_t count_without_waiting(void) {
        while (sd_event_run(harness->event, 0) > 0)
                ;
        return count_replies(hostile);
}

/* Who is alone waits for nobody, and nor does who has the only jobs. */
static void test_alone(void **state) {
        Box box;

        need_root();
        flood(hostile, CALLS);
        assert_int_equal(count_without_waiting(), CALLS);
        client_call(hostile, "Submit", "{\"request\":{\"code\":\"1\"}}", false);
        json_decref(client_reply(hostile));
        box = builder_start(harness);
        flood(hostile, CALLS);
        assert_int_equal(count_without_waiting(), CALLS);
        builder_exited(&box, 0);
}

/* Those that the client has not read; the loop does not run. */
static size_t count_waiting_replies(const Client *c) {
        static char bytes[256 * KIB];
        ssize_t size =
                recv(varlink_conn_get_fd(c->conn), bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
        size_t n = 0;

        for (ssize_t i = 0; i < size; i++)
                n += bytes[i] == '\0';
        return n;
}

/* Calls, and nobody has looked at it yet. */
static void send_fd(Client *c, const char *method, const char *parameters, int fd) {
        VarlinkFds fds = { .fds = { dup(fd) }, .n = 1 };
        json_t *call = varlink_call_new(method, json_loads(parameters, 0, NULL), false, false);

        assert_int_equal(varlink_conn_send(c->conn, call, &fds), 0);
}

/* Nobody has a job: who calls for the first time waits for a part of a flood, and from then on it is held. */
static void test_newcomer(void **state) {
        need_root();
        flood(hostile, CALLS);
        flood(good, 1);
        while (count_waiting_replies(good) == 0)
                assert_int_equal(sd_event_run(harness->event, 0), 1);
        assert_in_range(count_waiting_replies(hostile), 1,
                        2 * ROUND_BYTES_MAX / ROUND_BYTES_PER_CALL);
        assert_true(run_until_held(harness));
        assert_true(harness->broker->server->round < harness->broker->server->company_until_round);
        begin_round(harness);
}

/* Calls with a file of 16 MiB, 64 times over, as a descriptor: nothing of it is copied. */
static void test_files_measured(void **state) {
        static const char begin[] = "{\"request\":{\"code\":\"1\",\"files\":[{\"path\":\"a\"}";
        _cleanup_close_ int fd = memfd_create("file", MFD_CLOEXEC);
        _cleanup_(buf_done) Buf call = BUF_INIT(0);
        json_t *reply;

        need_root();
        assert_int_equal(ftruncate(fd, BLOB_BYTES_MAX), 0);
        assert_int_equal(buf_append(&call, begin, strlen(begin)), 0);
        for (unsigned i = 1; i < REQUEST_FILES_MAX; i++) {
                char file[64];
                int n = snprintf(file, sizeof(file), ",{\"path\":\"f%u\",\"fileDescriptor\":0}", i);

                assert_int_equal(buf_append(&call, file, (size_t) n), 0);
        }
        assert_int_equal(buf_append(&call, "]}}", 4), 0);
        json_decref(client_ask(good, "WhoAmI", "{}"));
        send_fd(hostile, "io.pysb.sandbox.Run", buf_data(&call), fd);
        assert_false(run_until_held(harness));
        reply = client_reply(hostile);
        assert_string_equal(reply_string(reply, "result.outcome"), "rejected");
        json_decref(reply);
}

/* What cannot be done in parts is owed, until others have had as much of the time. */
static void test_debt(void **state) {
        const uint64_t rounds = ROUND_BYTES_PER_BYTE * (uint64_t) MIB / ROUND_BYTES_MAX;
        _cleanup_close_ int fd = memfd_create("blob", MFD_CLOEXEC);
        uint64_t round;

        need_root();
        assert_int_equal(ftruncate(fd, MIB), 0);
        json_decref(client_ask(good, "WhoAmI", "{}"));
        send_fd(hostile, "io.pysb.sandbox.PutBlob", "{\"fileDescriptor\":0}", fd);
        assert_true(run_until_held(harness));
        round = harness->broker->server->round;
        begin_round(harness);
        json_decref(client_reply(hostile));
        json_decref(client_ask(hostile, "WhoAmI", "{}"));
        assert_true(harness->broker->server->round - round >= rounds);

        /* What does not fit is refused before anything of it is read. */
        harness->broker->default_policy.maximum[QUOTA_BLOB_BYTES] = MIB;
        assert_int_equal(ftruncate(fd, BLOB_BYTES_MAX), 0);
        send_fd(hostile, "io.pysb.sandbox.PutBlob", "{\"fileDescriptor\":0}", fd);
        assert_false(run_until_held(harness));
        json_decref(client_error(hostile, "QuotaExceeded"));
}

/* A message is parsed in one piece: that counts for more than its bytes. */
static void test_large_message(void **state) {
        static const char begin[] = "{\"method\":\"io.pysb.sandbox.WhoAmI\",\"x\":\"";
        static char call[160 * KIB];

        need_root();
        memset(call, 'x', sizeof(call));
        memcpy(call, begin, strlen(begin));
        memcpy(call + sizeof(call) - 3, "\"}", 3);
        json_decref(client_ask(good, "WhoAmI", "{}"));
        assert_int_equal(send(varlink_conn_get_fd(hostile->conn), call, sizeof(call), 0),
                         sizeof(call));
        assert_true(run_until_held(harness));
        begin_round(harness);
        json_decref(client_reply(hostile));
}

/* Who fills the buffers of all pays for it, and not who comes next. */
static void test_buffers_full(void **state) {
        Tenants *tenants = harness ? &harness->broker->tenants : NULL;
        static char junk[64 * KIB];
        Client *others[2];
        size_t n_closed = 0;

        need_root();
        tenants->maximum[QUOTA_BUFFERED_BYTES] = sizeof(junk) * (1 + ELEMENTSOF(others)) + 8 * KIB;
        memset(junk, ' ', sizeof(junk));
        FOREACH_ARRAY(c, others, ELEMENTSOF(others)) {
                *c = client_new(harness, HOSTILE);
                client_send_raw(*c, junk, sizeof(junk));
        }
        client_send_raw(hostile, junk, sizeof(junk));
        client_send_raw(good, junk, 20000);
        FOREACH_ARRAY(c, others, ELEMENTSOF(others)) {
                n_closed += client_is_closed(*c);
                client_free(*c);
        }
        assert_int_equal(n_closed + client_is_closed(hostile), 1);
        assert_false(client_is_closed(good));
        assert_true(tenants_fit(tenants, QUOTA_BUFFERED_BYTES, 0));
}

/* A held client that goes away is gone with the next round. */
static void test_gone(void **state) {
        Box box;

        need_root();
        client_call(good, "Submit", "{\"request\":{\"code\":\"1\"}}", false);
        json_decref(client_reply(good));
        box = builder_start(harness);
        flood(hostile, CALLS);
        assert_true(run_until_held(harness));
        begin_round(harness);
        client_free(hostile);
        assert_false(is_held(harness));
        assert_null(tenants_find(&harness->broker->tenants, "uid:12345"));
        hostile = client_new(harness, HOSTILE);
        builder_exited(&box, 0);
}

/* What nobody hears the answer of is not done, unless nobody wanted to: no debt stays behind. */
static void test_gone_calls(void **state) {
        static const char oneway[] =
                "{\"method\":\"io.pysb.sandbox.Submit\",\"oneway\":true,\"parameters\":"
                "{\"request\":{\"code\":\"1\",\"detach\":true}}}";
        const uint64_t rounds = ROUND_BYTES_PER_BYTE * (uint64_t) MIB / ROUND_BYTES_MAX;
        _cleanup_close_ int fd = memfd_create("blob", MFD_CLOEXEC);
        uint64_t round;
        Box box;

        need_root();
        assert_int_equal(ftruncate(fd, MIB), 0);
        json_decref(client_ask(good, "WhoAmI", "{}"));
        for (unsigned i = 0; i < 3; i++)
                send_fd(hostile, "io.pysb.sandbox.PutBlob", "{\"fileDescriptor\":0}", fd);
        assert_int_equal(send(varlink_conn_get_fd(hostile->conn), oneway, sizeof(oneway), 0),
                         sizeof(oneway));
        /* The first one makes a debt, and the others wait for the end of it. */
        assert_true(run_until_held(harness));
        round = harness->broker->server->round;
        varlink_conn_free(TAKE_PTR(hostile->conn));
        begin_round(harness);
        box = builder_start(harness);
        assert_in_range(harness->broker->server->round - round, rounds, 2 * rounds - 1);
        client_free(hostile);
        hostile = client_new(harness, HOSTILE);
        builder_exited(&box, 0);
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                LIVE(test_held),           LIVE(test_alone),        LIVE(test_newcomer),
                LIVE(test_files_measured), LIVE(test_debt),         LIVE(test_large_message),
                LIVE(test_gone),           LIVE(test_buffers_full), LIVE(test_gone_calls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

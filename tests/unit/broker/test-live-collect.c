/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Init is the test, and says nothing: nobody else waits for it, and who cancels gets the job back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "harness.h"
#include "proto/files-wire.h"

#define COLLECTED                                                                                     \
        "{\"request\":{\"code\":\"pass\",\"labels\":{\"l\":\"c\"},\"collect\":[{\"pattern\":\"*\"}]," \
        "\"limits\":{\"collectFiles\":9,\"collectBytes\":1000}}}"

/* A job of somebody else comes, runs and ends. */
static void run_another(Harness *h) {
        Client *c = client_new(h, geteuid());
        json_t *r;
        Box box;

        client_call(c, "Run", "{\"request\":{\"code\":\"pass\"}}", false);
        box = builder_start(h);
        builder_started(&box);
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        client_free(c);
}

static void cancel(Harness *h, const char *job, const char *grace) {
        Client *c = client_new(h, geteuid());
        char call[128];

        (void) snprintf(call, sizeof(call), "{\"job\":\"%s\"%s}", job, grace);
        json_decref(client_ask(c, "Cancel", call));
        client_free(c);
}

static void check_silent_init(Harness *h, const char *grace) {
        Client *c = client_new(h, geteuid());
        VarlinkReply none = {};
        char packet[sizeof(FilesAsk) + 2], call[128];
        const FilesAsk *ask = (const FilesAsk *) (const void *) packet;
        json_t *job, *r;
        Box box;

        job = client_ask(c, "Submit", COLLECTED);
        (void) snprintf(call, sizeof(call), "{\"job\":\"%s\"}", reply_string(job, "job"));
        box = builder_start(h);
        builder_started(&box);
        client_call(c, "Wait", call, false);
        builder_exited(&box, 0);
        assert_int_equal(recv(box.fds[BOX_FILES], packet, sizeof(packet), 0), sizeof(packet));
        assert_int_equal(ask->verb, FILES_LIST);
        run_another(h);
        assert_int_equal(client_try_reply(c, &none), 0);

        cancel(h, reply_string(job, "job"), grace);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        assert_string_equal(reply_string(r, "result.files.0.path"), ".");
        assert_string_equal(reply_string(r, "result.files.0.problem"), "lost");
        builder_expect_nothing(h); /* the job has ended by itself */
        assert_int_equal(recv(box.fds[BOX_FILES], packet, sizeof(packet), 0), 0);
        fd_close(box.fds[BOX_FILES]);
        json_decref(r);
        json_decref(job);
        client_free(c);
}

static void test_cancel(void **state) {
        check_silent_init(*state, "");
}

static void test_cancel_with_grace(void **state) {
        check_silent_init(*state, ",\"graceUSec\":1000000");
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LIVE(test_cancel),
                LIVE(test_cancel_with_grace),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

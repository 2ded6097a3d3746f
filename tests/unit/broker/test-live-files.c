/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of a session in a whole broker, before there is a box and without an init. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "session-harness.h"

static void open_waiting_session(Client *c, char ret_id[static ID_SIZE]) {
        json_t *r = client_ask(c, "OpenSession", "{}");

        (void) snprintf(ret_id, ID_SIZE, "%s", reply_string(r, "info.session"));
        json_decref(r);
}

/* Who asks before there is a box waits for it, and for no longer than the session is there. */
static void test_waiting(void **state) {
        Client *c = client_new(*state, geteuid()), *other = client_new(*state, geteuid());
        Profile *profile = ((Harness *) *state)->broker->store->profiles[0];
        VarlinkReply none = {};
        char id[ID_SIZE];
        Box jobs[2], box;
        json_t *r;

        for (size_t i = 0; i < 2; i++) {
                json_decref(client_ask(other, "Submit", "{\"request\":{\"code\":\"1\"}}"));
                jobs[i] = builder_start(*state);
        }
        open_waiting_session(other, id);
        call(c, "ListFiles", id, "");
        json_decref(client_error(c, "NotSupported"));
        profile->files = PROFILE_FILES_PRIVATE;
        call(c, "ListFiles", id, "");
        assert_int_equal(client_try_reply(c, &none), 0);
        call(other, "CloseSession", id, "");
        json_decref(client_reply(other));
        json_decref(client_error(c, "SessionNotFound"));

        open_waiting_session(other, id);
        call(c, "ReadFile", id, ",\"path\":\"a\"");
        assert_int_equal(client_try_reply(c, &none), 0);
        builder_exited(&jobs[0], 0);
        box = builder_start(*state); /* where the channel's other end is closed */
        builder_started(&box);
        assert_int_equal(client_try_reply(c, &none),
                         0); /* nor are the files of the request there */
        say_ready(&box);
        json_decref(client_error(c, "SessionLost"));
        call(c, "PutFiles", id, ",\"files\":[{\"path\":\"a\"},{\"path\":\"a/b\"}]");
        r = client_error(c, "InvalidRequest");
        assert_string_equal(reply_string(r, "field"), "files[1].path");
        json_decref(r);
        profile->files = PROFILE_FILES_NONE;
        builder_exited(&jobs[1], 0);
        builder_exited(&box, 0);
        client_free(c);
        client_free(other);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_waiting, harness_setup, harness_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

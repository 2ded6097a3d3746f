/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes into a job: the program and standard input. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/macro.h"
#include "harness.h"

/* A megabyte does not fit into the socket at once. */
static void test_large_source(void **state) {
        Client *c = client_new(*state, geteuid());
        size_t size = 1 * MIB, n = 0;
        char *text = malloc(size + 100), *got = malloc(2 * MIB);
        json_t *r;
        Box box;

        n = (size_t) snprintf(text, 100, "{\"request\":{\"code\":\"");
        memset(text + n, '#', size);
        memcpy(text + n + size, "\"}}", 4);
        client_call(c, "Run", text, false);
        for (int i = 0; i < 100; i++) {
                VarlinkReply none = {};

                assert_int_equal(client_try_reply(c, &none), 0);
        }
        box = builder_start(*state);
        builder_started(&box);
        assert_int_equal(fd_set_nonblock(box.fds[BOX_CHANNEL], true), 0);
        for (n = 0; n < size;) {
                ssize_t k = read(box.fds[BOX_CHANNEL], got + n, 2 * MIB - n);

                assert_true(k > 0 || errno == EAGAIN);
                n += k > 0 ? (size_t) k : 0;
                (void) harness_spin(*state);
        }
        builder_exited(&box, 0);
        r = client_reply(c);
        assert_string_equal(reply_string(r, "result.outcome"), "success");
        json_decref(r);
        client_free(c);
        free(text);
        free(got);
}

static void expect_stdin(Box *box, const char *expected) {
        char text[64] = "";

        assert_int_equal(read(box->fds[BOX_STDIN], text, sizeof(text) - 1), strlen(expected));
        assert_string_equal(text, expected);
        if (*expected)
                assert_int_equal(read(box->fds[BOX_STDIN], text, sizeof(text)), 0);
}

static void test_stdin(void **state) {
        static const char *const requests[][2] = {
                { "{\"request\":{\"code\":\"\"}}", "" },
                { "{\"request\":{\"code\":\"\",\"stdinText\":\"\"}}", "" },
                { "{\"request\":{\"code\":\"\",\"stdinText\":\"some\"}}", "some" },
                { "{\"request\":{\"code\":\"\",\"stdinData\":\"/wE=\"}}", "\xff\x01" },
        };
        Client *c = client_new(*state, geteuid());

        FOREACH_ARRAY(q, requests, ELEMENTSOF(requests)) {
                Box box;

                client_call(c, "Run", (*q)[0], false);
                box = builder_start(*state);
                expect_stdin(&box, (*q)[1]);
                builder_exited(&box, 0);
                json_decref(client_reply(c));
        }
        client_free(c);
}

#define RUN_FD "{\"request\":{\"code\":\"\",\"stdinFileDescriptor\":0}}"

static void test_stdin_descriptor(void **state) {
        Client *c = client_new(*state, geteuid());
        struct stat client, inside;
        int pipe_fds[2], copy;
        Box box;

        assert_int_equal(fd_pipe(pipe_fds, 0), 0);
        assert_int_equal(io_write_full(pipe_fds[1], "piped", 5), 0);
        fd_close(pipe_fds[1]);
        copy = fcntl(pipe_fds[0], F_DUPFD_CLOEXEC, 3);
        assert_int_equal(fstat(copy, &client), 0);
        client_call_fd(c, "Run", RUN_FD, pipe_fds[0]);
        box = builder_start(*state);
        (void) harness_spin(*state);
        /* The box has the end of another pipe. */
        assert_int_equal(fstat(box.fds[BOX_STDIN], &inside), 0);
        assert_true(S_ISFIFO(inside.st_mode) && inside.st_ino != client.st_ino);
        expect_stdin(&box, "piped");
        builder_exited(&box, 0);
        json_decref(client_reply(c));
        fd_close(copy);
        client_call_fd(c, "Run", RUN_FD, fd_new_sealed("stdin", "sealed", 6));
        box = builder_start(*state);
        expect_stdin(&box, "sealed");
        builder_exited(&box, 0);
        json_decref(client_reply(c));
        client_free(c);
}

/* Nothing that leads back to a file system, and nothing that could be changed under the job. */
static void test_stdin_descriptor_refused(void **state) {
        Client *c = client_new(*state, geteuid());
        char directory[] = "/tmp/pysb-test-XXXXXX";
        int pipe_fds[2], sockets[2], fds[7];
        _cleanup_close_ int place = -EBADF;

        assert_non_null(mkdtemp(directory));
        place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkfifoat(place, "fifo", 0600), 0);
        fds[6] = openat(place, "fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fds[6] >= 0);
        assert_int_equal(unlinkat(place, "fifo", 0), 0);
        assert_int_equal(rmdir(directory), 0);
        assert_int_equal(fd_pipe(pipe_fds, 0), 0);
        assert_int_equal(fd_socketpair(sockets, SOCK_STREAM), 0);
        fds[0] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        fds[1] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fds[2] = open("/", O_PATH | O_CLOEXEC);
        fds[3] = pipe_fds[1];
        fds[4] = sockets[0];
        fds[5] = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        fd_close(pipe_fds[0]);
        fd_close(sockets[1]);
        FOREACH_ARRAY(fd, fds, ELEMENTSOF(fds)) {
                json_t *p;

                client_call_fd(c, "Run", RUN_FD, *fd);
                p = client_error(c, "InvalidRequest");
                assert_string_equal(reply_string(p, "field"), "stdinFileDescriptor");
                json_decref(p);
        }
        client_call(c, "Run", RUN_FD, false); /* an index without a descriptor */
        json_decref(client_error(c, "InvalidRequest"));
        builder_expect_nothing(*state);
        client_free(c);
}

#define LIVE(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LIVE(test_large_source),
                LIVE(test_stdin),
                LIVE(test_stdin_descriptor),
                LIVE(test_stdin_descriptor_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macro.h"
#include "proto/link.h"

static void make_link(int ret_fds[2]) {
        assert_int_equal(fd_socketpair(ret_fds, SOCK_SEQPACKET), 0);
        assert_int_equal(fd_set_nonblock(ret_fds[0], true), 0);
}

static void test_messages_in_order_then_the_end(void **state) {
        char text[4];
        int fds[2];

        make_link(fds);
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), -EAGAIN);
        assert_int_equal(link_send(fds[1], "one", 4, NULL, 0), 0);
        assert_int_equal(link_send(fds[1], "two", 4, NULL, 0), 0);
        fd_close(fds[1]);
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), 1);
        assert_string_equal(text, "one");
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), 1);
        assert_string_equal(text, "two");
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), 0);
        fd_close(fds[0]);
}

/* As init does whose job ended by itself just when the builder told it to end it: its report, which
 * has the figures of the job, must not be lost. */
static void test_last_words_of_a_peer_that_did_not_listen(void **state) {
        char text[4];
        int fds[2];

        make_link(fds);
        assert_int_equal(link_send(fds[0], "s", 1, NULL, 0), 0);
        assert_int_equal(link_send(fds[1], "end", 4, NULL, 0), 0);
        fd_close(fds[1]);
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), 1);
        assert_string_equal(text, "end");
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), 0);
        fd_close(fds[0]);
}

static void test_wrong_sizes(void **state) {
        static const size_t sizes[] = { 1, 3, 5, 64 };
        char text[4];

        FOREACH_ARRAY(size, sizes, ELEMENTSOF(sizes)) {
                static const char message[64] = "";
                int fds[2];

                make_link(fds);
                assert_int_equal(link_send(fds[1], message, *size, NULL, 0), 0);
                assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), -EPROTO);
                fd_close(fds[0]);
                fd_close(fds[1]);
        }
}

/* Whoever sent them is not to blame; what was said is known. */
static void test_no_room_for_descriptors(void **state) {
        const int sent[] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO };
        struct rlimit limit, old;
        int fds[2], received[ELEMENTSOF(sent)];
        size_t n_fds = 0;

        make_link(fds);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        limit = old;
        for (size_t room = 0; room <= ELEMENTSOF(sent); room++) {
                char text[4] = "";

                assert_int_equal(link_send(fds[1], "one", 4, sent, ELEMENTSOF(sent)), 0);
                limit.rlim_cur = (rlim_t) fds[1] + 1 + room;
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
                assert_int_equal(link_receive(fds[0], text, sizeof(text), received,
                                              ELEMENTSOF(received), &n_fds),
                                 room < ELEMENTSOF(sent) ? -EMFILE : 1);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
                assert_string_equal(text, "one");
        }
        assert_int_equal(n_fds, ELEMENTSOF(sent));
        FOREACH_ARRAY(fd, received, n_fds)
                fd_close(*fd); /* and of the others none is left: there was room again */
        fd_close(fds[0]);
        fd_close(fds[1]);
}

static void test_too_many_descriptors(void **state) {
        const int sent[] = { STDIN_FILENO, STDIN_FILENO };
        int fds[2], received;
        char text[4];

        make_link(fds);
        assert_int_equal(link_send(fds[1], "one", 4, sent, ELEMENTSOF(sent)), 0);
        assert_int_equal(link_receive(fds[0], text, sizeof(text), &received, 1, NULL), -EPROTO);
        assert_int_equal(link_send(fds[1], "one", 4, sent, 1), 0);
        assert_int_equal(link_receive(fds[0], text, sizeof(text), NULL, 0, NULL), -EPROTO);
        fd_close(fds[0]);
        fd_close(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_messages_in_order_then_the_end),
                cmocka_unit_test(test_last_words_of_a_peer_that_did_not_listen),
                cmocka_unit_test(test_wrong_sizes),
                cmocka_unit_test(test_no_room_for_descriptors),
                cmocka_unit_test(test_too_many_descriptors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/macro.h"
#include "launch/trust.h"

static char directory[] = "/tmp/pysb-trust.XXXXXX";

static int make_directory(void **state) {
        return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
        return rmdir(directory);
}

static const char *path_of(const char *name) {
        static char path[64];

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        return path;
}

static void write_table(const char *name, const char *text, mode_t mode) {
        _cleanup_close_ int fd =
                open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(fchmod(fd, mode), 0);
}

/* R-R9: nobody's ids are those of the boxes. */
static void test_ids(void **state) {
        static const struct {
                const char *table, *text;
                int error;
        } rows[] = {
                { "passwd", "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n", 0 },
                { "passwd", "a:x:99999:5::/:\nb:x:100010:5::/:\n", 0 },
                { "passwd", "a:x:1:1::/:\nalice:x:100000:1000::/:/bin/sh\n", -EPERM },
                { "passwd", "alice:x:100009:1000::/:/bin/sh", -EPERM },
                { "passwd", "garbage\n\n:::::\n+:::\nx:y:z\n", 0 },
                { "group", "crew:x:100005:\n", -EPERM },
                { "group", "crew:x:10:100005\n", 0 },
                { "subuid", "alice:100009:65536\n", -EPERM },
                { "subuid", "alice:34464:65536\n", 0 },
                { "subuid", "alice:34465:65536\n", -EPERM },
                { "subuid", "alice:100010:65536\nbob:1:18446744073709551615\n", -EPERM },
                { "subgid", "100000:100001:1\n", -EPERM },
                { "subgid", "alice:5\n", 0 },
        };
        DaemonConfig config = { .ids_first = 100000, .ids_count = 10 };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                write_table(row->table, row->text, 0600);
                assert_int_equal(trust_check_ids(&config, directory), row->error);
                assert_int_equal(unlink(path_of(row->table)), 0);
        }
        assert_int_equal(trust_check_ids(&config, directory), 0);
}

/* R-R9: who can write a policy is the operator. */
static void test_files(void **state) {
        write_table("policy", "", 0644);
        assert_int_equal(trust_check_file(path_of("policy")), 0);
        write_table("policy", "", 0664);
        assert_int_equal(trust_check_file(path_of("policy")), -EPERM);
        write_table("policy", "", 0646);
        assert_int_equal(trust_check_file(path_of("policy")), -EPERM);
        assert_int_equal(unlink(path_of("policy")), 0);
        assert_int_equal(trust_check_file(path_of("policy")), -ENOENT);
        assert_int_equal(trust_check_file("/tmp"), -EPERM);
}

/* R-R9: a socket for everybody is for those whom the operator names. */
static void test_sockets(void **state) {
        DaemonConfig config = { .unknown_uid = UNKNOWN_UID_OWN };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of("socket"));
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(chmod(address.sun_path, 0660), 0);
        assert_int_equal(trust_check_socket(&config, fd), 0);
        assert_int_equal(chmod(address.sun_path, 0666), 0);
        assert_int_equal(trust_check_socket(&config, fd), -EPERM);
        config.unknown_uid = UNKNOWN_UID_DENY;
        assert_int_equal(trust_check_socket(&config, fd), 0);
        assert_int_equal(unlink(address.sun_path), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_sockets),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

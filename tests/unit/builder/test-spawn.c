/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How programs are started and ended: each call on the way fails once, and then there is no program. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "builder/spawn.h"
#include "builder/sys.h"

static const char *failing = ""; /* one of the calls below */
static int failing_errno;        /* 0: it returns 0 */

static bool fails(const char *call) {
        errno = failing_errno;
        return strcmp(failing, call) == 0;
}

/* A test's own function before that of a library, which fails when it is told to. */
#define FAILING(type, name, parameters, arguments, failure) \
        type __real_##name parameters;                      \
        type __wrap_##name parameters;                      \
        type __wrap_##name parameters {                     \
                if (fails(#name))                           \
                        return failure;                     \
                return __real_##name arguments;             \
        }
#define FAILURE (failing_errno != 0 ? -1 : 0)

FAILING(int, dup2, (int from, int to), (from, to), FAILURE)
FAILING(int, close_range, (unsigned a, unsigned b, int flags), (a, b, flags), FAILURE)
FAILING(int, setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s), FAILURE)
FAILING(int, setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s), FAILURE)
FAILING(cap_t, cap_init, (void), (), NULL)
FAILING(int, cap_set_proc, (cap_t caps), (caps), FAILURE)
FAILING(long, sys_clone3, (struct clone_args * args), (args), -failing_errno)
FAILING(ssize_t, sendfile64, (int to, int from, off_t *at, size_t n), (to, from, at, n), FAILURE)
FAILING(int, fchmod, (int fd, mode_t mode), (fd, mode), FAILURE)

int __wrap_setgroups(size_t n, const gid_t *groups);
int __real_prctl(int option, ...);
int __wrap_prctl(int option, unsigned long value, ...);
int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);

/* That needs a capability, which whoever runs the tests may not have. */
int __wrap_setgroups(size_t n, const gid_t *groups) {
        return fails("setgroups") ? -1 : 0;
}

int __wrap_prctl(int option, unsigned long value, ...) {
        return fails("prctl") ? -1 : __real_prctl(option, value, 0, 0, 0);
}

static unsigned n_memfds;

int __wrap_memfd_create(const char *name, unsigned flags) {
        if (fails("memfd_create") && n_memfds++ == 0)
                return -1;
        return __real_memfd_create(name, flags);
}

/* A program that says that it runs; what it has said is in text. Returns its status, or the error of starting it. */
static int run(char text[static 8]) {
        static const char *const argv[] = { "echo", "ran", NULL }, *const envp[] = { NULL };
        _cleanup_close_ int program_fd = open("/bin/echo", O_RDONLY | O_CLOEXEC);
        int said[2], pidfd, r;
        siginfo_t info = {};
        ssize_t n;

        assert_int_equal(pipe2(said, O_CLOEXEC), 0);
        r = spawn_program(
                &(Spawn){
                        .program_fd = program_fd,
                        .argv = argv,
                        .envp = envp,
                        .fds = (const int[]){ program_fd },
                        .n_fds = 1,
                        .stdout_fd = said[1],
                        .uid = getuid(),
                        .gid = getgid(),
                },
                &pidfd);
        close(said[1]);
        n = read(said[0], text, 7);
        assert_true(n >= 0);
        text[n] = '\0';
        close(said[0]);
        if (r < 0)
                return r;
        assert_int_equal(sys_reap_pidfd(pidfd, &info), 0);
        close(pidfd);
        return info.si_status;
}

static void test_program(void **state) {
        char text[8];

        assert_int_equal(run(text), 0);
        assert_string_equal(text, "ran\n");
}

static void test_no_program(void **state) {
        static const char *const calls[] = { "dup2",         "close_range", "setgroups",
                                             "setresgid",    "setresuid",   "cap_init",
                                             "cap_set_proc", "prctl" };
        char text[8];

        failing_errno = EPERM;
        FOREACH_ARRAY(call, calls, ELEMENTSOF(calls)) {
                failing = *call;
                assert_int_equal(run(text), 127);
                assert_string_equal(text, "");
        }
        failing = "sys_clone3";
        assert_int_equal(run(text), -EPERM);
        failing = "";
}

/* Neither for /dev/null nor for what the program is to have. */
static void test_no_room(void **state) {
        struct rlimit old, few;
        char text[8];
        int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

        close(first);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        /* There is some for what run() opens, and for the pidfd. */
        for (int room = 4; room < 6; room++) {
                few = (struct rlimit){ (rlim_t) (first + room), old.rlim_max };
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
                assert_int_equal(run(text), 127);
                assert_string_equal(text, "");
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        }
}

static void test_beside(void **state) {
        char name[5000];
        int fd;

        assert_int_equal(spawn_open_program("test-builder-spawn", &fd), 0);
        close(fd);
        assert_int_equal(spawn_open_program("pysb-nothing", &fd), -ENOENT);
        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(spawn_open_program(name, &fd), -ENAMETOOLONG);
}

static void test_copy(void **state) {
        _cleanup_close_ int program_fd = open("/bin/echo", O_RDONLY | O_CLOEXEC);
        int fd;

        failing = "memfd_create";
        failing_errno = EINVAL; /* an older kernel, without MFD_EXEC */
        assert_int_equal(spawn_copy_program(program_fd, &fd), 0);
        assert_int_equal(fcntl(fd, F_GET_SEALS),
                         F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
        close(fd);
        n_memfds = 0;
        failing_errno = EMFILE;
        assert_int_equal(spawn_copy_program(program_fd, &fd), -EMFILE);
        failing = "sendfile64";
        failing_errno = ENOSPC;
        assert_int_equal(spawn_copy_program(program_fd, &fd), -ENOSPC);
        failing_errno = 0; /* the file is shorter than it was */
        assert_int_equal(spawn_copy_program(program_fd, &fd), -ENODATA);
        failing = "fchmod";
        failing_errno = EPERM;
        assert_int_equal(spawn_copy_program(program_fd, &fd), -EPERM);
        failing = "";
        assert_int_equal(spawn_copy_program(-EBADF, &fd), -EBADF);
}

static pid_t sleeper(int *ret_pidfd) {
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        (void) pause();
        *ret_pidfd = pidfd_open(pid, 0);
        return pid;
}

/* By ourselves, or by somebody with its id, who is no child of ours afterwards; never with an id that cannot be had. */
static void test_kill(void **state) {
        uid_t ids[] = { (uid_t) -1, getuid() };
        int pidfd;
        siginfo_t info;

        FOREACH_ARRAY(id, ids, ELEMENTSOF(ids)) {
                pid_t pid = sleeper(&pidfd), found;

                assert_int_equal(sys_pidfd_pid(pidfd, &found), 0);
                assert_int_equal(found, pid);
                assert_int_equal(sys_try_reap_pidfd(pidfd, &info), 0);
                failing = "setresuid";
                failing_errno = EPERM;
                if (*id != (uid_t) -1)
                        assert_int_equal(sys_kill_pidfd_of(pidfd, *id), -EPERM);
                failing = "sys_clone3";
                failing_errno = EAGAIN;
                if (*id != (uid_t) -1)
                        assert_int_equal(sys_kill_pidfd_of(pidfd, *id), -EAGAIN);
                failing = "";
                assert_int_equal(sys_try_reap_pidfd(pidfd, &info), 0);
                assert_int_equal(sys_kill_pidfd_of(pidfd, *id), 0);
                assert_int_equal(sys_reap_pidfd(pidfd, &info), 0);
                assert_int_equal(info.si_status, SIGKILL);
                assert_int_equal(sys_kill_pidfd(pidfd), 0); /* it is gone */
                assert_int_equal(sys_reap_pidfd(pidfd, &info), -ECHILD);
                assert_int_equal(sys_try_reap_pidfd(pidfd, &info), -ECHILD);
                assert_int_equal(sys_pidfd_pid(pidfd, &found), -ESRCH);
                assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
                close(pidfd);
        }
        assert_int_equal(sys_kill_pidfd(-EBADF), -EBADF);
        assert_int_equal(sys_pidfd_pid(1 << 20, &(pid_t){ 0 }), -ENOENT);
        assert_int_equal(sys_pidfd_pid(STDIN_FILENO, &(pid_t){ 0 }), -ENODATA);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_program), cmocka_unit_test(test_no_program),
                cmocka_unit_test(test_no_room), cmocka_unit_test(test_beside),
                cmocka_unit_test(test_copy),    cmocka_unit_test(test_kill),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

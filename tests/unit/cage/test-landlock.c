/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Landlock alone: a process of the host, with all that its user may, and nothing of a box but the rules. Each
 * attempt is made without them first, where it must succeed; with them, in every version of the interface up to this
 * kernel's, it must be refused from that version on that can. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/random.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/sys.h"
#include "cage/internal.h"

#define NO_RULES UINT32_MAX
#define SCRIPT "#!/bin/true\n" /* who executes it executes that */

static struct sockaddr_un abstract;
static struct sockaddr_in loopback = { .sin_family = AF_INET };
static char memory_of_parent;

static int result(long r) {
        return r < 0 ? -errno : 0;
}

static int result_fd(int fd) {
        int r = result(fd);

        fd_close(fd);
        return r;
}

/* In the working directory: library/ is read-only Python, app/ the job's own, secret neither. */
static int read_secret(void) {
        return result_fd(open("secret", O_RDONLY | O_CLOEXEC));
}

static int read_password(void) {
        return result_fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int write_library(void) {
        return result_fd(open("library/module.py", O_WRONLY | O_CLOEXEC));
}

static int create_in_library(void) {
        return result_fd(open("library/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int truncate_library(void) {
        return result(truncate("library/module.py", 0));
}

static int unlink_library(void) {
        return result(unlink("library/module.py"));
}

static int rename_in_library(void) {
        return result(rename("library/module.py", "library/old.py"));
}

static int mkdir_in_library(void) {
        return result(mkdir("library/directory", 0700));
}

static int symlink_in_library(void) {
        return result(symlink("/", "library/link"));
}

static int link_secret(void) {
        return result(link("secret", "app/link"));
}

/* In a child: what is executed does not return. */
static int execute(const char *path) {
        char *argv[] = { (char *) path, NULL };
        int status;
        pid_t pid = vfork();

        if (pid == 0) {
                (void) execv(path, argv);
                _exit(errno);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
                return -EIO;
        return -WEXITSTATUS(status);
}

static int execute_program(void) {
        return execute("/bin/true");
}

static int execute_own(void) {
        return execute("app/program");
}

static int make_device(void) {
        return result(mknod("app/device", S_IFCHR | 0600, 0x103));
}

static int change_mounts(void) {
        if (unshare(CLONE_NEWNS) < 0)
                return -EIO;
        return result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static int write_random(void) {
        return result_fd(open("/dev/urandom", O_WRONLY | O_CLOEXEC));
}

static int command_device(void) {
        _cleanup_close_ int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
        int n;

        return result(ioctl(fd, RNDGETENTCNT, &n));
}

static int bind_port(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in any = { .sin_family = AF_INET };

        return result(bind(fd, (const struct sockaddr *) &any, sizeof(any)));
}

static int connect_port(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return result(connect(fd, (const struct sockaddr *) &loopback, sizeof(loopback)));
}

static int connect_abstract(void) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return result(connect(fd, (const struct sockaddr *) &abstract, sizeof(abstract)));
}

static int signal_parent(void) {
        return result(kill(getppid(), 0));
}

static int read_memory_of_parent(void) {
        char byte;
        struct iovec to = { &byte, 1 }, from = { &memory_of_parent, 1 };

        return result(process_vm_readv(getppid(), &to, 1, &from, 1, 0));
}

typedef struct Attempt {
        const char *what;
        int (*try)(void);
        uint32_t abi; /* the first version that can refuse it */
        int error;
        bool wants_root; /* else it fails without any rules */
} Attempt;

static const Attempt attempts[] = {
        { "read a file that is not in the plan", read_secret, 1, -EACCES },
        { "read /etc/passwd", read_password, 1, -EACCES },
        { "write to the library", write_library, 1, -EACCES },
        { "create a file in the library", create_in_library, 1, -EACCES },
        { "truncate a file of the library", truncate_library, 3, -EACCES },
        { "remove a file of the library", unlink_library, 1, -EACCES },
        { "rename a file of the library", rename_in_library, 1, -EACCES },
        { "make a directory in the library", mkdir_in_library, 1, -EACCES },
        { "make a link in the library", symlink_in_library, 1, -EACCES },
        /* EXDEV says that the file would gain by it: below app it could be read. */
        { "link a file to where it could be read", link_secret, 1, -EXDEV },
        { "execute a program of the host", execute_program, 1, -EACCES },
        { "execute what it has written", execute_own, 1, -EACCES },
        { "make a device", make_device, 1, -EACCES, true },
        { "change mounts", change_mounts, 1, -EPERM, true },
        { "write to /dev/urandom", write_random, 1, -EACCES },
        { "ioctl() on a device", command_device, 5, -EACCES },
        { "bind a TCP port", bind_port, 4, -EACCES },
        { "connect to a TCP port", connect_port, 4, -EACCES },
        { "connect to an abstract socket", connect_abstract, 6, -EPERM },
        { "signal a process outside", signal_parent, 6, -EPERM },
        { "read the memory of a process outside", read_memory_of_parent, 1, -EPERM },
};

static int work_in_app(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "app/socket" };
        _cleanup_close_ int fd = open("app/a", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        _cleanup_close_ int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || mkdir("app/directory", 0700) < 0 || rename("app/a", "app/directory/a") < 0 ||
            link("app/directory/a", "app/b") < 0 || truncate("app/b", 1) < 0 ||
            symlink("b", "app/c") < 0 || mkfifo("app/fifo", 0600) < 0 || unlink("app/c") < 0 ||
            unlink("app/directory/a") < 0 || rmdir("app/directory") < 0)
                return -errno;
        return result(bind(socket_fd, (const struct sockaddr *) &address, sizeof(address)));
}

static int use_library(void) {
        _cleanup_close_ int fd = open("library/module.py", O_RDONLY | O_CLOEXEC);
        void *text =
                mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0); /* as dlopen() does */

        return text == MAP_FAILED ? -errno : 0;
}

static int list_root(void) {
        return result_fd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int write_null(void) {
        return result_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

/* As Python does for a pipe that is its standard output. */
static int reopen_pipe(void) {
        char path[64];
        int fds[2];

        if (fd_pipe(fds, O_CLOEXEC) < 0)
                return -EIO;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
        return result_fd(open(path, O_WRONLY | O_CLOEXEC));
}

static int signal_child(void) {
        int r;
        pid_t pid = fork();

        if (pid == 0) {
                (void) pause();
                _exit(0);
        }
        r = result(kill(pid, SIGKILL));
        (void) waitpid(pid, NULL, 0);
        return r;
}

static const Attempt works[] = {
        { "work in /app", work_in_app },      { "use the library", use_library },
        { "list the root", list_root },       { "write to /dev/null", write_null },
        { "open a pipe again", reopen_pipe }, { "signal a child", signal_child },
};

static void add_step(PlanImage *plan, PlanOp op, const char *target, uint64_t arg) {
        PlanStep *step = &plan->steps[plan->n_steps++];

        *step = (PlanStep){ .op = (uint16_t) op, .target = plan->arena_size, .arg = arg };
        (void) snprintf(plan->arena + step->target, PLAN_ARENA_MAX - step->target, "%s", target);
        plan->arena_size += (uint32_t) strlen(target) + 1;
}

/* What a plan has of these files; its targets begin at the root. */
static PlanImage *make_plan(const char *directory, uint32_t flags) {
        PlanImage *plan = calloc(1, sizeof(*plan));
        char path[256];

        assert_non_null(plan);
        plan->arena_size = 1;
        plan->flags = flags;
        (void) snprintf(path, sizeof(path), "%s/library", directory + 1);
        add_step(plan, OP_BIND_READ_ONLY, path, 0);
        (void) snprintf(path, sizeof(path), "%s/app", directory + 1);
        add_step(plan, OP_MOUNT_TMPFS, path, 0700);
        add_step(plan, OP_BIND_DEVICE, "dev/null", PLAN_WRITABLE);
        add_step(plan, OP_BIND_DEVICE, "dev/urandom", 0);
        add_step(plan, OP_PIVOT_ROOT, "", 0);
        return plan;
}

static void write_file(const char *path, const char *text, mode_t mode) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

        if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0)
                _exit(EIO);
}

static _noreturn_ void
be_child(const char *directory, const PlanImage *plan, const Attempt *attempt, uint32_t abi) {
        if (chdir(directory) < 0 || mkdir("library", 0700) < 0 || mkdir("app", 0700) < 0)
                _exit(EIO);
        write_file("secret", "secret", 0644);
        write_file("library/module.py", "pass\n", 0644);
        write_file("app/program", SCRIPT, 0755);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                _exit(EIO);
        if (abi != NO_RULES && cage_restrict_files(plan, abi) < 0)
                _exit(ENOTRECOVERABLE);
        _exit(-attempt->try());
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place) {
        return remove(path);
}

/* 0 or a negative errno, of the attempt in a child of its own. */
static int run_attempt(const Attempt *attempt, uint32_t abi, uint32_t flags) {
        char directory[] = "/tmp/pysb-landlock.XXXXXX";
        _cleanup_free_ PlanImage *plan = NULL;
        int status;
        pid_t pid;

        assert_non_null(mkdtemp(directory));
        plan = make_plan(directory, flags);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                be_child(directory, plan, attempt, abi);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        assert_true(WIFEXITED(status));
        return -WEXITSTATUS(status);
}

static uint32_t kernel_abi(void) {
        int abi = sys_landlock_abi();

        if (abi < LANDLOCK_ABI_MIN) {
                print_message("# this kernel has no Landlock\n");
                skip();
        }
        return (uint32_t) abi;
}

static int try(const Attempt *attempt, uint32_t abi, uint32_t flags) {
        print_message("# ABI %d: %s\n", (int) abi, attempt->what);
        return run_attempt(attempt, abi, flags);
}

static void test_refused(void **state) {
        uint32_t newest = kernel_abi();

        FOREACH_ARRAY(attempt, attempts, ELEMENTSOF(attempts)) {
                if (attempt->wants_root && getuid() != 0) {
                        print_message("# not tried, wants root: %s\n", attempt->what);
                        continue;
                }
                assert_int_equal(try(attempt, NO_RULES, 0), 0);
                for (uint32_t abi = LANDLOCK_ABI_MIN; abi <= newest; abi++)
                        assert_int_equal(try(attempt, abi, 0),
                                         attempt->abi <= abi ? attempt->error : 0);
        }
}

static void test_works(void **state) {
        uint32_t newest = kernel_abi();

        FOREACH_ARRAY(attempt, works, ELEMENTSOF(works))
                for (uint32_t abi = LANDLOCK_ABI_MIN; abi <= newest; abi++)
                        assert_int_equal(try(attempt, abi, 0), 0);
}

/* With 127.0.0.1 in the profile ports are the network namespace's to keep. */
static void test_loopback(void **state) {
        static const Attempt rows[] = { { "bind a TCP port", bind_port },
                                        { "connect to a TCP port", connect_port } };
        uint32_t newest = kernel_abi();

        FOREACH_ARRAY(attempt, rows, ELEMENTSOF(rows))
                assert_int_equal(try(attempt, newest, PLAN_FLAG_LOOPBACK), 0);
}

/* No rules are no error where the builder says that the kernel has none: results say that the layer is missing. */
static void test_none(void **state) {
        assert_int_equal(try(&attempts[0], 0, 0), 0);
}

/* A file of the plan that is not there: the step fails, and with it the box. */
static void test_fails(void **state) {
        _cleanup_free_ PlanImage *plan = make_plan("/no/such/directory", 0);

        assert_int_equal(cage_restrict_files(plan, kernel_abi()), -ENOENT);
}

static int setup(void **state) {
        socklen_t size = sizeof(loopback);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        abstract.sun_family = AF_UNIX;
        (void) snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "pysb-landlock-%d",
                        (int) getpid());
        assert_int_equal(bind(fd, (const struct sockaddr *) &abstract, sizeof(abstract)), 0);
        assert_int_equal(listen(fd, SOMAXCONN), 0);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(fd, (const struct sockaddr *) &loopback, sizeof(loopback)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &loopback, &size), 0);
        assert_int_equal(listen(fd, SOMAXCONN), 0);
        return 0;
}

/* Where nothing else holds a box, an older one than its plan wants is none. */
static void test_least_abi(void **state) {
        _cleanup_free_ PlanImage *plan = calloc(1, sizeof(*plan));

        add_step(plan, OP_LANDLOCK, "", 3);
        assert_int_equal(cage_restrict_files(plan, 2), -EOPNOTSUPP);
        assert_int_equal(cage_restrict_files(plan, 0), -EOPNOTSUPP);
        plan->steps[0].arg = 0;
        assert_int_equal(cage_restrict_files(plan, 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused),  cmocka_unit_test(test_works),
                cmocka_unit_test(test_loopback), cmocka_unit_test(test_none),
                cmocka_unit_test(test_fails),    cmocka_unit_test(test_least_abi),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}

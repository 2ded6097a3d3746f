/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program of the self-test, in the place of a job and under the same plan. It says what it sees, and judges
 * nothing: who is not caged could not be believed. What it tries does no harm where it gets through. */

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/sys.h"
#include "cage/internal.h"
#include "cage/sys.h"
#include "config.h"
#include "proto/link.h"
#include "proto/probes.h"
#include "proto/runner-wire.h"

#define PROC_TEXT_MAX (64 * KIB)
#define PATH_BYTES 512
/* More than any limit of a job lets it have. */
#define DESCRIPTORS_MAX 1024

static int64_t result_of(long r) {
        return r < 0 ? -errno : r;
}

/* The same, of a call that would have made a descriptor. */
static int64_t result_of_fd(int fd) {
        int64_t seen = result_of(fd);

        fd_close(fd);
        return seen;
}

static void probe_calls(int64_t *seen) {
        char *nowhere = (char *) (uintptr_t) -1;

        seen[PROBE_SOCKET] = result_of_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
        seen[PROBE_UNSHARE] = result_of(unshare(0));
        seen[PROBE_CLONE3] = sys_clone3(NULL);
        seen[PROBE_MOUNT] = result_of(mount(nowhere, nowhere, nowhere, 0, nowhere));
        seen[PROBE_EXECVE] = result_of(execve(nowhere, (char **) nowhere, (char **) nowhere));
        seen[PROBE_MEMFD_CREATE] = result_of_fd(memfd_create(nowhere, MFD_CLOEXEC));
        seen[PROBE_KEYCTL] = sys_join_session_keyring();
        /* TEST ONLY: the run-times of the sanitizers call ioctl(), so it is let through. */
        seen[PROBE_TERMINAL] =
                SANITIZER_CALLS ? -EPERM : result_of(ioctl(STDIN_FILENO, TIOCSTI, nowhere));
}

static void probe_process(int64_t *seen) {
        int n = 0, r;

        seen[PROBE_PARENT] = getppid();
        seen[PROBE_NO_NEW_PRIVILEGES] = result_of(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        for (unsigned long cap = 0; (r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++)
                n += r;
        seen[PROBE_BOUNDING_SET] = errno == EINVAL ? n : -errno;
        n = 0;
        for (int fd = RUNNER_FD_CHANNEL + 1; fd < DESCRIPTORS_MAX; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        seen[PROBE_DESCRIPTORS] = n;
}

static void probe_rlimits(int64_t *seen) {
        static const struct {
                Probe probe;
                int resource;
        } rows[] = {
                { PROBE_ADDRESS_SPACE, RLIMIT_AS },
                { PROBE_FILE_SIZE, RLIMIT_FSIZE },
                { PROBE_OPEN_FILES, RLIMIT_NOFILE },
                { PROBE_TASKS, RLIMIT_NPROC },
                { PROBE_CORE, RLIMIT_CORE },
                { PROBE_MESSAGE_QUEUES, RLIMIT_MSGQUEUE },
                { PROBE_LOCKED_MEMORY, RLIMIT_MEMLOCK },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                struct rlimit limit;

                if (getrlimit(row->resource, &limit) >= 0)
                        seen[row->probe] = (int64_t) MIN(limit.rlim_max, (rlim_t) INT64_MAX);
        }
}

/* Whether its times can be set, or could be but for the rights to it. On a read-only mount the kernel does not even
 * look at those; what is optional may not be there. */
static bool is_writable(const char *path) {
        return utimensat(AT_FDCWD, path, NULL, 0) >= 0 || (errno != EROFS && errno != ENOENT);
}

static int make_file(const char *directory, mode_t mode, char path[PATH_BYTES]) {
        (void) snprintf(path, PATH_BYTES, "%.400s/probe", directory);
        return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

static bool is_executable(const char *directory) {
        char path[PATH_BYTES];
        _cleanup_close_ int fd = make_file(directory, 0700, path);
        void *page;

        if (fd < 0 || ftruncate(fd, 4096) < 0)
                return true; /* nobody knows */
        page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        (void) unlink(path);
        return page != MAP_FAILED || errno != EPERM;
}

/* Whoever has the file's mode against him needs CAP_DAC_OVERRIDE. */
static int64_t open_forbidden(const char *directory) {
        char path[PATH_BYTES];
        _cleanup_close_ int fd = make_file(directory, 0, path);
        int64_t seen;

        if (fd < 0)
                return -errno;
        seen = result_of_fd(open(path, O_RDONLY | O_CLOEXEC));
        (void) unlink(path);
        return seen;
}

static void probe_files(const PlanImage *plan, int64_t *seen) {
        int n_writable = 0, n_executable = 0;

        if (chdir("/") < 0) /* where the plan's targets begin */
                return;
        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                const char *target = plan_string(plan, step->target);

                if (step->op == OP_BIND_READ_ONLY || step->op == OP_BIND_DEVICE)
                        n_writable += is_writable(target);
                if (step->op == OP_OWN_DIRECTORY)
                        seen[PROBE_FILE_MODE] = open_forbidden(cage_app());
                if (step->op != OP_MOUNT_TMPFS)
                        continue;
                n_executable += is_executable(target);
                seen[PROBE_FILE_MODE] = open_forbidden(target);
        }
        seen[PROBE_WRITE_LIBRARY] = n_writable;
        seen[PROBE_EXECUTE_FILE] = n_executable;
        seen[PROBE_WRITE_RANDOM] = result_of_fd(open("/dev/urandom", O_WRONLY | O_CLOEXEC));
        seen[PROBE_WRITE_ROOT] = result_of(mkdir("/probe", 0700));
        if (seen[PROBE_WRITE_ROOT] == 0)
                (void) rmdir("/probe");
}

/* "CapInh:\t0000000000000000" and its four sisters. */
static int64_t count_capability_sets(const char *status) {
        int n_sets = 0, n = 0;

        for (const char *line = strstr(status, "\nCap"); line; line = strstr(line + 1, "\nCap")) {
                const char *value = strchr(line, '\t');

                n_sets++;
                n += !value || strspn(value + 1, "0") != strcspn(value + 1, "\n");
        }
        return n_sets == 5 ? n : PROBE_UNSEEN;
}

/* "36 35 0:41 /null /dev/null ro,nosuid,noexec - devtmpfs …": optional fields say who else sees what is mounted below. */
static bool mount_is_open(char *line) {
        char *rest = line, *field = NULL, *target = NULL;

        for (int i = 0; i < 6; i++) {
                field = strsep(&rest, " ");
                if (i == 4)
                        target = field;
        }
        if (!field || !rest || !strstr(field, "nosuid"))
                return true;
        if (!strstr(field, "nodev") && strncmp(target, "/dev/", strlen("/dev/")) != 0)
                return true;
        return strncmp(rest, "- ", 2) != 0;
}

static void probe_proc(int64_t *seen) {
        _cleanup_free_ char *status = NULL, *mounts = NULL;
        char *rest, *line;
        int n = 0;

        seen[PROBE_HOST_PROC] = result_of(access("/proc/sys", F_OK));
        if (io_read_file(AT_FDCWD, "/proc/self/status", PROC_TEXT_MAX, &status, NULL) >= 0)
                seen[PROBE_CAPABILITY_SETS] = count_capability_sets(status);
        if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", PROC_TEXT_MAX, &mounts, NULL) < 0)
                return;
        rest = mounts;
        while ((line = strsep(&rest, "\n")))
                n += *line != '\0' && mount_is_open(line);
        seen[PROBE_MOUNT_FLAGS] = n;
}

static bool plan_has(const PlanImage *plan, PlanOp op) {
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                if (step->op == op)
                        return true;
        return false;
}

/* Where the host's names and processes are around. */
static void probe_host(const PlanImage *plan, int64_t *seen) {
        if (!(plan->flags & PLAN_FLAG_NOT_ALONE))
                return;
        seen[PROBE_READ_HOST] = result_of_fd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        seen[PROBE_SIGNAL] = result_of(kill(getppid(), 0));
}

static void probe_run(const CageBox *box) {
        ProbeRecord record;
        struct stat root;

        FOREACH_ARRAY(seen, record.seen, _PROBE_MAX)
                *seen = PROBE_UNSEEN;
        /* An old root that was left lies on top of the new one: only that way leads there. */
        if (fstatat(AT_FDCWD, "/..", &root, 0) >= 0)
                record.seen[PROBE_HOST_ROOT] = (int64_t) root.st_dev;
        probe_process(record.seen);
        probe_calls(record.seen);
        probe_rlimits(record.seen);
        if (!(box->plan->flags & PLAN_FLAG_NO_FILES))
                probe_files(box->plan, record.seen);
        probe_host(box->plan, record.seen);
        if (plan_has(box->plan, OP_MOUNT_PROC))
                probe_proc(record.seen);
        _exit(link_send(RUNNER_FD_CHANNEL, &record, sizeof(record), NULL, 0) < 0);
}

const CageJob cage_probe_job = { .run = probe_run };

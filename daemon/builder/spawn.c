/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/sys.h"
#include "builder/sys.h"

static int spawn_place_fds(const Spawn *spawn, int *ret_program_fd) {
        int from[SPAWN_FDS_MAX + 3], n = (int) spawn->n_fds + 3;
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        int program_fd = fcntl(spawn->program_fd, F_DUPFD_CLOEXEC, n);

        if (null_fd < 0 || program_fd < 0)
                return -errno;
        from[0] = null_fd;
        from[1] = spawn->stdout_fd >= 0 ? spawn->stdout_fd : null_fd;
        from[2] = STDERR_FILENO;
        for (size_t i = 0; i < spawn->n_fds; i++)
                from[3 + i] = spawn->fds[i];
        /* First out of each other's way, then into place. */
        for (int i = 0; i < n; i++) {
                from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, n);
                if (from[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < n; i++)
                if (dup2(from[i], i) < 0)
                        return -errno;
        /* The program itself is opened by a descriptor above, so mark instead of closing. */
        if (close_range((unsigned) n, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        *ret_program_fd = program_fd;
        return 0;
}

static int spawn_drop(const Spawn *spawn) {
        cap_t none;
        int r;

        if (spawn->gid != (gid_t) -1 &&
            (setgroups(0, NULL) < 0 || setresgid(spawn->gid, spawn->gid, spawn->gid) < 0))
                return -errno;
        if (spawn->uid != (uid_t) -1 && setresuid(spawn->uid, spawn->uid, spawn->uid) < 0)
                return -errno;
        none = cap_init();
        if (!none)
                return -ENOMEM;
        r = cap_set_proc(none) < 0 ? -errno : 0; /* and with it the ambient set: capabilities(7) */
        (void) cap_free(none);
        if (r < 0)
                return r;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

static void spawn_child(const Spawn *spawn, pid_t parent) {
        int program_fd = -EBADF, r;
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        r = spawn_place_fds(spawn, &program_fd);
        if (r >= 0)
                r = spawn_drop(spawn);
        if (r >= 0 && getppid() != parent)
                return; /* the builder died before the death signal was set */
        if (r >= 0) {
                (void) execveat(program_fd, "", (char *const *) spawn->argv,
                                (char *const *) spawn->envp, AT_EMPTY_PATH);
                r = -errno;
        }
        dprintf(STDERR_FILENO, "pysbd: starting %s: %s\n", spawn->argv[0], strerror(-r));
}

int spawn_program(const Spawn *spawn, int *ret_pidfd) {
        struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD };
        int pidfd = -EBADF;
        pid_t self = getpid();
        long pid;

        args.pidfd = (uintptr_t) &pidfd;
        pid = sys_clone3(&args);
        if (pid < 0)
                return (int) pid;
        if (pid == 0) {
                spawn_child(spawn, self);
                _exit(127);
        }
        *ret_pidfd = pidfd;
        return 0;
}

int spawn_open_program(const char *name, int *ret_fd) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;
        int fd;

        if (n < 0)
                return -errno;
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (!slash || (size_t) (slash + 1 - path) + strlen(name) >= sizeof(path))
                return -ENAMETOOLONG;
        memcpy(slash + 1, name, strlen(name) + 1);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* since Linux 6.3 */
#endif

int spawn_copy_program(int program_fd, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        off_t offset = 0;

        if (fstat(program_fd, &st) < 0)
                return -errno;
        fd = memfd_create("pysb-runner", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (fd < 0 && errno == EINVAL) /* an older kernel: executable is the only kind there is */
                fd = memfd_create("pysb-runner", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        while (offset < st.st_size) {
                ssize_t n = sendfile(fd, program_fd, &offset, (size_t) (st.st_size - offset));

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ENODATA;
        }
        if (fchmod(fd, 0555) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "config.h"
#include "pysb/client.h"

/* The daemon ends by itself when the connection closes; this is for one that hangs. */
#define REAP_TIMEOUT_MSEC 10000

/* Where the activation protocol puts the first descriptor, see sd_listen_fds(3). */
#define LISTEN_FD 3

#define LISTEN_PID_PREFIX "LISTEN_PID="

/* All that the child needs, made before fork(): between fork() and execve() only async-signal-safe
 * functions may be called, since the caller may have threads. */
typedef struct Spawn {
        const char *path;
        char **environment;
        char listen_pid[sizeof(LISTEN_PID_PREFIX) + 20]; /* completed in the child */
        int socket_fds[EMBEDDED_SOCKETS], error_fd;      /* all behind those at LISTEN_FD */
} Spawn;

extern char **environ;

static int spawn_prepare_environment(Spawn *spawn) {
        size_t n = 0, k = 0;

        while (environ && environ[n])
                n++;
        spawn->environment = calloc(n + 4, sizeof(char *));
        if (!spawn->environment)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (strncmp(environ[i], "LISTEN_", 7) != 0)
                        spawn->environment[k++] = environ[i];
        spawn->environment[k++] = (char *) "LISTEN_FDS=2";
        spawn->environment[k++] = (char *) "LISTEN_FDNAMES=varlink:varlink";
        spawn->environment[k] = spawn->listen_pid;
        return 0;
}

/* "LISTEN_PID=" and the number, without snprintf(), which is not async-signal-safe. */
static void spawn_format_pid(Spawn *spawn, pid_t pid) {
        char digits[20];
        size_t n = 0, at = sizeof(LISTEN_PID_PREFIX) - 1;

        memcpy(spawn->listen_pid, LISTEN_PID_PREFIX, at);
        for (; pid > 0; pid /= 10)
                digits[n++] = (char) ('0' + pid % 10);
        while (n > 0)
                spawn->listen_pid[at++] = digits[--n];
        spawn->listen_pid[at] = '\0';
}

static void child_reset_signals(void) {
        sigset_t none;

        sigemptyset(&none);
        for (int signal_number = 1; signal_number < NSIG; signal_number++)
                signal(signal_number, SIG_DFL);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

_noreturn_ static void child_main(Spawn *spawn) {
        char *const argv[] = { (char *) "pysbd", (char *) "--embedded", NULL };
        int null_fd, error;

        child_reset_signals();
        /* A session of its own: Ctrl-C at the terminal is for the client, which then closes the
         * connection. The client's stdin and stdout belong to the client's program. */
        setsid();
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
            dup2(spawn->socket_fds[0], LISTEN_FD) >= 0 &&
            dup2(spawn->socket_fds[1], LISTEN_FD + 1) >= 0 &&
            close_range(LISTEN_FD + EMBEDDED_SOCKETS, ~0U, CLOSE_RANGE_CLOEXEC) >= 0) {
                spawn_format_pid(spawn, getpid());
                execve(spawn->path, argv, spawn->environment);
        }
        error = errno;
        if (write(spawn->error_fd, &error, sizeof(error)) < 0)
                _exit(126);
        _exit(127);
}

/* Copies the descriptor above those that the child replaces. */
static int fd_move_up(int fd, int *ret_fd) {
        *ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, LISTEN_FD + EMBEDDED_SOCKETS);
        return *ret_fd < 0 ? -errno : 0;
}

static int fork_daemon(Spawn *spawn, pid_t *ret_pid) {
        sigset_t all, before;
        pid_t pid;
        int error;

        /* No handler of the caller's may run in the child */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = fork();
        if (pid == 0)
                child_main(spawn);
        error = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (pid < 0)
                return -error;
        *ret_pid = pid;
        return 0;
}

/* Ours in *ret_ours, the daemon's where the child will not overwrite it. */
static int make_socket(int *ret_ours, int *ret_theirs) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int pair[2], r;

        r = fd_socketpair(pair, SOCK_STREAM);
        if (r < 0)
                return r;
        ours = fd_above_standard(pair[0]);
        theirs = pair[1];
        if (ours < 0)
                return ours;
        r = fd_move_up(theirs, ret_theirs);
        if (r < 0)
                return r;
        *ret_ours = TAKE_FD(ours);
        return 0;
}

/* Forks and waits for execve(). */
static int spawn_run(Spawn *spawn, pid_t *ret_pid) {
        _cleanup_close_ int report = -EBADF, error_fd = -EBADF, child_error_fd = -EBADF;
        int pair[2], error = 0, r;

        r = fd_pipe(pair, 0);
        if (r < 0)
                return r;
        report = pair[0];
        error_fd = pair[1];
        r = fd_move_up(error_fd, &child_error_fd);
        if (r < 0)
                return r;
        spawn->error_fd = child_error_fd;
        r = fork_daemon(spawn, ret_pid);
        if (r < 0)
                return r;
        error_fd = fd_close(error_fd);
        child_error_fd = fd_close(child_error_fd);
        /* The pipe closes when execve() succeeds, and carries its errno when it fails */
        if (io_read_full(report, &error, sizeof(error)) == 0) {
                waitpid(*ret_pid, NULL, 0);
                return -error;
        }
        return 0;
}

int embedded_spawn(pid_t *ret_pid, int *ret_pidfd, int ret_fds[static EMBEDDED_SOCKETS]) {
        _cleanup_free_ char **environment = NULL;
        Spawn spawn = { .error_fd = -EBADF };
        int ours[EMBEDDED_SOCKETS] = { -EBADF, -EBADF }, r;

        spawn.socket_fds[0] = spawn.socket_fds[1] = -EBADF;
        spawn.path = secure_getenv("PYSBD");
        if (!spawn.path)
                spawn.path = PKGLIBEXECDIR "/pysbd";
        r = spawn_prepare_environment(&spawn);
        environment = spawn.environment;
        for (int i = 0; r >= 0 && i < EMBEDDED_SOCKETS; i++)
                r = make_socket(&ours[i], &spawn.socket_fds[i]);
        if (r >= 0)
                r = spawn_run(&spawn, ret_pid);
        if (r >= 0)
                *ret_pidfd = pidfd_open(*ret_pid, 0); /* without one there is no time-out */
        for (int i = 0; i < EMBEDDED_SOCKETS; i++) {
                fd_close(spawn.socket_fds[i]);
                if (r >= 0)
                        ret_fds[i] = ours[i];
                else
                        fd_close(ours[i]);
        }
        return r < 0 ? r : 0;
}

void embedded_reap(pid_t pid, int pidfd) {
        struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
        pid_t reaped;

        if (pidfd >= 0) {
                int r;

                do
                        r = poll(&poll_fd, 1, REAP_TIMEOUT_MSEC);
                while (r < 0 && errno == EINTR);
                if (r == 0)
                        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
                fd_close(pidfd);
        }
        do
                reaped = waitpid(pid, NULL, 0);
        while (reaped < 0 && errno == EINTR);
}

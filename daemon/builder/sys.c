/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/parse.h"
#include "basic/sys.h"

int sys_try_reap_pidfd(int pidfd, siginfo_t *ret_info) {
        ret_info->si_pid = 0;
        if (waitid(P_PIDFD, (id_t) pidfd, ret_info, WEXITED | WNOHANG) < 0)
                return -errno;
        return ret_info->si_pid != 0;
}

int sys_reap_pidfd(int pidfd, siginfo_t *ret_info) {
        while (waitid(P_PIDFD, (id_t) pidfd, ret_info, WEXITED) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

int sys_pidfd_pid(int pidfd, pid_t *ret_pid) {
        _cleanup_free_ char *text = NULL;
        char path[48], *pid;
        uint64_t value;
        int r;

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        r = io_read_file(AT_FDCWD, path, 4096, &text, NULL);
        if (r < 0)
                return r;
        pid = strstr(text, "\nPid:\t");
        if (!pid)
                return -ENODATA;
        pid += strlen("\nPid:\t");
        pid[strcspn(pid, "\n")] = '\0';
        r = parse_u64(pid, &value); /* "-1" of a process that is gone is no number */
        if (r < 0 || value == 0)
                return -ESRCH;
        *ret_pid = (pid_t) value;
        return 0;
}

int sys_kill_pidfd(int pidfd) {
        if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
                return -errno;
        return 0;
}

/* Without CAP_KILL a process is killed by another one that has its uid. */
int sys_kill_pidfd_of(int pidfd, uid_t uid) {
        struct clone_args args = { .exit_signal = SIGCHLD };
        int status = 0;
        long pid;

        if (uid == (uid_t) -1)
                return sys_kill_pidfd(pidfd);
        pid = sys_clone3(&args);
        if (pid == 0)
                _exit(setresuid(uid, uid, uid) < 0 ? errno : -sys_kill_pidfd(pidfd));
        while (pid > 0 && waitpid((pid_t) pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (pid < 0)
                return (int) pid;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

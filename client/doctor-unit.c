/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What systemd says of the unit: drop-ins may have undone what keeps the service in. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "client/doctor.h"

#define UNIT "pysbd.service"
#define VERDICT "Overall exposure level for " UNIT ": "
#define EXPOSURE_TENTHS_MAX 25 /* what the shipped unit stays below */
#define TEXT_BYTES_MAX 65536

extern char **environ;

/* Standard output of a program, as far as it fits. Returns its exit status, or a negative errno. */
static int run_program(char *const argv[], char *text, size_t size) {
        _cleanup_close_ int read_fd = -EBADF, write_fd = -EBADF;
        posix_spawn_file_actions_t actions;
        int fds[2], r, status = 0;
        size_t n = 0;
        ssize_t got;
        pid_t pid;

        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        read_fd = fds[0];
        write_fd = fds[1];
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        r = posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                     0);
        if (r == 0)
                r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -r;
        write_fd = fd_close(write_fd);
        while (n < size - 1 && (got = read(read_fd, text + n, size - 1 - n)) > 0)
                n += (size_t) got;
        text[n] = '\0';
        read_fd = fd_close(read_fd);
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

void doctor_check_unit(DoctorReport *report) {
        static const char *const command[] = { "systemd-analyze", "--no-pager", "security", UNIT,
                                               NULL };
        char text[TEXT_BYTES_MAX];
        uint64_t whole, tenths;
        DoctorFinding *f;
        const char *verdict;

        if (access("/run/systemd/system", F_OK) < 0 ||
            run_program((char *const *) command, text, sizeof(text)) < 0)
                return;
        verdict = strstr(text, VERDICT);
        if (!verdict)
                return; /* there is no such unit here */
        verdict += strlen(VERDICT);
        if (!doctor_take_number(&verdict, &whole) || *verdict++ != '.' ||
            !doctor_take_number(&verdict, &tenths))
                return;
        f = doctor_add(
                report, "exposure",
                "What the service may do bounds what a mistake in it can do; drop-ins may have changed it.");
        doctor_say(f, whole * 10 + tenths > EXPOSURE_TENTHS_MAX ? DOCTOR_DEGRADED : DOCTOR_PASS,
                   "%" PRIu64 ".%" PRIu64 " of 10 by systemd-analyze", whole, tenths);
        if (f->status != DOCTOR_PASS)
                (void) snprintf(f->fix, sizeof(f->fix),
                                "`systemd-analyze security " UNIT
                                "` says which settings; `systemctl cat " UNIT
                                "` where they come from.");
}

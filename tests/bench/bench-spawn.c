/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bench-spawn PROGRAM ARGUMENTS…: starts it, reads all that it prints, and waits for its end. */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/turns.h"

extern char **environ;

static int spawn(char *const *argv, int output, pid_t *ret_pid) {
        posix_spawn_file_actions_t actions;
        int r;

        (void) posix_spawn_file_actions_init(&actions);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int run(char *const *argv) {
        char buffer[65536];
        int output[2], r, status = 0;
        pid_t pid;

        if (pipe2(output, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(argv, output[1], &pid);
        (void) close(output[1]);
        while (r >= 0 && read(output[0], buffer, sizeof(buffer)) > 0)
                ;
        (void) close(output[0]);
        if (r < 0)
                return r;
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return status == 0 ? 0 : -EIO;
}

static int work(void *userdata, size_t n, uint64_t *nsec) {
        for (size_t i = 0; i < n; i++) {
                uint64_t start = turns_now_nsec();
                int r = run(userdata);

                if (r < 0)
                        return r;
                nsec[i] = turns_now_nsec() - start;
        }
        return 0;
}

int main(int argc, char *argv[]) {
        return argc < 2 ? 2 : turns_serve(work, argv + 1);
}

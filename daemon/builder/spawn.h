/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting the other two programs: by a descriptor that was opened at start-up, with exactly the
 * descriptors named, a closed environment, no capability, no_new_privs, and a death signal. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPAWN_FDS_MAX 16

typedef struct Spawn {
        int program_fd;
        const char *const *argv;
        const char *const *envp;
        const int *fds; /* becomes 3, 4, 5, … in the program; 0, 1 are /dev/null, 2 is ours */
        size_t n_fds;
        int stdout_fd; /* instead of /dev/null, if not negative */
        uid_t uid;     /* UINT32_MAX keeps ours */
        gid_t gid;
} Spawn;

/* *ret_pidfd is the new process: it is our child, killable and reapable by it. */
int spawn_program(const Spawn *spawn, int *ret_pidfd);

/* Opens a program that lies beside our own one. */
int spawn_open_program(const char *name, int *ret_fd);

/* A sealed copy of an open program in memory. A box gets to what it was started from by
 * /proc/self/exe, past every mount: so that is no file of the host, and nobody else's either. */
int spawn_copy_program(int program_fd, int *ret_fd);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The socket of --listen. */

#include <sys/stat.h>
#include <sys/types.h>

typedef struct Listen {
        const char *path; /* NULL: there is none */
        struct stat st;   /* of what lies there */
        uid_t owner;      /* who made it, and may remove it */
} Listen;

/* Makes the socket; what is left of a daemon that has died goes before, nothing else does. Returns the descriptor, or a negative
 * errno that has been said. */
int listen_begin(Listen *l, const char *path);

/* Removes it, unless something else lies there by now. */
void listen_end(const Listen *l);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who we are and what ids boxes get. Two modes only: with an id range (service, or embedded as
 * root), and with the caller's own single id (embedded as an ordinary user). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Identity {
        bool has_id_range;
        uid_t first;      /* host id of slot 0; without a range our own uid */
        gid_t first_gid;  /* the same number with a range, else our own gid */
        uint32_t count;   /* of the range */
        uid_t broker_uid; /* (uid_t) -1: the same as ours */
        gid_t broker_gid;
        gid_t admin_gid; /* of administrators; (gid_t) -1: there is no such group */
} Identity;

/* Writes /proc/PID/{setgroups,uid_map,gid_map} of a box: one id, nothing else. */
int identity_write_maps(const Identity *identity, pid_t pid, uint32_t slot, uint64_t inside_id);

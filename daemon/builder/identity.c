/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/io.h"

static int identity_write_map(pid_t pid, const char *file, const char *text) {
        char path[48];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        return io_write_string(AT_FDCWD, path, text);
}

int identity_write_maps(const Identity *identity, pid_t pid, uint32_t slot, uint64_t inside_id) {
        uint32_t offset = identity->has_id_range ? slot : 0;
        char map[64];
        int r;

        r = identity_write_map(pid, "setgroups", "deny");
        if (r < 0)
                return r;
        (void) snprintf(map, sizeof(map), "%" PRIu64 " %u 1\n", inside_id,
                        identity->first_gid + offset);
        r = identity_write_map(pid, "gid_map", map);
        if (r < 0)
                return r;
        (void) snprintf(map, sizeof(map), "%" PRIu64 " %u 1\n", inside_id,
                        identity->first + offset);
        return identity_write_map(pid, "uid_map", map);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "basic/parse.h"

#define TABLE_MAX (16 * MIB)

int trust_check_file(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0) {
                int r = -errno;

                log_error("%s cannot be read: %s", path, strerror(-r));
                return r;
        }
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
                log_error("%s must belong to root and be writable by nobody else.", path);
                return -EPERM;
        }
        return 0;
}

/* NAME:…:FIRST[:COUNT…], with the number in the field of that index. False: no such line. */
static bool
line_has_ids(char *line, size_t index, bool has_count, uint64_t *ret_first, uint64_t *ret_n) {
        const char *number = NULL, *count = NULL, *field;

        for (size_t i = 0; (field = strsep(&line, ":")); i++) {
                if (i == index)
                        number = field;
                else if (i == index + 1)
                        count = field;
        }
        *ret_n = 1;
        if (!number || parse_u64(number, ret_first) < 0)
                return false;
        return !has_count || (count && parse_u64(count, ret_n) >= 0);
}

static int trust_check_table(const DaemonConfig *config,
                             const char *directory,
                             const char *name,
                             size_t index,
                             bool has_count) {
        uint64_t end = config->ids_first + config->ids_count, first, count;
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX], *rest, *line;
        int r;

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        r = io_read_file(AT_FDCWD, path, TABLE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        rest = text;
        for (unsigned n = 1; (line = strsep(&rest, "\n")); n++) {
                if (!line_has_ids(line, index, has_count, &first, &count) || first >= end ||
                    config->ids_first >= first + MIN(count, UINT64_C(1) << 32))
                        continue;
                log_error("%s:%u: the ids of %s are among those of the sandboxes, %" PRIu64
                          " to %" PRIu64 ": set ids.first in pysbd.toml to where nobody's are.",
                          path, n, line, config->ids_first, end - 1);
                return -EPERM;
        }
        return 0;
}

int trust_check_ids(const DaemonConfig *config, const char *directory) {
        static const struct {
                const char *name;
                size_t index;
                bool has_count;
        } tables[] = {
                { "passwd", 2, false },
                { "group", 2, false },
                { "subuid", 1, true },
                { "subgid", 1, true },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(tables) && r >= 0; i++)
                r = trust_check_table(config, directory, tables[i].name, tables[i].index,
                                      tables[i].has_count);
        return r;
}

int trust_check_socket(const DaemonConfig *config, int fd) {
        struct sockaddr_un address = {};
        socklen_t size = sizeof(address);
        struct stat st;

        if (config->unknown_uid != UNKNOWN_UID_OWN ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0 ||
            address.sun_path[0] != '/' || stat(address.sun_path, &st) < 0 ||
            !(st.st_mode & S_IWOTH))
                return 0;
        log_error("%s may be used by everybody, and each user would be a tenant of his own: set "
                  "SocketMode=0660 in pysbd.socket, or unknown_uid = \"deny\" in pysbd.toml.",
                  address.sun_path);
        return -EPERM;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/config.h"

#include <errno.h>

int daemon_config_parse(const char *lines,
                        size_t size,
                        DaemonConfig **ret_config,
                        char **ret_error) {
        return -ENOSYS;
}

DaemonConfig *daemon_config_free(DaemonConfig *config) {
        return NULL;
}

void daemon_config_print_keys(FILE *f) {
}

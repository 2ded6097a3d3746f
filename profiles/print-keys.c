/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints the key tables for the man page: the profiles' own, the daemon's and those of a
 * tenant, with lines "==" in between. */

#include <stdio.h>

#include "profile/config.h"
#include "profile/profile.h"

int main(void) {
        profile_print_keys(stdout);
        puts("==");
        daemon_config_print_keys(stdout);
        puts("==");
        tenant_print_keys(stdout);
        return 0;
}

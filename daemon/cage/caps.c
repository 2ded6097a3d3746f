/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/capability.h>

#include "cage/internal.h"

static cap_t no_capabilities;

int cage_prepare_capabilities(void) {
        /* libcap asks the kernel for each when it is loaded, and takes any error for the end. */
        if (cap_max_bits() <= CAP_LAST_CAP)
                return -EOPNOTSUPP;
        if (!no_capabilities)
                no_capabilities = cap_init();
        return no_capabilities ? 0 : -errno;
}

int cage_drop_capabilities(bool keeps_bounding) {
        /* The bounding set first: dropping from it needs CAP_SETPCAP. */
        for (cap_value_t cap = 0; !keeps_bounding && cap < cap_max_bits(); cap++)
                if (cap_drop_bound(cap) < 0)
                        return -errno;
        /* The ambient set goes with the inheritable one: capabilities(7). */
        return cap_set_proc(no_capabilities) < 0 ? -errno : 0;
}

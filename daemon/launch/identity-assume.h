/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder/identity.h"
#include "profile/config.h"

/* Finds out the mode and gives up everything that it does not need: afterwards this process has
 * CAP_SETUID and CAP_SETGID and no groups, or nothing at all; in no mode it is root. *ret_error is
 * a static sentence on failure. */
int identity_assume(const DaemonConfig *config,
                    bool embedded,
                    Identity *ret_identity,
                    const char **ret_error);

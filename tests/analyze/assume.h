/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Included before every file that is analysed, and only then. What the analysers cannot know: who reads errno does so
 * because a call has failed, and then it is positive; so -errno is negative, and out parameters are not looked at. */

#include <errno.h>

static inline int *assume_errno(void) {
        int *error = __errno_location();

        if (*error <= 0)
                __builtin_unreachable();
        return error;
}

#undef errno
#define errno (*assume_errno())

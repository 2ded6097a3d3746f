/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Included before every file that is analysed, and only then. What the analysers cannot know: who reads errno does so
 * because a call has failed, and then it is positive; so -errno is negative, and out parameters are not looked at. */

#include <errno.h>

/* Neither analyser concludes that -x is negative; of a number that it knows both do. These are those that are asked for
 * most often, and one that nobody asks for. */
static inline int *assume_errno(void) {
        int *error = __errno_location();

        switch (*error) {
        case EAGAIN:
                *error = EAGAIN;
                break;
        case EEXIST:
                *error = EEXIST;
                break;
        case EINTR:
                *error = EINTR;
                break;
        case ENOENT:
                *error = ENOENT;
                break;
        default:
                *error = EIO;
        }
        return error;
}

#undef errno
#define errno (*assume_errno())

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ownership by scope: a variable with a cleanup attribute owns what it points to until TAKE_*(). */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/fd.h"
#include "basic/macro.h"

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines f##p() for use with _cleanup_(); the destructor takes the object and ignores NULL. */
#define DEFINE_CLEANUP(type, f)            \
        static inline void f##p(type *p) { \
                if (*p)                    \
                        f(*p);             \
        }                                  \
        struct _cleanup_semicolon_

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void fclosep(FILE **f) {
        if (*f)
                fclose(*f);
}

static inline void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

static inline void fd_closep(int *fd) {
        fd_close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(fd_closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define TAKE_PTR(p)                    \
        ({                             \
                typeof(p) *_pp = &(p); \
                typeof(p) _p = *_pp;   \
                *_pp = NULL;           \
                _p;                    \
        })

#define TAKE_FD(fd)                \
        ({                         \
                int *_fdp = &(fd); \
                int _fd = *_fdp;   \
                *_fdp = -EBADF;    \
                _fd;               \
        })

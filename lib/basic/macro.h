/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Small macros that the whole tree may use. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

/* An empty array may be NULL: nothing is added to that, not even 0 (C11 6.5.6). */
#define FOREACH_ARRAY(i, array, n) \
        for (typeof((array)[0]) *i = (array), *i##_end = (n) > 0 ? i + (n) : i; i < i##_end; i++)

/* Unique names, so that one may stand inside the other. */
#define MACRO_PASTE_(a, b) a##b
#define MACRO_PASTE(a, b) MACRO_PASTE_(a, b)
#define MACRO_COMPARE_(a, op, b, n)                                              \
        ({                                                                       \
                typeof(a) MACRO_PASTE(_a, n) = (a);                              \
                typeof(b) MACRO_PASTE(_b, n) = (b);                              \
                MACRO_PASTE(_a, n)                                               \
                op MACRO_PASTE(_b, n) ? MACRO_PASTE(_a, n) : MACRO_PASTE(_b, n); \
        })
#define MIN(a, b) MACRO_COMPARE_(a, <, b, __COUNTER__)
#define MAX(a, b) MACRO_COMPARE_(a, >, b, __COUNTER__)

#define container_of(ptr, type, member) ((type *) ((char *) (ptr) -offsetof(type, member)))

#define _unused_ __attribute__((unused))
#define _noreturn_ __attribute__((noreturn))
#define _pure_ __attribute__((pure))
#define _public_ __attribute__((visibility("default")))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _warn_unused_result_ __attribute__((warn_unused_result))

#define KIB ((uint64_t) 1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define USEC_PER_MSEC ((uint64_t) 1000)
#define USEC_PER_SEC ((uint64_t) 1000000)
#define NSEC_PER_USEC ((uint64_t) 1000)

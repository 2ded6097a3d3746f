/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

int parse_u64(const char *s, uint64_t *ret_value) {
        unsigned long long v;
        char *end;

        if (!isdigit((unsigned char) s[0]))
                return -EINVAL;
        errno = 0;
        v = strtoull(s, &end, 10);
        if (errno != 0)
                return -errno;
        if (*end != '\0')
                return -EINVAL;
        *ret_value = v;
        return 0;
}

int parse_i64(const char *s, int64_t *ret_value) {
        long long v;
        char *end;

        if (!isdigit((unsigned char) s[s[0] == '-']))
                return -EINVAL;
        errno = 0;
        v = strtoll(s, &end, 10);
        if (errno != 0)
                return -errno;
        if (*end != '\0')
                return -EINVAL;
        *ret_value = v;
        return 0;
}

int parse_bool(const char *s, bool *ret_value) {
        if (strcmp(s, "true") == 0)
                *ret_value = true;
        else if (strcmp(s, "false") == 0)
                *ret_value = false;
        else
                return -EINVAL;
        return 0;
}

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

static const Unit size_units[] = {
        { "", 1 },    { "K", KIB },   { "KiB", KIB },      { "M", MIB },          { "MiB", MIB },
        { "G", GIB }, { "GiB", GIB }, { "T", 1024 * GIB }, { "TiB", 1024 * GIB },
};

static const Unit duration_units[] = {
        { "", USEC_PER_SEC },         { "us", 1 },
        { "ms", USEC_PER_MSEC },      { "s", USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC },
};

/* Digits, optionally a point and more digits, then one of the units; rounds down. */
static int parse_with_unit(const char *s, const Unit *units, size_t n_units, uint64_t *ret_value) {
        uint64_t whole = 0, fraction = 0, scale = 1, v;
        const Unit *unit = NULL;

        if (!isdigit((unsigned char) *s))
                return -EINVAL;
        for (; isdigit((unsigned char) *s); s++)
                if (__builtin_mul_overflow(whole, 10, &whole) ||
                    __builtin_add_overflow(whole, (uint64_t) (*s - '0'), &whole))
                        return -ERANGE;
        if (*s == '.') {
                if (!isdigit((unsigned char) *++s))
                        return -EINVAL;
                for (; isdigit((unsigned char) *s); s++)
                        if (scale < 1000000) {
                                fraction = fraction * 10 + (uint64_t) (*s - '0');
                                scale *= 10;
                        }
        }
        FOREACH_ARRAY(u, units, n_units)
                if (strcmp(s, u->name) == 0)
                        unit = u;
        if (!unit)
                return -EINVAL;
        if (__builtin_mul_overflow(whole, unit->factor, &v))
                return -ERANGE;
        /* fraction < 10^6 and every factor is below 2^44: this cannot overflow. */
        if (__builtin_add_overflow(v, fraction * unit->factor / scale, &v))
                return -ERANGE;
        *ret_value = v;
        return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes) {
        return parse_with_unit(s, size_units, ELEMENTSOF(size_units), ret_bytes);
}

int parse_duration(const char *s, uint64_t *ret_usec) {
        return parse_with_unit(s, duration_units, ELEMENTSOF(duration_units), ret_usec);
}

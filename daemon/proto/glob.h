/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Patterns for paths, matched one name at a time while somebody walks a tree: what has been matched so
 * far is a set of places in the pattern, so that no pattern takes longer than its length times that of
 * the path. That is much for who looks at many names, so steps are counted: one is a few nanoseconds. Pure.
 *
 * In a component: * any number of characters, ? one, [abc] [a-z] [!a-z] one of them; a leading dot is
 * a character as any other. ** as a whole component: any number of directories, none included; at the
 * end everything below. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOB_PARTS_MAX 32
#define GLOB_BYTES_MAX 1024

typedef struct Glob {
        const char *text; /* the caller's */
        size_t n;
        struct {
                uint16_t offset, size; /* size 0: any number of directories */
        } parts[GLOB_PARTS_MAX];
} Glob;

/* Where in the pattern a path may be: bit N is before the Nth component, the last one behind all. */
typedef uint64_t GlobPlaces;

/* Returns NULL, or what is wrong with the pattern. The text must outlive the glob. */
const char *glob_parse(const char *text, Glob *ret_glob);

/* The places before the first name of a path. */
GlobPlaces glob_start(const Glob *glob);

/* The places behind one more name. None is 0: nothing below it can match. Adds what it took to *steps. */
GlobPlaces
glob_step(const Glob *glob, GlobPlaces places, const char *name, size_t size, uint64_t *steps);

/* Whether the path so far matches. */
bool glob_accepts(const Glob *glob, GlobPlaces places);

/* Whether a path below the one so far may match. */
bool glob_goes_on(const Glob *glob, GlobPlaces places);

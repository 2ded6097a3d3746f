/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/glob.h"

#include <string.h>

#include "basic/utf8.h"

#define PLACE(n) (UINT64_C(1) << (n))

static const char *glob_add(Glob *glob, const char *component, size_t size) {
        bool is_any = size == 2 && memcmp(component, "**", 2) == 0;

        if (size == 0)
                return "a component is empty";
        if (component[0] == '.' && (size == 1 || (size == 2 && component[1] == '.')))
                return "a component is . or ..";
        if (glob->n == GLOB_PARTS_MAX)
                return "more than 31 components";
        glob->parts[glob->n].offset = (uint16_t) (component - glob->text);
        glob->parts[glob->n].size = is_any ? 0 : (uint16_t) size;
        glob->n++;
        return NULL;
}

const char *glob_parse(const char *text, Glob *ret_glob) {
        size_t size = strlen(text);
        Glob glob = { .text = text };

        if (size == 0)
                return "empty";
        if (text[0] == '/')
                return "not relative to /app: it begins with a slash";
        if (size > GLOB_BYTES_MAX)
                return "longer than 1024 bytes";
        for (const char *p = text;; p++) {
                size_t n = strcspn(p, "/");
                const char *problem = glob_add(&glob, p, n);

                if (problem)
                        return problem;
                p += n;
                if (*p == '\0')
                        break;
        }
        /* ** at the end is any number of directories, and something in them: its own second star. */
        if (glob.parts[glob.n - 1].size == 0) {
                if (glob.n == GLOB_PARTS_MAX)
                        return "more than 31 components";
                glob.parts[glob.n].offset = (uint16_t) (size - 1);
                glob.parts[glob.n].size = 1;
                glob.n++;
        }
        *ret_glob = glob;
        return NULL;
}

/* The size of the character at the start: what is no UTF-8 is a character byte by byte. */
static size_t character_size(const char *text, size_t size) {
        if ((unsigned char) text[0] < 0x80)
                return 1;
        for (size_t n = 1; n <= 4 && n <= size; n++)
                if (utf8_is_valid(text, n))
                        return n;
        return 1;
}

/* UTF-8 has the order of its code points. */
static int character_compare(const char *a, size_t a_size, const char *b, size_t b_size) {
        int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

        return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* The size of the class that begins with a bracket, 0 if nothing closes it: then it is a bracket. */
static size_t class_size(const char *p, size_t size) {
        const char *end;
        size_t i = 1;

        if (i < size && p[i] == '!')
                i++;
        if (i < size && p[i] == ']')
                i++;
        end = i < size ? memchr(p + i, ']', size - i) : NULL;
        return end ? (size_t) (end - p) + 1 : 0;
}

static bool class_has(const char *p, size_t size, const char *c, size_t c_size) {
        bool is_negated = p[1] == '!', has = false;
        size_t i = is_negated ? 2 : 1, end = size - 1;

        while (i < end) {
                const char *low = p + i, *high = low;
                size_t low_size = character_size(low, end - i), high_size = low_size;

                i += low_size;
                if (i + 1 < end && p[i] == '-') {
                        high = p + i + 1;
                        high_size = character_size(high, end - i - 1);
                        i += 1 + high_size;
                }
                has = has || (character_compare(low, low_size, c, c_size) <= 0 &&
                              character_compare(c, c_size, high, high_size) <= 0);
        }
        return has != is_negated;
}

/* Whether the pattern begins with something that this one character is; *ret_size is how much of it. */
static bool matches_one(const char *p,
                        size_t p_size,
                        const char *c,
                        size_t c_size,
                        size_t *ret_size,
                        uint64_t *steps) {
        size_t size = p[0] == '[' ? class_size(p, p_size) : 0;

        *ret_size = size > 0 ? size : character_size(p, p_size);
        *steps += size;
        if (size > 0)
                return class_has(p, size, c, c_size);
        if (p[0] == '?')
                return true;
        return *ret_size == c_size && memcmp(p, c, c_size) == 0;
}

/* Where a star that ends at the given place may end next: behind one more character, and before the first one of the
 * pattern's rest, if that is only itself. (In UTF-8 ASCII is nothing's second byte.) */
static size_t
star_next(const char *rest, size_t rest_size, const char *name, size_t size, size_t at) {
        const char *next;

        at += character_size(name + at, size - at);
        if (rest_size == 0 || (unsigned char) rest[0] >= 0x80 || strchr("*?[", rest[0]))
                return at;
        next = memchr(name + at, rest[0], size - at);
        return next ? (size_t) (next - name) : size;
}

/* With one place to go back to: the last star takes more and more characters. */
static bool
component_matches(const char *p, size_t p_size, const char *name, size_t size, uint64_t *steps) {
        size_t i = 0, k = 0, star = SIZE_MAX, star_k = 0;

        while (k < size) {
                size_t c = character_size(name + k, size - k), used;

                (*steps)++;

                if (i < p_size && p[i] == '*') {
                        star = ++i;
                        star_k = k;
                } else if (i < p_size &&
                           matches_one(p + i, p_size - i, name + k, c, &used, steps)) {
                        i += used;
                        k += c;
                } else if (star != SIZE_MAX) {
                        i = star;
                        k = star_k = star_next(p + i, p_size - i, name, size, star_k);
                } else
                        return false;
        }
        while (i < p_size && p[i] == '*')
                i++;
        return i == p_size;
}

/* Where a place may be behind any number of directories, it may also be behind none. */
static GlobPlaces glob_spread(const Glob *glob, GlobPlaces places) {
        for (size_t i = 0; i < glob->n; i++)
                if ((places & PLACE(i)) && glob->parts[i].size == 0)
                        places |= PLACE(i + 1);
        return places;
}

GlobPlaces glob_start(const Glob *glob) {
        return glob_spread(glob, PLACE(0));
}

GlobPlaces
glob_step(const Glob *glob, GlobPlaces places, const char *name, size_t size, uint64_t *steps) {
        GlobPlaces next = 0;

        for (size_t i = 0; i < glob->n; i++) {
                if (!(places & PLACE(i)))
                        continue;
                if (glob->parts[i].size == 0)
                        next |= PLACE(i);
                else if (component_matches(glob->text + glob->parts[i].offset, glob->parts[i].size,
                                           name, size, steps))
                        next |= PLACE(i + 1);
        }
        return glob_spread(glob, next);
}

bool glob_accepts(const Glob *glob, GlobPlaces places) {
        return places & PLACE(glob->n);
}

bool glob_goes_on(const Glob *glob, GlobPlaces places) {
        return places & ~PLACE(glob->n);
}

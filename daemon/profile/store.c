/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All profiles of a daemon: flat lines one after the other, each profile behind "== NAME". */

#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "profile/flat.h"
#include "profile/profile.h"

#define MARK "== "

/* The end of the line at s, its newline included. */
static const char *line_end(const char *s, const char *end) {
        const char *newline = memchr(s, '\n', (size_t) (end - s));

        return newline ? newline + 1 : end;
}

static bool is_mark(const char *s, const char *end) {
        return (size_t) (end - s) >= strlen(MARK) && memcmp(s, MARK, strlen(MARK)) == 0;
}

static int store_add(ProfileStore *store,
                     const char *name,
                     size_t name_size,
                     const char *lines,
                     size_t size,
                     char **ret_error) {
        _cleanup_(profile_freep) Profile *profile = NULL;
        int r;

        if (store->n_profiles >= PROFILES_MAX)
                return flat_error(ret_error, "there are more than %d profiles", PROFILES_MAX);
        r = profile_parse(lines, size, &profile, ret_error);
        if (r < 0)
                return r;
        if (strlen(profile->name) != name_size || memcmp(profile->name, name, name_size) != 0)
                return flat_error(ret_error, "profile '%s' stands behind the mark of another one",
                                  profile->name);
        if (profile_store_find(store, profile->name) >= 0)
                return flat_error(ret_error, "profile '%s' is there twice", profile->name);
        store->profiles[store->n_profiles++] = TAKE_PTR(profile);
        return 0;
}

int profile_store_parse(const char *lines,
                        size_t size,
                        ProfileStore **ret_store,
                        char **ret_error) {
        _cleanup_(profile_store_unrefp) ProfileStore *store = calloc(1, sizeof(*store));
        const char *s = lines, *end = lines + size;

        *ret_error = NULL;
        if (!store)
                return -ENOMEM;
        store->n_refs = 1;
        while (s < end) {
                const char *name = s + strlen(MARK), *body, *next;
                int r;

                if (!is_mark(s, end))
                        return flat_error(ret_error, "a profile does not start with \"== NAME\"");
                body = line_end(s, end);
                next = body;
                while (next < end && !is_mark(next, end))
                        next = line_end(next, end);
                r = store_add(store, name, (size_t) (body - name) - (body[-1] == '\n' ? 1 : 0),
                              body, (size_t) (next - body), ret_error);
                if (r < 0)
                        return r;
                s = next;
        }
        *ret_store = TAKE_PTR(store);
        return 0;
}

ProfileStore *profile_store_ref(ProfileStore *store) {
        store->n_refs++;
        return store;
}

ProfileStore *profile_store_unref(ProfileStore *store) {
        if (!store || --store->n_refs > 0)
                return NULL;
        FOREACH_ARRAY(profile, store->profiles, store->n_profiles)
                profile_free(*profile);
        free(store);
        return NULL;
}

int profile_store_find(const ProfileStore *store, const char *name) {
        for (size_t i = 0; i < store->n_profiles; i++)
                if (strcmp(store->profiles[i]->name, name) == 0)
                        return (int) i;
        return -ENOENT;
}

uint64_t profile_digest_short(const Profile *profile) {
        uint64_t v = 0;

        for (size_t i = 0; i < 16; i++) {
                char c = profile->digest[i];

                v = v << 4 | (uint64_t) (c <= '9' ? c - '0' : c - 'a' + 10);
        }
        return v;
}

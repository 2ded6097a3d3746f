/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Replies of GetProfile: one is as long as a chapter, and the same until profiles are read again. The last one of
 * each profile is kept as JSON text. */

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"
#include "proto/limits.h"

/* What a reply depends on beside the profile. To be cleared before it is filled in: it is compared as bytes. */
typedef struct ProfileView {
        Limits limits, maximum; /* as the tenant has them */
        char python_version[32];
        bool is_allowed, is_default;
} ProfileView;

typedef struct ProfileReply {
        ProfileView view;
        char *text;
} ProfileReply;

typedef struct ProfileReplies {
        ProfileStore *store; /* held; NULL is none */
        ProfileReply *replies;
} ProfileReplies;

void profile_replies_done(ProfileReplies *replies);

/* The reply for this profile of this store, or NULL. */
const char *profile_replies_find(const ProfileReplies *replies,
                                 const ProfileStore *store,
                                 size_t index,
                                 const ProfileView *view);

/* Keeps it; takes text, whatever happens. -ENOMEM. */
int profile_replies_put(ProfileReplies *replies,
                        ProfileStore *store,
                        size_t index,
                        const ProfileView *view,
                        char *text);

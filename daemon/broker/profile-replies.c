/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/profile-replies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

void profile_replies_done(ProfileReplies *r) {
        for (size_t i = 0; r->store && i < r->store->n_profiles; i++)
                free(r->replies[i].text);
        free(r->replies);
        profile_store_unref(r->store);
        *r = (ProfileReplies){};
}

static bool view_is(const ProfileView *a, const ProfileView *b) {
        return memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0 &&
               memcmp(&a->maximum, &b->maximum, sizeof(a->maximum)) == 0 &&
               strcmp(a->python_version, b->python_version) == 0 &&
               a->is_allowed == b->is_allowed && a->is_default == b->is_default;
}

const char *profile_replies_find(const ProfileReplies *r,
                                 const ProfileStore *store,
                                 size_t index,
                                 const ProfileView *view) {
        const ProfileReply *reply = r->store == store ? &r->replies[index] : NULL;

        return reply && reply->text && view_is(&reply->view, view) ? reply->text : NULL;
}

int profile_replies_put(
        ProfileReplies *r, ProfileStore *store, size_t index, const ProfileView *view, char *text) {
        ProfileReply *reply;

        if (r->store != store) {
                profile_replies_done(r);
                r->replies = calloc(store->n_profiles, sizeof(*r->replies));
                if (!r->replies) {
                        free(text);
                        return -ENOMEM;
                }
                r->store = profile_store_ref(store);
        }
        reply = &r->replies[index];
        free(reply->text);
        *reply = (ProfileReply){ .view = *view, .text = text };
        return 0;
}

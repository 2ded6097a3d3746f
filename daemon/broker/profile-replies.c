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

const char *profile_replies_find(const ProfileReplies *r,
                                 const ProfileStore *store,
                                 size_t index,
                                 const ProfileView *view) {
        const ProfileReply *reply = r->store == store ? &r->replies[index] : NULL;

        return reply && reply->text && memcmp(&reply->view, view, sizeof(*view)) == 0 ? reply->text
                                                                                      : NULL;
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

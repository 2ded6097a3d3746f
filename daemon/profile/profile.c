/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/profile.h"

#include <errno.h>

int profile_parse(const char *lines, size_t size, Profile **ret_profile, char **ret_error) {
        return -ENOSYS;
}
Profile *profile_free(Profile *profile) {
        return NULL;
}
uint64_t profile_digest_short(const Profile *profile) {
        return 0;
}
const char *profile_network_to_string(ProfileNetwork network) {
        return NULL;
}
const char *profile_files_to_string(ProfileFiles files) {
        return NULL;
}
const char *profile_proc_to_string(ProfileProc proc) {
        return NULL;
}
int profile_store_parse(const char *lines,
                        size_t size,
                        ProfileStore **ret_store,
                        char **ret_error) {
        return -ENOSYS;
}
ProfileStore *profile_store_free(ProfileStore *store) {
        return NULL;
}
int profile_store_find(const ProfileStore *store, const char *name) {
        return -ENOENT;
}
void profile_print_keys(FILE *f) {
}

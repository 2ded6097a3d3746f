/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cage/sys.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int sys_pivot_root_here(void) {
        return syscall(SYS_pivot_root, ".", ".") < 0 ? -errno : 0;
}

int sys_join_session_keyring(void) {
        return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) < 0 ? -errno : 0;
}

int sys_seccomp_listener(const struct sock_fprog *program) {
        long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                          program);

        return fd < 0 ? -errno : (int) fd;
}

int sys_seccomp_sizes(struct seccomp_notif_sizes *ret_sizes) {
        return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, ret_sizes) < 0 ? -errno : 0;
}

int sys_tid_address(int **ret_address) {
        return prctl(PR_GET_TID_ADDRESS, ret_address, 0, 0, 0) < 0 ? -errno : 0;
}

int sys_landlock_create_ruleset(const LandlockRuleset *ruleset) {
        long fd = syscall(SYS_landlock_create_ruleset, ruleset, sizeof(*ruleset), 0);

        return fd < 0 ? -errno : (int) fd;
}

int sys_landlock_allow_beneath(int ruleset_fd, const struct landlock_path_beneath_attr *rule) {
        return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, rule, 0) < 0
                       ? -errno
                       : 0;
}

int sys_landlock_restrict_self(int ruleset_fd, uint32_t flags) {
        return syscall(SYS_landlock_restrict_self, ruleset_fd, flags) < 0 ? -errno : 0;
}

int sys_openat2(int directory_fd, const char *path, const struct open_how *how) {
        long fd = syscall(SYS_openat2, directory_fd, path, how, sizeof(*how));

        return fd < 0 ? -errno : (int) fd;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/sys.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

long sys_clone3(struct clone_args *args) {
        long r = syscall(SYS_clone3, args, sizeof(*args));

        return r < 0 ? -errno : r;
}

int sys_landlock_abi(void) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        if (abi >= 0)
                return (int) abi;
        /* Not built in, not in lsm=, or denied by the container that we run in. */
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
}

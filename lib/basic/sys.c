/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/sys.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

long sys_clone3(struct clone_args *args) {
        long r = syscall(SYS_clone3, args, sizeof(*args));

        return r < 0 ? -errno : r;
}

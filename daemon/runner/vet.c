/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/vet.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/macro.h"
#include "config.h"
#include "runner/compile.h"

/* An archive is read here that somebody else has made, maybe as root: nothing of root is left but the
 * files that it owns, and there is an end to memory, time and what can be written. */
static int vet_give_up_privileges(void) {
        static const struct {
                int resource;
                rlim_t value;
        } bounds[] = {
#if !SANITIZER_CALLS
                { RLIMIT_AS, 2 * GIB },
#endif
                { RLIMIT_CPU, 300 },
                { RLIMIT_FSIZE, 1 * GIB },
                { RLIMIT_CORE, 0 },
        };
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

        FOREACH_ARRAY(bound, bounds, ELEMENTSOF(bounds)) {
                struct rlimit limit;

                if (getrlimit((__rlimit_resource_t) bound->resource, &limit) < 0)
                        return -errno;
                limit.rlim_cur = limit.rlim_max = MIN(limit.rlim_max, bound->value);
                if (setrlimit((__rlimit_resource_t) bound->resource, &limit) < 0)
                        return -errno;
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int vet_main(char **arguments, int n_arguments) {
        int r = vet_give_up_privileges();

        if (r < 0) {
                fprintf(stderr, "pysb-runner: cannot give up privileges: %s\n", strerror(-r));
                return 1;
        }
        return compile_main("_vet", arguments, n_arguments);
}

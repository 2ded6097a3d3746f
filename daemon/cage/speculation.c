/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the CPU does ahead of time can be watched by who shares it. The kernel guards itself; processes of the host are
 * guarded against a job, and the other way round, as far as the job goes without. */

#include <errno.h>
#include <sys/prctl.h>

#include "basic/macro.h"
#include "cage/internal.h"

static int stop_one(unsigned long kind) {
        int state = prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0);

        if (state < 0)
                return -errno;
        if (!(state &
              PR_SPEC_PRCTL)) /* it is so for all; if that is on, the host was booted to have it */
                return state == PR_SPEC_NOT_AFFECTED || (state & PR_SPEC_DISABLE) ? 0 : -ENXIO;
        return prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, 0, 0) < 0 ? -errno : 0;
}

int cage_stop_speculation(void) {
        static const unsigned long kinds[] = { PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH };

        FOREACH_ARRAY(kind, kinds, ELEMENTSOF(kinds)) {
                int r = stop_one(*kind);

                if (r < 0)
                        return r;
        }
        return 0;
}

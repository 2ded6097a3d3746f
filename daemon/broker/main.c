/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* pysbd-broker: the process that talks to people. It holds no privilege, parses what hostile clients
 * and jobs send, and can ask the builder for boxes of plans that exist. Started by pysbd only; its
 * descriptors are those of proto/builder-wire.h. */

#include <stdlib.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/start.h"

#ifdef __SANITIZE_ADDRESS__
/* Its leak checker needs ptrace, which the filter denies; the unit tests check for leaks. */
_public_ const char *__asan_default_options(void);
const char *__asan_default_options(void) {
        return "detect_leaks=0";
}
#endif

int main(int argc, char *argv[]) {
        int r;

        if (fd_open_standard() < 0)
                return EXIT_FAILURE;
        log_set_program("pysbd-broker");
        r = broker_run(argc, argv);
        return r < 0 ? EXIT_FAILURE : r;
}

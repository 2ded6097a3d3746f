/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>

#include "client/exit-status.h"
#include "client/verb.h"

int verb_forget(int argc, char *argv[]) {
        static const struct option options[] = { OPTIONS_CONNECTION, {} };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        Common common = {};
        int status = 0;

        if (common_parse(&common, argc, argv, options, 1, INT_MAX) < 0)
                return common_usage(argv[0]);
        if (common_connect(&common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        for (int i = optind; i < argc; i++) {
                int r;

                r = pysb_forget(client, argv[i]);
                if (r < 0)
                        status = common_call_failed(client, r);
        }
        return status;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "basic/parse.h"
#include "client/exit-status.h"
#include "client/text.h"
#include "client/verb.h"

enum {
        OPTION_GRACE = _OPTION_OWN,
        OPTION_REASON,
};

typedef struct CancelOptions {
        Common common;
        bool has_grace;
        uint64_t grace_usec;
        const char *reason; /* NULL: the daemon's */
} CancelOptions;

static int cancel_parse(CancelOptions *o, int argc, char *argv[]) {
        static const struct option options[] = { OPTIONS_CONNECTION,
                                                 { "grace", required_argument, NULL, OPTION_GRACE },
                                                 { "reason", required_argument, NULL,
                                                   OPTION_REASON },
                                                 {} };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (option == OPTION_REASON) {
                        o->reason = optarg;
                        continue;
                }
                if (option != OPTION_GRACE) {
                        if (common_take(&o->common, option) < 0)
                                return -EINVAL;
                        continue;
                }
                if (parse_duration(optarg, &o->grace_usec) < 0) {
                        text_error("--grace: %s is no time; write it like 5s, or 0.", optarg);
                        return -EINVAL;
                }
                o->has_grace = true;
        }
        if (optind < argc)
                return 0;
        text_error("Say which job.");
        return -EINVAL;
}

int verb_cancel(int argc, char *argv[]) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        CancelOptions o = {};
        int status = 0;

        if (cancel_parse(&o, argc, argv) < 0)
                return common_usage(argv[0]);
        if (common_connect(&o.common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        for (int i = optind; i < argc; i++) {
                int r;

                r = o.has_grace ? pysb_cancel_with_grace(client, argv[i], o.grace_usec, o.reason)
                                : pysb_cancel(client, argv[i], o.reason);
                if (r < 0)
                        status = common_call_failed(client, r);
        }
        return status;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "client/exit-status.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/report.h"

int verb_attach(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                { "events", no_argument, NULL, OPTION_EVENTS },
                { "summary", no_argument, NULL, OPTION_SUMMARY },
                { "display-dir", required_argument, NULL, OPTION_DISPLAY_DIR },
                { "output-dir", required_argument, NULL, OPTION_OUTPUT_DIR },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(follow_done) Follow follow = {};
        Common common = {};
        int r;

        if (common_parse(&common, argc, argv, options, 1, 1) < 0)
                return common_usage(argv[0]);
        interrupt_setup();
        if (displays_prepare(common.display_dir) < 0 || outputs_prepare(common.output_dir) < 0 ||
            common_connect(&common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        follow.client = client;
        follow.events = common.events;
        follow.displays.dir = common.display_dir;
        follow.outputs.dir = common.output_dir;
        r = pysb_attach(client, argv[optind], 0, follow_callback, &follow);
        if (r < 0)
                return common_call_failed(client, r);
        r = follow_run(&follow);
        if (r != 0)
                return r;
        outputs_fetch(&follow.outputs, client);
        if (!common.events) {
                displays_report(&follow.displays);
                outputs_report(&follow.outputs);
        }
        r = report_result(&common, client, follow.result);
        return r == 0 && follow.outputs.has_failed ? EXIT_FAILURE : r;
}

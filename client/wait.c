/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "client/displays.h"
#include "client/exit-status.h"
#include "client/outputs.h"
#include "client/report.h"
#include "client/verb.h"

int verb_wait(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                { "json", no_argument, NULL, OPTION_JSON },
                { "summary", no_argument, NULL, OPTION_SUMMARY },
                { "display-dir", required_argument, NULL, OPTION_DISPLAY_DIR },
                { "output-dir", required_argument, NULL, OPTION_OUTPUT_DIR },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_result_freep) PysbResult *result = NULL;
        Common common = {};
        _cleanup_(outputs_done) Outputs outputs = {};
        Displays displays = {};
        int r;

        if (common_parse(&common, argc, argv, options, 1, 1) < 0)
                return common_usage(argv[0]);
        if (displays_prepare(common.display_dir) < 0 || outputs_prepare(common.output_dir) < 0 ||
            common_connect(&common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        r = pysb_wait(client, argv[optind], UINT64_MAX, &result);
        if (r < 0)
                return common_call_failed(client, r);
        displays.dir = common.display_dir;
        displays_add_result(&displays, result);
        outputs.dir = common.output_dir;
        outputs_add_result(&outputs, result);
        outputs_fetch(&outputs, client);
        if (!common.json) {
                displays_report(&displays);
                outputs_report(&outputs);
        }
        r = report_result(&common, client, result);
        return r == 0 && outputs.has_failed ? EXIT_FAILURE : r;
}

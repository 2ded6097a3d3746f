/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "client/exit-status.h"
#include "client/fields.h"
#include "client/verb.h"

static const Field fields[] = {
        { "Job", "info.job" },
        { "State", "info.state" },
        { "Outcome", "info.outcome" },
        { "Tenant", "info.tenant" },
        { "Profile", "info.profile" },
        { "Jobs ahead", "info.position" },
        { "Accepted", "info.acceptedAtUSec" },
        { "Started", "info.startedAtUSec" },
        { "Finished", "info.finishedAtUSec" },
        { "Kept until", "info.retainedUntilUSec" },
        { "Limits", "info.limits" },
};

int verb_show(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *job = NULL;
        _cleanup_free_ char *json = NULL, *parameters = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 1, 1) < 0)
                return common_usage(argv[0]);
        if (common_connect(&common, &client) < 0 ||
            common_parameter("job", argv[optind], &parameters) < 0 ||
            common_call(client, "GetJob", parameters, &json, &job) < 0)
                return EXIT_NOT_ACCEPTED;
        if (common.json) {
                puts(json);
                return 0;
        }
        fields_print(job, fields, ELEMENTSOF(fields));
        fields_print_members(job, "Labels", "info.labels");
        fields_print_members(job, "Usage", "info.usage");
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "client/exit-status.h"
#include "client/findings.h"
#include "client/submit-options.h"

int verb_check(int argc, char *argv[]) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *reply = NULL;
        _cleanup_free_ char *json = NULL;
        SubmitOptions options;
        int r;

        r = submit_options_parse(argc, argv, &options, &request);
        if (r != 0)
                return r;
        if (common_connect(&options.common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        r = pysb_check(client, request, &reply);
        if (r < 0)
                return common_call_failed(client, r);
        if (!options.common.json)
                findings_print(stdout, program_name(&options.program), reply);
        else if (pysb_document_to_json(reply, NULL, &json) == 0)
                puts(json);
        return pysb_document_is_true(reply, "accepted") ? 0 : EXIT_REJECTED;
}

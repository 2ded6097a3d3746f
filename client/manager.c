/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs for administrators: reload, drain and resume. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/exit-status.h"
#include "client/manager.h"
#include "client/text.h"

int manager_connect(Common *common, PysbClient **ret_client) {
        if (!common->address)
                common->address = PYSB_MANAGER_ADDRESS;
        return common_connect(common, ret_client);
}

int verb_reload(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTION_ROW_ADDRESS,
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *reply = NULL;
        _cleanup_free_ char *json = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 0, 0) < 0)
                return common_usage(argv[0]);
        if (manager_connect(&common, &client) < 0 ||
            common_call(client, MANAGER_METHOD("Reload"), NULL, &json, &reply) < 0)
                return EXIT_NOT_ACCEPTED;
        if (common.json)
                puts(json);
        else
                printf("%zu profiles are in force.\n", pysb_document_get_size(reply, "profiles"));
        return 0;
}

/* Exit status 1 says that there is still something left: for scripts that ask again. */
int verb_drain(int argc, char *argv[]) {
        enum {
                OPTION_WAIT = _OPTION_OWN,
        };
        static const struct option options[] = {
                OPTION_ROW_ADDRESS,
                { "json", no_argument, NULL, OPTION_JSON },
                { "wait", no_argument, NULL, OPTION_WAIT },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *reply = NULL;
        _cleanup_free_ char *json = NULL;
        const char *parameters = "{\"timeoutUSec\":0}";
        int64_t running = 0, queued = 0;
        Common common = {};
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (option == OPTION_WAIT)
                        parameters = NULL;
                else if (common_take(&common, option) < 0)
                        return common_usage(argv[0]);
        if (optind != argc) {
                text_error("%s: the argument %s is one too many.", argv[0], argv[optind]);
                return common_usage(argv[0]);
        }
        if (manager_connect(&common, &client) < 0 ||
            common_call(client, MANAGER_METHOD("Drain"), parameters, &json, &reply) < 0)
                return EXIT_NOT_ACCEPTED;
        (void) pysb_document_get_integer(reply, "runningJobs", &running);
        (void) pysb_document_get_integer(reply, "queuedJobs", &queued);
        if (common.json)
                puts(json);
        else
                printf("%" PRId64 " jobs run, %" PRId64 " wait.\n", running, queued);
        return running + queued > 0 ? 1 : 0;
}

int verb_resume(int argc, char *argv[]) {
        static const struct option options[] = { OPTION_ROW_ADDRESS, {} };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 0, 0) < 0)
                return common_usage(argv[0]);
        if (manager_connect(&common, &client) < 0 ||
            common_call(client, MANAGER_METHOD("Resume"), NULL, NULL, NULL) < 0)
                return EXIT_NOT_ACCEPTED;
        return 0;
}

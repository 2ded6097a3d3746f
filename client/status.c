/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "client/exit-status.h"
#include "client/fields.h"
#include "client/text.h"
#include "client/verb.h"

static const Field node_fields[] = {
        { "Version", "version" },        { "Python", "pythonVersion" },
        { "Kernel", "kernel" },          { "Degraded", "degraded" },
        { "Counters", "counters" },      { "Running jobs", "runningJobs" },
        { "At most", "maxRunningJobs" }, { "Queued jobs", "queuedJobs" },
        { "Draining", "draining" },
};

static const Field caller_fields[] = {
        { "You are", "tenant" },         { "Your running", "runningJobs" },
        { "Your queued", "queuedJobs" }, { "Connections", "connections" },
        { "At most", "maxConnections" },
};

static const Field tenant_fields[] = {
        { "Tenant", "tenant" },          { "Its running", "runningJobs" },
        { "Its queued", "queuedJobs" },  { "Connections", "connections" },
        { "At most", "maxConnections" },
};

static const char *const columns[] = { "layer", "state", "detail" };

/* The protection layers as a table. */
static int print_layers(const PysbDocument *node) {
        static const char *const heading[] = { "LAYER", "STATE", "DETAIL" };
        size_t n = pysb_document_get_size(node, "isolation");
        _cleanup_free_ const char **cells = calloc((n + 1) * ELEMENTSOF(columns), sizeof(char *));

        if (!cells)
                return EXIT_NOT_ACCEPTED;
        for (size_t i = 0; i < ELEMENTSOF(columns); i++)
                cells[i] = heading[i];
        for (size_t i = 0; i < n * ELEMENTSOF(columns); i++) {
                char path[64];

                snprintf(path, sizeof(path), "isolation.%zu.%s", i / ELEMENTSOF(columns),
                         columns[i % ELEMENTSOF(columns)]);
                cells[ELEMENTSOF(columns) + i] = pysb_document_get_string(node, path);
        }
        putchar('\n');
        text_table(stdout, cells, ELEMENTSOF(columns), n + 1);
        return 0;
}

int verb_status(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                OPTION_ROW_TENANT,
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *node = NULL, *caller = NULL;
        _cleanup_free_ char *parameters = NULL, *node_json = NULL, *caller_json = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 0, 0) < 0)
                return common_usage(argv[0]);
        if (common_parameters(&common, "", &parameters) < 0 ||
            common_connect(&common, &client) < 0 ||
            common_call(client, "GetNode", NULL, &node_json, &node) < 0 ||
            common_call(client, "WhoAmI", parameters, &caller_json, &caller) < 0)
                return EXIT_NOT_ACCEPTED;
        if (common.json) {
                printf("{\"node\":%s,\"caller\":%s}\n", node_json, caller_json);
                return 0;
        }
        fields_print(node, node_fields, ELEMENTSOF(node_fields));
        if (common.tenant)
                fields_print(caller, tenant_fields, ELEMENTSOF(tenant_fields));
        else
                fields_print(caller, caller_fields, ELEMENTSOF(caller_fields));
        return print_layers(node);
}

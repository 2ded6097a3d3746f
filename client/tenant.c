/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For administrators: what a tenant may have until the next reload, and the end of all of its jobs. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "client/exit-status.h"
#include "client/manager.h"
#include "client/text.h"

/* The keys of tenants.toml, and the fields of Quota that they are. */
static const struct {
        const char *key, *field;
        int (*parse)(const char *text, uint64_t *ret_value);
} quotas[] = {
        { "weight", "weight", parse_u64 },
        { "cpu_weight", "cpuWeight", parse_u64 },
        { "max_running", "maxRunningJobs", parse_u64 },
        { "max_queued", "maxQueuedJobs", parse_u64 },
        { "max_connections", "maxConnections", parse_u64 },
        { "max_sessions", "maxSessions", parse_u64 },
        { "max_memory", "maxMemoryBytes", parse_size },
        { "max_bytes", "maxBytes", parse_size },
        { "max_blob_bytes", "maxBlobBytes", parse_size },
        { "submits_per_second", "submitsPerSecond", parse_u64 },
        { "submit_burst", "submitBurst", parse_u64 },
};

/* "max_running=4" as "maxRunningJobs":4. */
static int quota_print(FILE *f, const char *argument) {
        size_t size = strcspn(argument, "=");

        FOREACH_ARRAY(quota, quotas, ELEMENTSOF(quotas)) {
                uint64_t value;

                if (strlen(quota->key) != size || strncmp(quota->key, argument, size) != 0)
                        continue;
                if (argument[size] != '=' || quota->parse(argument + size + 1, &value) < 0) {
                        text_error("%s: write it like %s=%s.", argument, quota->key,
                                   quota->parse == parse_size ? "256M" : "4");
                        return -EINVAL;
                }
                fprintf(f, "\"%s\":%" PRIu64, quota->field, value);
                return 0;
        }
        text_error("%.*s: there is no such quota; they are the numbers in tenants.toml.",
                   (int) size, argument);
        return -EINVAL;
}

static int set_parameters(const char *tenant, char *const *arguments, char **ret_json) {
        _cleanup_free_ char *quoted = NULL, *json = NULL;
        size_t size;
        int r = pysb_quote(tenant, &quoted);
        FILE *f;

        if (r < 0) {
                text_error("%s: %s.", tenant, strerror(-r));
                return r;
        }
        f = open_memstream(&json, &size);
        if (!f)
                return -ENOMEM;
        fprintf(f, "{\"tenant\":%s,\"quota\":{", quoted);
        for (char *const *a = arguments; *a && r >= 0; a++) {
                fputs(a == arguments ? "" : ",", f);
                r = quota_print(f, *a);
        }
        fputs("}}", f);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r >= 0)
                *ret_json = TAKE_PTR(json);
        return r;
}

static int tenant_set(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTION_ROW_ADDRESS,
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_free_ char *parameters = NULL, *json = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 2, argc) < 0 ||
            set_parameters(argv[optind], argv + optind + 1, &parameters) < 0)
                return common_usage("tenant");
        if (manager_connect(&common, &client) < 0 ||
            common_call(client, MANAGER_METHOD("SetTenant"), parameters, &json, NULL) < 0)
                return EXIT_NOT_ACCEPTED;
        if (common.json)
                puts(json);
        return 0;
}

/* Everybody's only if it is said in full. */
static int tenant_cancel(int argc, char *argv[]) {
        enum {
                OPTION_ALL = _OPTION_OWN,
        };
        static const struct option options[] = {
                OPTION_ROW_ADDRESS,
                { "all", no_argument, NULL, OPTION_ALL },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *reply = NULL;
        _cleanup_free_ char *parameters = NULL;
        Common common = {};
        bool all = false;
        int64_t jobs = 0;
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (option == OPTION_ALL)
                        all = true;
                else if (common_take(&common, option) < 0)
                        return common_usage("tenant");
        if (argc - optind != (all ? 0 : 1)) {
                text_error("tenant cancel: say which tenant, or --all.");
                return common_usage("tenant");
        }
        if ((!all && common_parameter("tenant", argv[optind], &parameters) < 0) ||
            manager_connect(&common, &client) < 0 ||
            common_call(client, MANAGER_METHOD("CancelAll"), parameters, NULL, &reply) < 0)
                return EXIT_NOT_ACCEPTED;
        (void) pysb_document_get_integer(reply, "jobs", &jobs);
        printf("%" PRId64 " jobs are cancelled.\n", jobs);
        return 0;
}

int verb_tenant(int argc, char *argv[]) {
        if (argc > 1 && strcmp(argv[1], "set") == 0)
                return tenant_set(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "cancel") == 0)
                return tenant_cancel(argc - 1, argv + 1);
        text_error("tenant: set or cancel?");
        return common_usage("tenant");
}

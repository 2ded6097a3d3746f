/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "client/exit-status.h"
#include "client/report.h"
#include "client/text.h"
#include "client/verb.h"

/* One page is enough for people; who wants more reads nextCursor. */
#define LIST_PARAMETERS "\"maxEntries\":1000"

static const char *const heading[] = { "JOB", "STATE", "OUTCOME", "PROFILE", "ACCEPTED" };

#define N_COLUMNS ELEMENTSOF(heading)

static const char *job_string(const PysbDocument *jobs, size_t index, const char *field) {
        char path[64];

        snprintf(path, sizeof(path), "jobs.%zu.%s", index, field);
        return pysb_document_get_string(jobs, path);
}

static const char *job_accepted(const PysbDocument *jobs, size_t index, char *buf) {
        char path[64];
        int64_t usec;

        snprintf(path, sizeof(path), "jobs.%zu.acceptedAtUSec", index);
        return pysb_document_get_integer(jobs, path, &usec) < 0 ? NULL : text_instant(usec, buf);
}

static int print_jobs(const PysbDocument *jobs) {
        size_t n = pysb_document_get_size(jobs, "jobs");
        _cleanup_free_ const char **cells = calloc((n + 1) * N_COLUMNS, sizeof(char *));
        _cleanup_free_ char(*instants)[TEXT_NUMBER_MAX] = calloc(n + 1, TEXT_NUMBER_MAX);

        if (!cells || !instants)
                return EXIT_NOT_ACCEPTED;
        for (size_t i = 0; i < N_COLUMNS; i++)
                cells[i] = heading[i];
        for (size_t i = 0; i < n; i++) {
                const char **row = cells + (i + 1) * N_COLUMNS;

                row[0] = job_string(jobs, i, "job");
                row[1] = job_string(jobs, i, "state");
                row[2] = job_string(jobs, i, "outcome");
                row[3] = job_string(jobs, i, "profile");
                row[4] = job_accepted(jobs, i, instants[i]);
        }
        text_table(stdout, cells, N_COLUMNS, n + 1);
        return 0;
}

int verb_list(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                OPTION_ROW_TENANT,
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *jobs = NULL;
        _cleanup_free_ char *parameters = NULL, *json = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 0, 0) < 0)
                return common_usage(argv[0]);
        if (common_parameters(&common, LIST_PARAMETERS, &parameters) < 0 ||
            common_connect(&common, &client) < 0 ||
            common_call(client, "ListJobs", parameters, &json, &jobs) < 0)
                return EXIT_NOT_ACCEPTED;
        if (!common.json)
                return print_jobs(jobs);
        puts(json);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs and tenants of the whole daemon, again and again. */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/exit-status.h"
#include "client/manager.h"
#include "client/text.h"

#define REFRESH_MSEC 2000

typedef struct Column {
        const char *heading, *field;
} Column;

static const Column tenant_columns[] = {
        { "TENANT", "tenant" },         { "RUNNING", "runningJobs" },
        { "QUEUED", "queuedJobs" },     { "RESULTS", "finishedJobs" },
        { "CLIENTS", "connections" },   { "MEMORY LIMITS", "memoryBytes" },
        { "IN DAEMON", "daemonBytes" },
};

static const Column job_columns[] = {
        { "JOB", "job" },     { "TENANT", "tenant" },    { "PROFILE", "profile" },
        { "STATE", "state" }, { "TIME", "runningUSec" }, { "MEMORY LIMIT", "memoryLimitBytes" },
};

/* The array of objects as a table. */
static int print_rows(const PysbDocument *document,
                      const char *array,
                      const Column *columns,
                      size_t n_columns) {
        size_t n = pysb_document_get_size(document, array);
        _cleanup_free_ const char **cells = calloc((n + 1) * n_columns, sizeof(char *));
        _cleanup_free_ char(*figures)[TEXT_NUMBER_MAX] = calloc(n * n_columns + 1, TEXT_NUMBER_MAX);
        char path[64];
        int64_t value;

        if (!cells || !figures)
                return -1;
        for (size_t i = 0; i < n_columns; i++)
                cells[i] = columns[i].heading;
        for (size_t i = 0; i < n * n_columns; i++) {
                const char **cell = &cells[n_columns + i];

                snprintf(path, sizeof(path), "%s.%zu.%s", array, i / n_columns,
                         columns[i % n_columns].field);
                *cell = pysb_document_get_string(document, path);
                if (!*cell && pysb_document_get_integer(document, path, &value) >= 0)
                        *cell = text_figure(path, value, figures[i]);
        }
        text_table(stdout, cells, n_columns, n + 1);
        return 0;
}

static int64_t figure(const PysbDocument *status, const char *name) {
        int64_t value = 0;

        (void) pysb_document_get_integer(status, name, &value);
        return value;
}

static void print_head(const PysbDocument *status) {
        char up[TEXT_NUMBER_MAX], memory[TEXT_NUMBER_MAX];

        printf("pysbd %s, up %s%s, %" PRId64 " reloads\n"
               "%" PRId64 " of %" PRId64 " jobs run, %" PRId64 " wait, %" PRId64
               " clients, memory limits of %s\n\n",
               pysb_document_get_string(status, "version"),
               text_usec((uint64_t) figure(status, "uptimeUSec"), up),
               pysb_document_is_true(status, "draining") ? ", DRAINING" : "",
               figure(status, "reloads"), figure(status, "runningJobs"),
               figure(status, "maxRunningJobs"), figure(status, "queuedJobs"),
               figure(status, "connections"),
               text_bytes((uint64_t) figure(status, "memoryBytes"), memory));
}

static int print_once(PysbClient *client, bool as_json, bool clear) {
        _cleanup_(pysb_document_freep) PysbDocument *status = NULL, *tenants = NULL, *jobs = NULL;
        _cleanup_free_ char *status_json = NULL, *tenants_json = NULL, *jobs_json = NULL;

        if (common_call(client, MANAGER_METHOD("GetStatus"), NULL, &status_json, &status) < 0 ||
            common_call(client, MANAGER_METHOD("ListTenants"), NULL, &tenants_json, &tenants) < 0 ||
            common_call(client, MANAGER_METHOD("ListJobs"), NULL, &jobs_json, &jobs) < 0)
                return -1;
        if (as_json) {
                printf("{\"status\":%s,\"tenants\":%s,\"jobs\":%s}\n", status_json, tenants_json,
                       jobs_json);
                return 0;
        }
        if (clear)
                fputs("\033[H\033[J", stdout); /* the top left, and nothing below */
        print_head(status);
        if (print_rows(tenants, "tenants", tenant_columns, ELEMENTSOF(tenant_columns)) < 0)
                return -1;
        putchar('\n');
        if (print_rows(jobs, "jobs", job_columns, ELEMENTSOF(job_columns)) < 0)
                return -1;
        if (pysb_document_is_true(jobs, "truncated"))
                puts("…");
        return 0;
}

int verb_top(int argc, char *argv[]) {
        enum {
                OPTION_ONCE = _OPTION_OWN,
        };
        static const struct option options[] = {
                OPTION_ROW_ADDRESS,
                { "json", no_argument, NULL, OPTION_JSON },
                { "once", no_argument, NULL, OPTION_ONCE },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        bool once = !isatty(STDOUT_FILENO);
        Common common = {};
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (option == OPTION_ONCE)
                        once = true;
                else if (common_take(&common, option) < 0)
                        return common_usage(argv[0]);
        if (optind != argc) {
                text_error("%s: the argument %s is one too many.", argv[0], argv[optind]);
                return common_usage(argv[0]);
        }
        once = once || common.json;
        if (manager_connect(&common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        do {
                if (print_once(client, common.json, !once) < 0)
                        return EXIT_NOT_ACCEPTED;
                (void) fflush(stdout);
        } while (!once && poll(NULL, 0, REFRESH_MSEC) == 0);
        return 0;
}

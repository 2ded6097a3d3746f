/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs and tenants of the whole daemon, again and again. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/exit-status.h"
#include "client/manager.h"
#include "client/text.h"

#define REFRESH_MSEC 2000

/* What a job uses: to be compared with what it had used when it was looked at before. */
typedef struct Load {
        const char *job, *tenant;
        int64_t running_usec, cpu_usec, memory_bytes;
        int64_t cpu_percent; /* of one CPU, since then, or since it began */
} Load;

/* One look at the daemon. */
typedef struct Look {
        PysbDocument *status, *tenants, *jobs;
        char *status_json, *tenants_json, *jobs_json;
        Load *loads; /* one for each job */
        size_t n_loads;
} Look;

typedef struct Column {
        const char *heading, *field;
        /* Instead of a field: returns buf */
        const char *(*compute)(const Look *look, size_t row, char buf[static TEXT_NUMBER_MAX]);
} Column;

static void look_done(Look *look) {
        pysb_document_free(look->status);
        pysb_document_free(look->tenants);
        pysb_document_free(look->jobs);
        free(look->status_json);
        free(look->tenants_json);
        free(look->jobs_json);
        free(look->loads);
        *look = (Look){};
}

static int64_t job_figure(const PysbDocument *jobs, size_t row, const char *name) {
        int64_t value = 0;
        char path[64];

        snprintf(path, sizeof(path), "jobs.%zu.%s", row, name);
        (void) pysb_document_get_integer(jobs, path, &value);
        return value;
}

static const char *job_string(const PysbDocument *jobs, size_t row, const char *name) {
        char path[64];

        snprintf(path, sizeof(path), "jobs.%zu.%s", row, name);
        return pysb_document_get_string(jobs, path) ?: "";
}

/* Both looks have the jobs in the order of their acceptance. */
static const Load *find_before(const Look *before, size_t *from, const char *job) {
        for (size_t i = *from; i < before->n_loads; i++)
                if (strcmp(before->loads[i].job, job) == 0) {
                        *from = i + 1;
                        return &before->loads[i];
                }
        return NULL;
}

static int read_loads(Look *look, const Look *before) {
        size_t n = pysb_document_get_size(look->jobs, "jobs"), from = 0;

        look->loads = calloc(n + 1, sizeof(Load));
        if (!look->loads)
                return -ENOMEM;
        look->n_loads = n;
        for (size_t i = 0; i < n; i++) {
                Load *load = &look->loads[i], since = {};
                const Load *found;

                *load = (Load){
                        .job = job_string(look->jobs, i, "job"),
                        .tenant = job_string(look->jobs, i, "tenant"),
                        .running_usec = job_figure(look->jobs, i, "runningUSec"),
                        .cpu_usec = job_figure(look->jobs, i, "cpuTimeUSec"),
                        .memory_bytes = job_figure(look->jobs, i, "memoryBytes"),
                };
                found = find_before(before, &from, load->job);
                if (found)
                        since = *found;
                if (load->running_usec > since.running_usec)
                        load->cpu_percent = (load->cpu_usec - since.cpu_usec) * 100 /
                                            (load->running_usec - since.running_usec);
        }
        return 0;
}

static const char *print_percent(int64_t percent, char buf[static TEXT_NUMBER_MAX]) {
        snprintf(buf, TEXT_NUMBER_MAX, "%" PRId64 " %%", percent);
        return buf;
}

static const char *job_cpu(const Look *look, size_t row, char buf[static TEXT_NUMBER_MAX]) {
        return look->loads[row].running_usec > 0 ? print_percent(look->loads[row].cpu_percent, buf)
                                                 : NULL;
}

static Load tenant_load(const Look *look, size_t row) {
        const char *tenant;
        Load sum = {};
        char path[64];

        snprintf(path, sizeof(path), "tenants.%zu.tenant", row);
        tenant = pysb_document_get_string(look->tenants, path) ?: "";
        FOREACH_ARRAY(load, look->loads, look->n_loads)
                if (strcmp(load->tenant, tenant) == 0) {
                        sum.memory_bytes += load->memory_bytes;
                        sum.cpu_percent += load->cpu_percent;
                }
        return sum;
}

static const char *tenant_cpu(const Look *look, size_t row, char buf[static TEXT_NUMBER_MAX]) {
        return print_percent(tenant_load(look, row).cpu_percent, buf);
}

static const char *tenant_memory(const Look *look, size_t row, char buf[static TEXT_NUMBER_MAX]) {
        return text_bytes((uint64_t) tenant_load(look, row).memory_bytes, buf);
}

static const Column tenant_columns[] = {
        { "TENANT", "tenant" },
        { "RUNNING", "runningJobs" },
        { "QUEUED", "queuedJobs" },
        { "RESULTS", "finishedJobs" },
        { "CLIENTS", "connections" },
        { "CPU", .compute = tenant_cpu },
        { "CPU TIME", "cpuTimeUSec" },
        { "MEMORY", .compute = tenant_memory },
        { "MEMORY LIMITS", "memoryBytes" },
        { "IN DAEMON", "daemonBytes" },
};

static const Column job_columns[] = {
        { "JOB", "job" },
        { "TENANT", "tenant" },
        { "PROFILE", "profile" },
        { "STATE", "state" },
        { "TIME", "runningUSec" },
        { "CPU", .compute = job_cpu },
        { "CPU TIME", "cpuTimeUSec" },
        { "MEMORY", "memoryBytes" },
        { "MEMORY LIMIT", "memoryLimitBytes" },
};

/* The array of objects as a table. */
static int print_rows(const Look *look,
                      const PysbDocument *document,
                      const char *array,
                      const Column *columns,
                      size_t n_columns) {
        size_t n = pysb_document_get_size(document, array);
        _cleanup_free_ const char **cells = calloc((n + 1) * n_columns, sizeof(char *));
        _cleanup_free_ char(*figures)[TEXT_NUMBER_MAX] = calloc(n * n_columns + 1, TEXT_NUMBER_MAX);
        char path[64];
        int64_t value;

        if (!cells || !figures)
                return -ENOMEM;
        for (size_t i = 0; i < n_columns; i++)
                cells[i] = columns[i].heading;
        for (size_t i = 0; i < n * n_columns; i++) {
                const Column *column = &columns[i % n_columns];
                const char **cell = &cells[n_columns + i];

                if (column->compute) {
                        *cell = column->compute(look, i / n_columns, figures[i]);
                        continue;
                }
                snprintf(path, sizeof(path), "%s.%zu.%s", array, i / n_columns, column->field);
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

static int look_take(Look *look, PysbClient *client, const Look *before) {
        if (common_call(client, MANAGER_METHOD("GetStatus"), NULL, &look->status_json,
                        &look->status) < 0 ||
            common_call(client, MANAGER_METHOD("ListTenants"), NULL, &look->tenants_json,
                        &look->tenants) < 0 ||
            common_call(client, MANAGER_METHOD("ListJobs"), NULL, &look->jobs_json, &look->jobs) <
                    0)
                return -EREMOTEIO;
        return read_loads(look, before);
}

static int look_print(const Look *look, bool as_json, bool clear) {
        int r;

        if (as_json) {
                printf("{\"status\":%s,\"tenants\":%s,\"jobs\":%s}\n", look->status_json,
                       look->tenants_json, look->jobs_json);
                return 0;
        }
        if (clear)
                fputs("\033[H\033[J", stdout); /* the top left, and nothing below */
        print_head(look->status);
        r = print_rows(look, look->tenants, "tenants", tenant_columns, ELEMENTSOF(tenant_columns));
        if (r < 0)
                return r;
        putchar('\n');
        r = print_rows(look, look->jobs, "jobs", job_columns, ELEMENTSOF(job_columns));
        if (r >= 0 && pysb_document_is_true(look->jobs, "truncated"))
                puts("…");
        return r;
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
        _cleanup_(look_done) Look before = {};
        bool once = !isatty(STDOUT_FILENO);
        Common common = {};
        int option, r;

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
                _cleanup_(look_done) Look look = {};

                r = look_take(&look, client, &before);
                if (r >= 0)
                        r = look_print(&look, common.json, !once);
                if (r < 0)
                        return EXIT_NOT_ACCEPTED;
                (void) fflush(stdout);
                look_done(&before);
                before = look;
                look = (Look){};
        } while (!once && poll(NULL, 0, REFRESH_MSEC) == 0);
        return 0;
}

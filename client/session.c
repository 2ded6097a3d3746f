/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/parse.h"
#include "client/exit-status.h"
#include "client/report.h"
#include "client/session-files.h"
#include "client/submit-options.h"
#include "client/text.h"

enum {
        OPTION_IDLE = _OPTION_OWN,
        OPTION_LIFETIME,
};

static int session_open(int argc, char *argv[]) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_free_ char *session = NULL, *json = NULL;
        SubmitOptions o;
        int r;

        r = submit_options_parse(argc, argv, &o, &request);
        if (r != 0)
                return r;
        if (common_connect(&o.common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        r = pysb_open_session(client, request, o.idle_usec, o.lifetime_usec, &session);
        if (r < 0)
                return common_call_failed(client, r);
        if (o.common.json && common_parameter("session", session, &json) < 0)
                return EXIT_NOT_ACCEPTED;
        r = report_line(json ? json : session);
        return r < 0 ? report_write_failed(r) : 0;
}

static const char *const heading[] = {
        "SESSION", "STATE", "PROFILE", "CELLS", "OPENED", "EXPIRES"
};

#define N_COLUMNS ELEMENTSOF(heading)

/* Of one row: what is no string in the reply. */
typedef struct Texts {
        char cells[24];
        char opened[TEXT_NUMBER_MAX], expires[TEXT_NUMBER_MAX];
} Texts;

static const char *session_string(const PysbDocument *list, size_t index, const char *field) {
        char path[64];

        (void) snprintf(path, sizeof(path), "sessions.%zu.%s", index, field);
        return pysb_document_get_string(list, path);
}

static int64_t session_integer(const PysbDocument *list, size_t index, const char *field) {
        char path[64];
        int64_t value = 0;

        (void) snprintf(path, sizeof(path), "sessions.%zu.%s", index, field);
        (void) pysb_document_get_integer(list, path, &value);
        return value;
}

static int print_sessions(const PysbDocument *list) {
        size_t n = pysb_document_get_size(list, "sessions");
        _cleanup_free_ const char **cells = calloc((n + 1) * N_COLUMNS, sizeof(char *));
        _cleanup_free_ Texts *texts = calloc(n + 1, sizeof(Texts));

        if (!cells || !texts)
                return EXIT_NOT_ACCEPTED;
        memcpy(cells, heading, sizeof(heading));
        for (size_t i = 0; i < n; i++) {
                const char **row = cells + (i + 1) * N_COLUMNS;
                Texts *t = &texts[i];

                (void) snprintf(t->cells, sizeof(t->cells), "%lld",
                                (long long) session_integer(list, i, "executionCount"));
                row[0] = session_string(list, i, "session");
                row[1] = session_string(list, i, "state");
                row[2] = session_string(list, i, "profile");
                row[3] = t->cells;
                row[4] = text_instant(session_integer(list, i, "openedAtUSec"), t->opened);
                row[5] = text_instant(session_integer(list, i, "expiresAtUSec"), t->expires);
        }
        text_table(stdout, cells, N_COLUMNS, n + 1);
        return 0;
}

static int session_list(int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                OPTION_ROW_TENANT,
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *list = NULL;
        _cleanup_free_ char *parameters = NULL, *json = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 0, 0) < 0)
                return common_usage("session");
        if (common_parameters(&common, "\"maxEntries\":1000", &parameters) < 0 ||
            common_connect(&common, &client) < 0 ||
            common_call(client, "ListSessions", parameters, &json, &list) < 0)
                return EXIT_NOT_ACCEPTED;
        if (!common.json)
                return print_sessions(list);
        puts(json);
        return 0;
}

typedef struct ExtendOptions {
        Common common;
        uint64_t idle_usec, lifetime_usec;
} ExtendOptions;

static int extend_parse(ExtendOptions *o, int argc, char *argv[]) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                { "idle", required_argument, NULL, OPTION_IDLE },
                { "lifetime", required_argument, NULL, OPTION_LIFETIME },
                {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (option != OPTION_IDLE && option != OPTION_LIFETIME) {
                        if (common_take(&o->common, option) < 0)
                                return -EINVAL;
                        continue;
                }
                if (parse_duration(optarg,
                                   option == OPTION_IDLE ? &o->idle_usec : &o->lifetime_usec) < 0) {
                        text_error("%s is no time; write it like 10min.", optarg);
                        return -EINVAL;
                }
        }
        if (optind < argc)
                return 0;
        text_error("Say which session.");
        return -EINVAL;
}

static int session_branch(PysbClient *client, const char *session) {
        _cleanup_free_ char *branch = NULL;
        int r = pysb_branch_session(client, session, &branch);

        return r < 0 ? r : report_line(branch);
}

/* interrupt, restart, branch, extend and close: each of the sessions that are named. */
static int session_each(int argc, char *argv[]) {
        ExtendOptions o = { .idle_usec = UINT64_MAX, .lifetime_usec = UINT64_MAX };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        bool is_extend = strcmp(argv[0], "extend") == 0;
        int status = 0;

        if (extend_parse(&o, argc, argv) < 0)
                return common_usage("session");
        if (!is_extend && (o.idle_usec != UINT64_MAX || o.lifetime_usec != UINT64_MAX)) {
                text_error("session %s takes neither --idle nor --lifetime.", argv[0]);
                return common_usage("session");
        }
        if (common_connect(&o.common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        for (int i = optind; i < argc; i++) {
                int r;

                if (is_extend)
                        r = pysb_extend_session(client, argv[i], o.idle_usec, o.lifetime_usec);
                else if (strcmp(argv[0], "interrupt") == 0)
                        r = pysb_interrupt_session(client, argv[i]);
                else if (strcmp(argv[0], "restart") == 0)
                        r = pysb_restart_session(client, argv[i]);
                else if (strcmp(argv[0], "branch") == 0)
                        r = session_branch(client, argv[i]);
                else
                        r = pysb_close_session(client, argv[i]);
                if (r < 0)
                        status = common_call_failed(client, r);
        }
        return status;
}

int verb_session(int argc, char *argv[]) {
        static const struct {
                const char *name;
                int (*run)(int argc, char *argv[]);
        } words[] = {
                { "open", session_open },    { "exec", verb_submit },
                { "list", session_list },    { "interrupt", session_each },
                { "restart", session_each }, { "branch", session_each },
                { "extend", session_each },  { "close", session_each },
                { "put", session_put },      { "get", session_get },
                { "files", session_files },  { "rm", session_rm },
        };

        FOREACH_ARRAY(word, words, ELEMENTSOF(words))
                if (argc > 1 && strcmp(argv[1], word->name) == 0)
                        return word->run(argc - 1, argv + 1);
        return common_usage("session");
}

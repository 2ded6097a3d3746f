/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/exit-status.h"
#include "client/profile-show.h"
#include "client/text.h"
#include "client/verb.h"

static const struct option options[] = {
        OPTIONS_CONNECTION,
        { "json", no_argument, NULL, OPTION_JSON },
        { "prompt", no_argument, NULL, OPTION_PROMPT },
        {},
};

#define LIST_COLUMNS 5

static const char *profile_string(const PysbDocument *profiles, size_t index, const char *field) {
        char path[64];

        snprintf(path, sizeof(path), "profiles.%zu.%s", index, field);
        return pysb_document_get_string(profiles, path);
}

/* "default", "yes" or "no": whether the caller may use it. */
static const char *profile_access(const PysbDocument *profiles, size_t index) {
        char path[64];

        snprintf(path, sizeof(path), "profiles.%zu.isDefault", index);
        if (pysb_document_is_true(profiles, path))
                return "default";
        snprintf(path, sizeof(path), "profiles.%zu.allowed", index);
        return pysb_document_is_true(profiles, path) ? "yes" : "no";
}

static int profile_list(const Common *common, PysbClient *client) {
        _cleanup_(pysb_document_freep) PysbDocument *profiles = NULL;
        _cleanup_free_ const char **cells = NULL;
        _cleanup_free_ char *json = NULL;
        const char **row;
        size_t n;

        if (common_call(client, "ListProfiles", NULL, &json, &profiles) < 0)
                return EXIT_NOT_ACCEPTED;
        if (common->json) {
                puts(json);
                return 0;
        }
        n = pysb_document_get_size(profiles, "profiles");
        row = cells = calloc((n + 1) * LIST_COLUMNS, sizeof(char *));
        if (!cells)
                return EXIT_NOT_ACCEPTED;
        memcpy(row, (const char *[]){ "NAME", "ALLOWED", "NETWORK", "FILES", "DESCRIPTION" },
               LIST_COLUMNS * sizeof(char *));
        for (size_t i = 0; i < n; i++) {
                row += LIST_COLUMNS;
                row[0] = profile_string(profiles, i, "name");
                row[1] = profile_access(profiles, i);
                row[2] = profile_string(profiles, i, "network");
                row[3] = profile_string(profiles, i, "fileSystem");
                row[4] = profile_string(profiles, i, "description");
        }
        text_table(stdout, cells, LIST_COLUMNS, n + 1);
        for (size_t i = 0; i < n; i++)
                if (profile_string(profiles, i, "problem"))
                        text_error("Profile %s cannot be used: %s.",
                                   profile_string(profiles, i, "name"),
                                   profile_string(profiles, i, "problem"));
        return 0;
}

static int profile_show(const Common *common, PysbClient *client, const char *name) {
        _cleanup_(pysb_document_freep) PysbDocument *profile = NULL;
        _cleanup_free_ char *json = NULL, *parameters = NULL;

        if (common_parameter("profile", name, &parameters) < 0 ||
            common_call(client, "GetProfile", parameters, &json, &profile) < 0)
                return EXIT_NOT_ACCEPTED;
        if (common->json) {
                puts(json);
                return 0;
        }
        return common->prompt ? profile_show_prompt(profile) : profile_show_toml(profile);
}

/* The daemon's own check: the same code that will read the file, and no daemon is needed. */
static int profile_check(const char *file) {
        const char *path = common_pysbd_path();

        execl(path, "pysbd", "--check", file, (char *) NULL);
        text_error("Cannot run %s: %s.", path, strerror(errno));
        return EXIT_NOT_ACCEPTED;
}

int verb_profile(int argc, char *argv[]) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        Common common = {};
        const char *action, *argument;

        if (argc > 1 && strcmp(argv[1], "vet") == 0) /* with options of its own */
                return verb_profile_vet(argc - 1, argv + 1);
        if (common_parse(&common, argc, argv, options, 1, 2) < 0)
                return common_usage(argv[0]);
        action = argv[optind];
        argument = argv[optind + 1];
        if (strcmp(action, "check") == 0 && argument)
                return profile_check(argument);
        if (strcmp(action, "list") != 0 || argument || common.prompt)
                if (strcmp(action, "show") != 0 || !argument)
                        return common_usage(argv[0]);
        if (common_connect(&common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        return argument ? profile_show(&common, client, argument) : profile_list(&common, client);
}

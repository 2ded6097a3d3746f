/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/profile-show.h"

#include <string.h>

#include "basic/cleanup.h"
#include "client/exit-status.h"
#include "client/text.h"

/* A member that is a text of several lines. */
static int print_lines(const PysbDocument *profile, const char *member) {
        const char *text = pysb_document_get_string(profile, member);
        _cleanup_free_ char *lines = text ? strdup(text) : NULL;
        char *rest = lines, *line;

        if (!lines) {
                text_error("The daemon is older than this program; --json shows what it knows.");
                return EXIT_NOT_ACCEPTED;
        }
        while ((line = strsep(&rest, "\n")))
                if (rest || *line != '\0') {
                        text_print(stdout, line);
                        putchar('\n');
                }
        return 0;
}

int profile_show_toml(const PysbDocument *profile) {
        const char *problem = pysb_document_get_string(profile, "info.problem");

        fputs("# Python ", stdout);
        text_print(stdout, pysb_document_get_string(profile, "info.pythonVersion"));
        fputs(pysb_document_is_true(profile, "info.isDefault") ? ", the default profile" : "",
              stdout);
        fputs(pysb_document_is_true(profile, "info.allowed") ? "\n" : ", not for you\n", stdout);
        if (problem) {
                fputs("# Cannot be used: ", stdout);
                text_print(stdout, problem);
                putchar('\n');
        }
        return print_lines(profile, "toml");
}

int profile_show_prompt(const PysbDocument *profile) {
        return print_lines(profile, "prompt");
}

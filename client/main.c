/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "basic/fd.h"
#include "client/exit-status.h"
#include "client/text.h"
#include "client/verb.h"
#include "config.h"

/* Right behind the verb, which may have two words: anywhere else it may be an argument of the program. */
static bool asks_for_help(int argc, char *argv[]) {
        if (argc > 1 && argv[0][0] != '-')
                return strcmp(argv[1], "--help") == 0;
        return argc > 0 && strcmp(argv[0], "--help") == 0;
}

int main(int argc, char *argv[]) {
        const Verb *verb;
        int status;

        if (fd_open_standard() < 0)
                return EXIT_NOT_ACCEPTED;
        if (argc < 2) {
                fputs("Usage: pysbctl VERB [OPTION…] [ARGUMENT…]; try `pysbctl help`.\n", stderr);
                return EXIT_NOT_ACCEPTED;
        }
        if (strcmp(argv[1], "--version") == 0) {
                puts("pysbctl " PYSB_VERSION);
                return 0;
        }
        if (strcmp(argv[1], "--help") == 0)
                return verb_help(argc, argv);
        verb = verb_find(argv[1]);
        if (!verb) {
                text_error("%s is no verb; try `pysbctl help`.", argv[1]);
                return EXIT_NOT_ACCEPTED;
        }
        status = asks_for_help(argc - 2, argv + 2) ? verb_help_of(verb)
                                                   : verb->run(argc - 1, argv + 1);
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        text_error("Cannot write the output: %m.");
        return EXIT_NOT_ACCEPTED;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "config.h"
#include "launch/inspect.h"
#include "launch/run.h"

static void usage(void) {
        (void) printf(
                "pysbd [OPTION…]\n"
                "\n"
                "Builds the sandboxes that untrusted Python runs in, and starts the broker that\n"
                "clients talk to. Usually started by pysbd.socket.\n"
                "\n"
                "      --embedded             Serve one client on descriptor 3, with the shipped\n"
                "                             profiles; no unit, no configuration\n"
                "      --listen PATH          Listen on this socket; it goes at the end\n"
                "      --check [FILE…]        Check these profiles, or all of the configuration\n"
                "      --dump-plan PROFILE    Print what a sandbox of a profile (a name, or a\n"
                "                             file that ends in .toml) consists of\n"
                "      --help-profile         Explain every key of a profile and of pysbd.toml\n"
                "  -h, --help                 Show this\n"
                "      --version              Show the version\n");
}

int main(int argc, char *argv[]) {
        enum {
                EMBEDDED = 0x100,
                LISTEN,
                CHECK,
                DUMP_PLAN,
                HELP_PROFILE,
                VERSION
        };
        static const struct option long_options[] = {
                { "embedded", no_argument, NULL, EMBEDDED },
                { "listen", required_argument, NULL, LISTEN },
                { "check", no_argument, NULL, CHECK },
                { "dump-plan", required_argument, NULL, DUMP_PLAN },
                { "help-profile", no_argument, NULL, HELP_PROFILE },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, VERSION },
                {},
        };
        RunOptions options = {};
        int c;

        if (fd_open_standard() < 0)
                return EXIT_FAILURE;
        log_set_program("pysbd");
        (void) umask(0022);
        while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
                switch (c) {
                case EMBEDDED:
                        options.is_embedded = true;
                        break;
                case LISTEN:
                        options.listen_path = optarg;
                        break;
                case CHECK:
                        return inspect_check(argv + optind) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
                case DUMP_PLAN:
                        return inspect_dump_plan(optarg) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
                case HELP_PROFILE:
                        inspect_help_profile();
                        return EXIT_SUCCESS;
                case 'h':
                        usage();
                        return EXIT_SUCCESS;
                case VERSION:
                        (void) printf("pysbd %s\n", PYSB_VERSION);
                        return EXIT_SUCCESS;
                default:
                        return 2;
                }
        return run(&options);
}

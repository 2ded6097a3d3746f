/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/fd.h"
#include "config.h"
#include "runner/compile.h"
#include "runner/interp.h"
#include "runner/template.h"
#include "runner/vet.h"

static int usage(void) {
        fprintf(stderr, "usage: pysb-runner --template\n"
                        "       pysb-runner --compile-profile [--shipped] FILE [DIRECTORY...]\n"
                        "       pysb-runner --compile-config|--compile-tenants FILE\n"
                        "       pysb-runner --vet VERB ARGUMENT...\n"
                        "       pysb-runner --version\n");
        return 2;
}

int main(int argc, char **argv) {
        const char *mode = argc > 1 ? argv[1] : "";

        if (fd_open_standard() < 0)
                return EXIT_FAILURE;
        if (strcmp(mode, "--template") == 0 && argc == 2)
                return template_main();
        if (strcmp(mode, "--compile-profile") == 0 && argc > 2)
                return compile_main("_compile_profile", argv + 2, argc - 2);
        if (strcmp(mode, "--compile-config") == 0 && argc == 3)
                return compile_main("_compile_profile", (char *[]){ (char *) "--config", argv[2] },
                                    2);
        if (strcmp(mode, "--compile-tenants") == 0 && argc == 3)
                return compile_main("_compile_profile", (char *[]){ (char *) "--tenants", argv[2] },
                                    2);
        if (strcmp(mode, "--vet") == 0 && argc > 2)
                return vet_main(argv + 2, argc - 2);
        if (strcmp(mode, "--version") == 0 && argc == 2) {
                printf("pysb-runner %s (Python %s)\n", PYSB_VERSION, interp_version());
                return 0;
        }
        return usage();
}

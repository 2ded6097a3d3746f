/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The main() of a target in the ordinary build: feeds it every file of a directory. One case of TAP; whatever is
 * wrong ends the program, and the last line says which file it was. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "fuzz.h"

#define INPUT_MAX (1U << 20)

static int is_input(const struct dirent *entry) {
        return entry->d_name[0] != '.';
}

static void replay(const char *directory, const char *name) {
        _cleanup_free_ char *data = NULL, *path = NULL;
        size_t size;

        fuzz_check(asprintf(&path, "%s/%s", directory, name) > 0);
        (void) printf("# %s\n", name);
        (void) fflush(stdout);
        fuzz_check(io_read_file(AT_FDCWD, path, INPUT_MAX, &data, &size) >= 0);
        (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size);
}

int main(int argc, char *argv[]) {
        struct dirent **entries;
        int n;

        fuzz_check(argc == 2);
        n = scandir(argv[1], &entries, is_input, alphasort);
        fuzz_check(n > 0);
        (void) printf("1..1\n");
        FOREACH_ARRAY(entry, entries, n) {
                replay(argv[1], (*entry)->d_name);
                free(*entry);
        }
        free(entries);
        (void) printf("ok 1 - %d inputs\n", n);
        return EXIT_SUCCESS;
}

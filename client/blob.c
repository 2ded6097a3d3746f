/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/io.h"
#include "client/exit-status.h"
#include "client/interrupt.h"
#include "client/report.h"
#include "client/text.h"
#include "client/verb.h"

/* More than a blob may have: the daemon says so. */
#define BLOB_MAX_BYTES (17 * MIB)

static int blob_put(PysbClient *client, const char *path) {
        _cleanup_free_ char *data = NULL, *blob = NULL;
        size_t size;
        int r;

        if (strcmp(path, "-") == 0)
                r = io_read_fd(STDIN_FILENO, BLOB_MAX_BYTES, &data, &size);
        else
                r = io_read_file(AT_FDCWD, path, BLOB_MAX_BYTES, &data, &size);
        if (r < 0) {
                text_error("%s: %s.", path,
                           r == -EFBIG ? "larger than a blob may be (16 MiB)" : strerror(-r));
                return EXIT_NOT_ACCEPTED;
        }
        r = pysb_put_blob(client, data, size, &blob);
        if (r < 0)
                return common_call_failed(client, r);
        r = report_line(blob);
        return r < 0 ? report_write_failed(r) : 0;
}

static int blob_get(PysbClient *client, const char *blob) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = pysb_get_blob(client, blob, &data, &size);
        if (r < 0)
                return common_call_failed(client, r);
        r = interrupt_write(STDOUT_FILENO, data, size);
        return r < 0 ? report_write_failed(r) : 0;
}

static int blob_remove(PysbClient *client, const char *blob) {
        int r = pysb_remove_blob(client, blob);

        if (r < 0)
                return common_call_failed(client, r);
        if (r == 0) {
                text_error("There is no blob %s.", blob);
                return EXIT_NOT_ACCEPTED;
        }
        return 0;
}

int verb_blob(int argc, char *argv[]) {
        static const struct {
                const char *name;
                int (*run)(PysbClient *client, const char *argument);
                int n_max;
        } words[] = {
                { "put", blob_put, INT_MAX },
                { "get", blob_get, 2 },
                { "remove", blob_remove, INT_MAX },
        };
        static const struct option options[] = { OPTIONS_CONNECTION, OPTION_ROW_TENANT, {} };
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        Common common = {};

        if (common_parse(&common, argc, argv, options, 2, INT_MAX) < 0)
                return common_usage(argv[0]);
        FOREACH_ARRAY(word, words, ELEMENTSOF(words)) {
                int status = 0;

                if (strcmp(argv[optind], word->name) != 0 || argc - optind > word->n_max)
                        continue;
                if (common_connect(&common, &client) < 0)
                        return EXIT_NOT_ACCEPTED;
                for (int i = optind + 1; i < argc; i++) {
                        int r = word->run(client, argv[i]);

                        status = r != 0 ? r : status;
                }
                return status;
        }
        return common_usage(argv[0]);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/session-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "basic/macro.h"
#include "client/exit-status.h"
#include "client/program-options.h"
#include "client/text.h"
#include "pysb/pysb-files.h"

#define FILE_BYTES_MAX (UINT64_C(1) << 30) /* as large as the file limit can be */

typedef struct FilesOptions {
        Common common;
        bool recursive;
} FilesOptions;

/* Leaves the session and what is behind it at argv[optind]. Returns 0, or the exit status. */
static int files_start(int argc, char *argv[], int min, FilesOptions *o, PysbClient **ret_client) {
        static const struct option options[] = {
                OPTIONS_CONNECTION,
                { "json", no_argument, NULL, OPTION_JSON },
                { "recursive", no_argument, NULL, 'r' },
                {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "r", options, NULL)) >= 0) {
                if (option == 'r' && strcmp(argv[0], "rm") == 0)
                        o->recursive = true;
                else if (common_take(&o->common, option) < 0 ||
                         (o->common.json && strcmp(argv[0], "files") != 0)) {
                        text_error("session %s: --json is for files, --recursive for rm.", argv[0]);
                        return common_usage("session");
                }
        }
        if (argc - optind < min) {
                text_error("session %s: say which session%s.", argv[0],
                           min > 1 ? ", and which files" : "");
                return common_usage("session");
        }
        return common_connect(&o->common, ret_client) < 0 ? EXIT_NOT_ACCEPTED : 0;
}

int session_put(int argc, char *argv[]) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        FilesOptions o = {};
        int r;

        if (pysb_request_new(&request) < 0)
                return EXIT_NOT_ACCEPTED;
        r = files_start(argc, argv, 2, &o, &client);
        if (r != 0)
                return r;
        for (int i = optind + 1; i < argc; i++)
                if (program_add_file(request, argv[i]) < 0)
                        return EXIT_NOT_ACCEPTED;
        r = pysb_put_files(client, argv[optind], request);
        return r < 0 ? common_call_failed(client, r) : 0;
}

static int write_file(const char *path, const void *data, size_t size) {
        bool is_stdout = strcmp(path, "-") == 0;
        _cleanup_close_ int opened = -EBADF;
        int fd = STDOUT_FILENO, r;

        if (!is_stdout)
                fd = opened = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
        r = fd < 0 ? -errno : io_write_full(fd, data, size);
        if (r < 0)
                text_error("%s: %s.", is_stdout ? "standard output" : path, strerror(-r));
        return r;
}

int session_get(int argc, char *argv[]) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_free_ void *data = NULL;
        FilesOptions o = {};
        const char *path, *host;
        size_t size;
        int r;

        r = files_start(argc, argv, 2, &o, &client);
        if (r != 0)
                return r;
        if (argc - optind > 3) {
                text_error("session get: the argument %s is one too many.", argv[optind + 3]);
                return common_usage("session");
        }
        path = argv[optind + 1];
        host = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        if (argc - optind == 3)
                host = argv[optind + 2];
        r = pysb_read_file(client, argv[optind], path, FILE_BYTES_MAX, &data, &size);
        if (r < 0)
                return common_call_failed(client, r);
        return write_file(host, data, size) < 0 ? EXIT_NOT_ACCEPTED : 0;
}

static const char *const heading[] = { "KIND", "SIZE", "MODIFIED", "PATH" };

#define N_COLUMNS ELEMENTSOF(heading)

typedef struct Texts {
        char size[TEXT_NUMBER_MAX], modified[TEXT_NUMBER_MAX];
} Texts;

static int print_entries(const PysbDocument *list) {
        size_t n = pysb_document_get_size(list, "entries");
        _cleanup_free_ const char **cells = calloc((n + 1) * N_COLUMNS, sizeof(char *));
        _cleanup_free_ Texts *texts = calloc(n + 1, sizeof(Texts));

        if (!cells || !texts)
                return EXIT_NOT_ACCEPTED;
        memcpy(cells, heading, sizeof(heading));
        for (size_t i = 0; i < n; i++) {
                const char **row = cells + (i + 1) * N_COLUMNS;
                int64_t size = 0, modified = 0;
                char path[64];

                (void) snprintf(path, sizeof(path), "entries.%zu.kind", i);
                row[0] = pysb_document_get_string(list, path);
                (void) snprintf(path, sizeof(path), "entries.%zu.sizeBytes", i);
                (void) pysb_document_get_integer(list, path, &size);
                row[1] = text_bytes((uint64_t) size, texts[i].size);
                (void) snprintf(path, sizeof(path), "entries.%zu.modifiedAtUSec", i);
                (void) pysb_document_get_integer(list, path, &modified);
                row[2] = text_instant(modified, texts[i].modified);
                (void) snprintf(path, sizeof(path), "entries.%zu.path", i);
                row[3] = pysb_document_get_string(list, path);
        }
        text_table(stdout, cells, N_COLUMNS, n + 1);
        if (!pysb_document_is_true(list, "complete"))
                text_error("There are more; narrow the pattern.");
        return 0;
}

int session_files(int argc, char *argv[]) {
        _cleanup_(pysb_document_freep) PysbDocument *list = NULL;
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_free_ char *json = NULL;
        FilesOptions o = {};
        int r;

        r = files_start(argc, argv, 1, &o, &client);
        if (r != 0)
                return r;
        r = pysb_list_files(client, argv[optind], argc - optind > 1 ? argv[optind + 1] : NULL,
                            &list);
        if (r < 0)
                return common_call_failed(client, r);
        if (!o.common.json)
                return print_entries(list);
        r = pysb_document_to_json(list, NULL, &json);
        if (r < 0)
                return EXIT_NOT_ACCEPTED;
        puts(json);
        return 0;
}

int session_rm(int argc, char *argv[]) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        FilesOptions o = {};
        int status = 0, r;

        r = files_start(argc, argv, 2, &o, &client);
        if (r != 0)
                return r;
        for (int i = optind + 1; i < argc; i++) {
                r = pysb_remove_files(client, argv[optind], argv[i], o.recursive);
                if (r < 0)
                        status = common_call_failed(client, r);
        }
        return status;
}

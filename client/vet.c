/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `pysbctl profile vet`: may this wheel go into a profile? pysb-runner, without privileges, reads the
 * wheel; a box imports it; what passes both is kept, if a directory is given. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/io.h"
#include "client/exit-status.h"
#include "client/fields.h"
#include "client/text.h"
#include "client/verb.h"
#include "client/vet.h"
#include "config.h"

#define REPORT_MAX (8 * MIB)
#define ARGUMENTS_MAX 10
#define EXIT_NOT_PASSED 1

enum {
        OPTION_NATIVE = _OPTION_OWN,
        OPTION_INTO,
};

static const struct option options[] = {
        { "json", no_argument, NULL, OPTION_JSON },
        { "profile", required_argument, NULL, 'p' },
        { "native", no_argument, NULL, OPTION_NATIVE },
        { "into", required_argument, NULL, OPTION_INTO },
        {},
};

typedef struct Vet {
        bool json, native;
        const char *profile, *into;
        char *directories; /* where profiles are, separated by colons */
        char *runner;      /* the program pysb-runner */
} Vet;

static void vet_done(Vet *vet) {
        free(vet->directories);
        free(vet->runner);
}

static int vet_parse(Vet *vet, int argc, char *argv[]) {
        const char *pysbd = common_pysbd_path(), *slash = strrchr(pysbd, '/');
        const char *own = secure_getenv("PYSB_OPERATOR_PROFILES") ?: PYSB_SYSCONFDIR "/profiles";
        const char *shipped = secure_getenv("PYSB_PROFILE_PATH") ?: PKGDATADIR "/profiles";
        int option;

        while ((option = getopt_long(argc, argv, "p:", options, NULL)) >= 0)
                switch (option) {
                case OPTION_JSON:
                        vet->json = true;
                        break;
                case 'p':
                        vet->profile = optarg;
                        break;
                case OPTION_NATIVE:
                        vet->native = true;
                        break;
                case OPTION_INTO:
                        vet->into = optarg;
                        break;
                default:
                        return -EINVAL;
                }
        if (optind == argc) {
                text_error("profile vet: a wheel is missing.");
                return -EINVAL;
        }
        if (vet->into && vet->into[0] != '/') {
                text_error("--into %s: must be an absolute path.", vet->into);
                return -EINVAL;
        }
        if (asprintf(&vet->directories, "%s:%s", own, shipped) < 0 ||
            asprintf(&vet->runner, "%.*spysb-runner", slash ? (int) (slash + 1 - pysbd) : 0,
                     pysbd) < 0)
                return -ENOMEM;
        return 0;
}

static int vet_wait(pid_t pid) {
        int status;
        pid_t reaped;

        do
                reaped = waitpid(pid, &status, 0);
        while (reaped < 0 && errno == EINTR);
        return reaped >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Runs `pysb-runner --vet ARGUMENTS` with this standard input; what it prints is owned by the caller.
 * -EIO: it has said why on standard error. */
static int vet_spawn(const Vet *vet, const char *const arguments[], int input_fd, char **ret_text) {
        const char *argv[ARGUMENTS_MAX + 3] = { "pysb-runner", "--vet" };
        _cleanup_close_ int read_fd = -EBADF, write_fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        char *const envp[] = { (char *) "LANG=C.UTF-8", NULL };
        posix_spawn_file_actions_t actions;
        int fds[2], r, status;
        pid_t pid;

        for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
                argv[i + 2] = arguments[i];
        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        read_fd = fds[0];
        write_fd = fds[1];
        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        (void) posix_spawn_file_actions_adddup2(&actions, input_fd, STDIN_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
        r = -posix_spawn(&pid, vet->runner, &actions, NULL, (char *const *) argv, envp);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r < 0) {
                text_error("Cannot run %s: %s.", vet->runner, strerror(-r));
                return r;
        }
        write_fd = fd_close(write_fd);
        r = io_read_fd(read_fd, REPORT_MAX, &text, NULL);
        read_fd = fd_close(read_fd);
        status = vet_wait(pid);
        if (r < 0 || status < 0)
                return r < 0 ? r : status;
        *ret_text = TAKE_PTR(text);
        return 0;
}

static int vet_examine(const Vet *vet, const char *wheel, PysbDocument **ret_report) {
        const char *const arguments[] = {
                "examine",       PYSB_VERSION,
                vet->profile,    vet->directories,
                vet->into ?: "", vet->native ? "native" : "",
                wheel,           NULL,
        };
        _cleanup_close_ int fd = open(wheel, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        int r;

        if (fd < 0) {
                text_error("Cannot read %s: %m.", wheel);
                return -errno;
        }
        r = vet_spawn(vet, arguments, fd, &text);
        return r < 0 ? r : pysb_document_new(ret_report, text);
}

/* `keep` moves the staged wheel into the directory, `drop` removes it. */
static int vet_finish(const Vet *vet, const char *verb, const char *staging) {
        const char *const arguments[] = { verb, staging, *verb == 'k' ? vet->into : NULL, NULL };
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;

        return fd < 0 ? -errno : vet_spawn(vet, arguments, fd, &text);
}

static const Field report_fields[] = {
        { "Wheel", "file" },
        { "Package", "name" },
        { "Version", "version" },
        { "Licence", "licence" },
        { "Imports", "imports" },
        { "Tags", "tags" },
        { "Files", "files" },
        { "Unpacked", "unpackedBytes" },
        { "Native code", "native" },
        { "Requires", "dependencies" },
        { "Not installed", "ignored" },
        { "Stands in for", "standsInFor" },
};

static void
print_text(const PysbDocument *report, const VetImport *import, bool passed, const char *kept) {
        char cpu[TEXT_NUMBER_MAX], memory[TEXT_NUMBER_MAX];

        fields_print(report, report_fields, ELEMENTSOF(report_fields));
        if (pysb_document_has(report, "native") && pysb_document_get_size(report, "native") == 0)
                printf("%16s: none\n", "Native code");
        if (import && import->works)
                printf("%16s: works; %s of CPU, %s of memory%s\n", "Import",
                       text_usec(import->cpu_usec, cpu),
                       import->has_memory ? text_bytes(import->memory_bytes, memory)
                                          : "an unknown amount",
                       import->n_violations > 0 ? "; something was refused to it" : "");
        if (import && import->error) {
                printf("%16s: ", "Import");
                text_print(stdout, import->error);
                putchar('\n');
        }
        for (size_t i = 0; i < pysb_document_get_size(report, "problems"); i++) {
                char path[32];

                (void) snprintf(path, sizeof(path), "problems.%zu", i);
                fields_print(report, &(Field){ "Problem", path }, 1);
        }
        printf("%16s: %s\n", "Passed", passed ? "yes" : "no");
        if (kept)
                printf("%16s: %s\n", "Unpacked in", kept);
}

static void
print_json(const PysbDocument *report, const VetImport *import, bool passed, const char *kept) {
        _cleanup_free_ char *text = NULL, *error = NULL, *directory = NULL;

        if (pysb_document_to_json(report, NULL, &text) < 0 ||
            (import && import->error && pysb_quote(import->error, &error) < 0) ||
            (kept && pysb_quote(kept, &directory) < 0))
                return;
        printf("{\"report\":%s,\"import\":", text);
        if (!import)
                fputs("null", stdout);
        else if (import->error)
                printf("{\"works\":false,\"error\":%s}", error);
        else {
                printf("{\"works\":true,\"cpuUSec\":%" PRIu64, import->cpu_usec);
                if (import->has_memory)
                        printf(",\"memoryBytes\":%" PRIu64, import->memory_bytes);
                printf(",\"violations\":%zu}", import->n_violations);
        }
        printf(",\"passed\":%s,\"directory\":%s}\n", passed ? "true" : "false",
               directory ?: "null");
}

/* 0, EXIT_NOT_PASSED, or EXIT_NOT_ACCEPTED after a message. */
static int vet_wheel(const Vet *vet, const char *wheel) {
        _cleanup_(pysb_document_freep) PysbDocument *report = NULL;
        _cleanup_(vet_import_done) VetImport import = {};
        const char *staging, *kept = NULL;
        bool passed = false;
        int status = 0;

        if (vet_examine(vet, wheel, &report) < 0)
                return EXIT_NOT_ACCEPTED;
        staging = pysb_document_get_string(report, "staging");
        if (staging) {
                status = vet_import_run(report, &import);
                passed = status == 0 && import.works;
                if (passed && vet->into)
                        kept = vet->into;
                if (vet_finish(vet, kept ? "keep" : "drop", staging) < 0)
                        return EXIT_NOT_ACCEPTED;
        }
        if (status != 0)
                return status;
        (vet->json ? print_json : print_text)(report, staging ? &import : NULL, passed, kept);
        return passed ? 0 : EXIT_NOT_PASSED;
}

int verb_profile_vet(int argc, char *argv[]) {
        _cleanup_(vet_done) Vet vet = { .profile = "default" };
        int result = 0;

        if (vet_parse(&vet, argc, argv) < 0)
                return common_usage("profile");
        for (int i = optind; i < argc; i++) {
                int status = vet_wheel(&vet, argv[i]);

                if (!vet.json && i + 1 < argc)
                        putchar('\n');
                result = MAX(result, status);
        }
        return result;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/exit-status.h"
#include "client/text.h"
#include "client/verb.h"
#include "client/vet.h"

/* The median of so many, of what differs a little from one to the next. */
#define RUNS 5

/* As vet.py calls it: nobody but a job imports the package. */
#define PROFILE "vet"

typedef struct Cost {
        uint64_t cpu_usec[RUNS], memory_bytes[RUNS];
        bool has_memory;
} Cost;

void vet_import_done(VetImport *import) {
        free(import->error);
        import->error = NULL;
}

/* What only the statement behind the imports can say. An import that ends the interpreter with status 0
 * is a success to the job, and one that starts a thread as well; a template of it would not start. No
 * package has names of these: what is imported are public ones. */
#define PROOF_BEGIN                                                             \
        "def _threads():\n"                                                     \
        "    try:\n"                                                            \
        "        with open('/proc/self/stat', 'rb') as file:\n"                 \
        "            return int(file.read().rpartition(b')')[2].split()[17])\n" \
        "    except Exception:\n"                                               \
        "        return 0\n"                                                    \
        "_before, _exited = _threads(), False\n"                                \
        "try:\n"
#define PROOF_END              \
        "except SystemExit:\n" \
        "    _exited = True\n" \
        "'exited' if _exited else 'thread' if _threads() > _before else "

/* For each name of the report's imports BEFORE, it, and AFTER. */
static void
print_imports(FILE *f, const PysbDocument *report, const char *before, const char *after) {
        size_t n = pysb_document_get_size(report, "imports");

        for (size_t i = 0; i < n; i++) {
                char path[32];

                (void) snprintf(path, sizeof(path), "imports.%zu", i);
                fprintf(f, "%s%s%s", before, pysb_document_get_string(report, path) ?: "", after);
        }
}

typedef enum Text {
        TEXT_IMPORTS, /* "import attr\nimport attrs\n" */
        TEXT_PROOF,   /* the same, and an expression that shows that it was reached */
        TEXT_VALUE,   /* of that expression, if all is well */
} Text;

static char *import_text(const PysbDocument *report, Text text) {
        char *result = NULL;
        size_t size;
        FILE *f = open_memstream(&result, &size);

        if (!f)
                return NULL;
        if (text == TEXT_IMPORTS)
                print_imports(f, report, "import ", "\n");
        if (text == TEXT_PROOF) {
                fputs(PROOF_BEGIN, f);
                print_imports(f, report, "    import ", "\n");
                fputs(PROOF_END "'imported'", f);
                print_imports(f, report, " ' ", "'");
                fputc('\n', f);
        }
        if (text == TEXT_VALUE) {
                fputs("\"imported", f);
                print_imports(f, report, " ", "");
                fputc('"', f);
        }
        if (fclose(f) == 0)
                return result;
        free(result);
        return NULL;
}

static int import_run_job(PysbClient *client, const char *program, PysbResult **ret_result) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        int r;

        r = pysb_request_new(&request);
        if (r >= 0)
                r = pysb_request_set_profile(request, PROFILE);
        if (r >= 0)
                r = pysb_request_set_code(request, program, strlen(program));
        if (r >= 0)
                r = pysb_run(client, request, ret_result);
        return r < 0 ? common_call_failed(client, r) : 0;
}

/* Why a job did not end well, in one sentence; NULL if it did, with this value. */
static char *import_error(const PysbResult *result, const char *wanted) {
        const char *type = pysb_result_get_exception_type(result);
        const char *message = pysb_result_get_exception_message(result);
        const char *value = pysb_result_get_result_json(result);
        char *sentence = NULL;

        if (pysb_result_get_outcome(result) == PYSB_OUTCOME_SUCCESS) {
                if (value && strcmp(value, wanted) == 0)
                        return NULL;
                return strdup(value && strcmp(value, "\"thread\"") == 0
                                      ? "it started a thread: no template can have one"
                                      : "it ended the interpreter");
        }
        if (type && message && asprintf(&sentence, "%s: %s", type, message) >= 0)
                return sentence;
        message = pysb_result_get_message(result);
        return strdup(message ?: pysb_result_get_outcome_name(result) ?: "?");
}

static int import_try(PysbClient *client, const PysbDocument *report, VetImport *import) {
        _cleanup_free_ char *program = import_text(report, TEXT_PROOF),
                            *wanted = import_text(report, TEXT_VALUE);
        _cleanup_(pysb_document_freep) PysbDocument *document = NULL;
        _cleanup_(pysb_result_freep) PysbResult *result = NULL;
        int status;

        if (!program || !wanted) {
                text_error("%s.", strerror(ENOMEM));
                return EXIT_NOT_ACCEPTED;
        }
        status = import_run_job(client, program, &result);
        if (status != 0)
                return status;
        import->error = import_error(result, wanted);
        if (pysb_result_get_document(result, &document) >= 0)
                import->n_violations = pysb_document_get_size(document, "violations");
        return 0;
}

static int compare_numbers(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static uint64_t median(uint64_t values[static RUNS]) {
        qsort(values, RUNS, sizeof(values[0]), compare_numbers);
        return values[RUNS / 2];
}

static int import_measure_one(PysbClient *client, const char *program, Cost *cost, size_t i) {
        _cleanup_(pysb_result_freep) PysbResult *result = NULL;
        uint64_t user_usec = 0, system_usec = 0;
        int status = import_run_job(client, program, &result);

        if (status != 0)
                return status;
        (void) pysb_result_get_usage(result, "cpuUserUSec", &user_usec);
        (void) pysb_result_get_usage(result, "cpuSystemUSec", &system_usec);
        cost->cpu_usec[i] = user_usec + system_usec;
        cost->has_memory =
                pysb_result_get_usage(result, "memoryPeakBytes", &cost->memory_bytes[i]) >= 0;
        return 0;
}

static uint64_t difference(uint64_t more, uint64_t less) {
        return more > less ? more - less : 0;
}

static int import_measure(PysbClient *client, const char *program, VetImport *import) {
        Cost idle = {}, busy = {};

        for (size_t i = 0; i < RUNS; i++) {
                int status = import_measure_one(client, "pass\n", &idle, i);

                if (status == 0)
                        status = import_measure_one(client, program, &busy, i);
                if (status != 0)
                        return status;
        }
        import->cpu_usec = difference(median(busy.cpu_usec), median(idle.cpu_usec));
        import->has_memory = idle.has_memory && busy.has_memory;
        if (import->has_memory)
                import->memory_bytes =
                        difference(median(busy.memory_bytes), median(idle.memory_bytes));
        return 0;
}

int vet_import_run(const PysbDocument *report, VetImport *ret_import) {
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_free_ char *program = import_text(report, TEXT_IMPORTS), *profiles = NULL;
        Common common = { .embedded = true };
        VetImport import = {};
        int status;

        if (!program ||
            asprintf(&profiles, "%s/profiles", pysb_document_get_string(report, "staging")) < 0) {
                text_error("%s.", strerror(ENOMEM));
                return EXIT_NOT_ACCEPTED;
        }
        /* For the private daemon, which inherits it and is to have this one profile. */
        if (unsetenv("PYSB_OPERATOR_PROFILES") < 0 ||
            setenv("PYSB_PROFILE_PATH", profiles, 1) < 0 || common_connect(&common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        status = import_try(client, report, &import);
        if (status == 0 && !import.error)
                status = import_measure(client, program, &import);
        import.works = !import.error;
        if (status != 0)
                vet_import_done(&import);
        else
                *ret_import = import;
        return status;
}

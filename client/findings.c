/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/findings.h"

#include <inttypes.h>
#include <string.h>

#include "client/text.h"

static const char *finding_string(const PysbDocument *document, size_t index, const char *member) {
        char path[64];

        (void) snprintf(path, sizeof(path), "findings.%zu.%s", index, member);
        return pysb_document_get_string(document, path);
}

/* ":3", or nothing where it is not known. */
static void
print_number(FILE *out, const PysbDocument *document, size_t index, const char *member) {
        int64_t number;
        char path[64];

        (void) snprintf(path, sizeof(path), "findings.%zu.%s", index, member);
        if (pysb_document_get_integer(document, path, &number) == 0)
                fprintf(out, ":%" PRId64, number);
}

size_t findings_print(FILE *out, const char *source, const PysbDocument *document) {
        size_t n = pysb_document_get_size(document, "findings");

        for (size_t i = 0; i < n; i++) {
                const char *severity = finding_string(document, i, "severity");

                text_print(out, finding_string(document, i, "path") ?: source);
                print_number(out, document, i, "line");
                print_number(out, document, i, "column");
                fputs(": ", out);
                if (severity && strcmp(severity, "refuse") != 0) {
                        text_print(out, severity);
                        fputs(": ", out);
                }
                text_print(out, finding_string(document, i, "message"));
                fputs(" [", out);
                text_print(out, finding_string(document, i, "rule"));
                fputs("]\n", out);
        }
        return n;
}

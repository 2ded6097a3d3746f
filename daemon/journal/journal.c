/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "basic/cleanup.h"
#include "basic/log.h"
#include "basic/macro.h"

#define FIELDS_MAX 8

static void journal_sink(int priority, const char *message, const LogField *fields, size_t n) {
        struct iovec iov[FIELDS_MAX + 2];
        char *text[FIELDS_MAX + 2];
        int n_iov = 0;

        if (asprintf(&text[n_iov], "MESSAGE=%s", message) >= 0)
                n_iov++;
        if (asprintf(&text[n_iov], "PRIORITY=%d", priority) >= 0)
                n_iov++;
        FOREACH_ARRAY(f, fields, MIN(n, (size_t) FIELDS_MAX))
                if (f->value && asprintf(&text[n_iov], "%s=%s", f->name, f->value) >= 0)
                        n_iov++;
        for (int i = 0; i < n_iov; i++)
                iov[i] = (struct iovec){ .iov_base = text[i], .iov_len = strlen(text[i]) };
        (void) sd_journal_sendv(iov, n_iov);
        for (int i = 0; i < n_iov; i++)
                free(text[i]);
}

void journal_setup(void) {
        const char *stream = secure_getenv("JOURNAL_STREAM");
        struct stat st;
        char own[64];

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return;
        (void) snprintf(own, sizeof(own), "%" PRIu64 ":%" PRIu64, (uint64_t) st.st_dev,
                        (uint64_t) st.st_ino);
        if (strcmp(stream, own) == 0)
                log_set_sink(journal_sink);
}

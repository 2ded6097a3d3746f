/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/journal.h"

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
#include "broker/api.h"

/* Of "a job has ended"; made by systemd-id128 new. */
#define MESSAGE_ID_JOB_FINISHED "4645dfc6045b46189c8c29b5b121c93d"

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

void journal_job_finished(const Job *job) {
        const Verdict *v = &job->verdict;
        char tenant[TENANT_MAX];
        const LogField fields[] = {
                { "MESSAGE_ID", MESSAGE_ID_JOB_FINISHED },
                { "PYSB_JOB", job->id },
                { "PYSB_TENANT", api_tenant(job->uid, tenant) },
                { "PYSB_PROFILE", job->spec->profile->name },
                { "PYSB_OUTCOME", outcome_names[v->outcome] },
        };

        /* An exception's text is the tenant's, it stays out of the operator's log. */
        log_fields(v->outcome == OUTCOME_INTERNAL_ERROR ? LOG_ERR : LOG_INFO, fields,
                   ELEMENTSOF(fields), "job %s: %s%s%s", job->id, outcome_names[v->outcome],
                   v->outcome == OUTCOME_EXCEPTION || v->message[0] == '\0' ? "" : ": ",
                   v->outcome == OUTCOME_EXCEPTION ? "" : v->message);
}

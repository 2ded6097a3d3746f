/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *log_program = "pysb";
static int log_max_priority = LOG_INFO;
static LogSink log_sink;

void log_set_program(const char *name) {
        log_program = name;
}

void log_set_max_priority(int priority) {
        log_max_priority = priority;
}

void log_set_sink(LogSink sink) {
        log_sink = sink;
}

/* Foreign text must not forge a second line or move the terminal's cursor. */
static void log_escape(char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        *s = '?';
}

void log_fields(int priority, const LogField *fields, size_t n_fields, const char *format, ...) {
        char message[1024];
        int saved = errno;
        va_list ap;

        if (priority > log_max_priority)
                return;
        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        log_escape(message);
        if (log_sink)
                log_sink(priority, message, fields, n_fields);
        else
                dprintf(STDERR_FILENO, "%s: %s\n", log_program, message);
        errno = saved;
}

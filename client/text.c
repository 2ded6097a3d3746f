/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/cleanup.h"

/* How many bytes of p are one printable unit; 0 if *p begins a control character. The text is
 * UTF-8: C1 control characters (U+0080 to U+009F) are the bytes c2 80 to c2 9f. */
static size_t printable_size(const unsigned char *p) {
        if (p[0] < 0x20 || p[0] == 0x7f)
                return 0;
        if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
                return 0;
        return 1;
}

void text_print(FILE *out, const char *text) {
        const unsigned char *p = (const unsigned char *) text;

        if (!text)
                return;
        for (; *p != '\0'; p++) {
                if (printable_size(p) > 0)
                        fputc(*p, out);
                else if (*p == '\n')
                        fputs("\\n", out);
                else if (*p == '\t')
                        fputs("\\t", out);
                else if (*p == 0xc2)
                        fprintf(out, "\\u%04x", (unsigned) *++p);
                else
                        fprintf(out, "\\x%02x", (unsigned) *p);
        }
}

void text_error(const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                message = NULL;
                return;
        }
        fputs("pysbctl: ", stderr);
        text_print(stderr, message);
        fputc('\n', stderr);
}

typedef struct Unit {
        uint64_t size;
        const char *name;
} Unit;

/* One decimal, but none where it would be 0. */
static void format_unit(uint64_t value, const Unit *unit, char buf[static TEXT_NUMBER_MAX]) {
        uint64_t tenths = value / unit->size * 10 + value % unit->size * 10 / unit->size;

        if (tenths % 10 == 0)
                snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 " %s", tenths / 10, unit->name);
        else
                snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10,
                         tenths % 10, unit->name);
}

const char *text_bytes(uint64_t bytes, char buf[static TEXT_NUMBER_MAX]) {
        static const Unit units[] = {
                { GIB, "GiB" }, { MIB, "MiB" }, { KIB, "KiB" }, { 1, "bytes" }
        };
        const Unit *unit = units;

        while (unit->size > 1 && bytes < unit->size)
                unit++;
        format_unit(bytes, unit, buf);
        return buf;
}

const char *text_usec(uint64_t usec, char buf[static TEXT_NUMBER_MAX]) {
        static const Unit units[] = { { USEC_PER_SEC, "s" }, { USEC_PER_MSEC, "ms" }, { 1, "us" } };
        const Unit *unit = units;

        while (unit->size > 1 && usec < unit->size)
                unit++;
        format_unit(usec, unit, buf);
        return buf;
}

static bool ends_with(const char *text, const char *end) {
        size_t size = strlen(text), end_size = strlen(end);

        return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

const char *text_figure(const char *name, int64_t value, char buf[static TEXT_NUMBER_MAX]) {
        if (value >= 0 && ends_with(name, "USec"))
                return text_usec((uint64_t) value, buf);
        if (value >= 0 && ends_with(name, "Bytes"))
                return text_bytes((uint64_t) value, buf);
        snprintf(buf, TEXT_NUMBER_MAX, "%" PRId64 "%s", value,
                 ends_with(name, "Percent") ? " %" : "");
        return buf;
}

const char *text_instant(int64_t usec, char buf[static TEXT_NUMBER_MAX]) {
        time_t seconds = (time_t) (usec / (int64_t) USEC_PER_SEC);
        struct tm local;

        if (!localtime_r(&seconds, &local) ||
            strftime(buf, TEXT_NUMBER_MAX, "%Y-%m-%d %H:%M:%S", &local) == 0)
                snprintf(buf, TEXT_NUMBER_MAX, "%" PRId64, usec);
        return buf;
}

/* The cell as it will be printed. Owned by the caller; NULL for lack of memory. */
static char *cell_new(const char *cell) {
        char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        text_print(out, cell ? cell : "-");
        fclose(out);
        return text;
}

void text_table(FILE *out, const char *const *cells, size_t n_columns, size_t n_rows) {
        _cleanup_free_ size_t *widths = calloc(n_columns, sizeof(size_t));
        _cleanup_free_ char **texts = calloc(n_columns * n_rows, sizeof(char *));

        if (!widths || !texts)
                return;
        for (size_t i = 0; i < n_columns * n_rows; i++) {
                size_t size;

                texts[i] = cell_new(cells[i]);
                size = texts[i] ? strlen(texts[i]) : 0;
                widths[i % n_columns] = MAX(widths[i % n_columns], size);
        }
        for (size_t i = 0; i < n_columns * n_rows; i++) {
                size_t column = i % n_columns;

                if (column + 1 < n_columns)
                        fprintf(out, "%-*s  ", (int) widths[column], texts[i] ? texts[i] : "");
                else
                        fprintf(out, "%s\n", texts[i] ? texts[i] : "");
                free(texts[i]);
        }
}

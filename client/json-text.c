/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/json-text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"

/* Deeper than the encoder of a sandbox goes. */
#define DEPTH_MAX 256

typedef struct Scan {
        const char *in;
        char *out;
        unsigned depth;
} Scan;

static bool scan_value(Scan *s);

static void scan_blank(Scan *s) {
        s->in += strspn(s->in, " \t\r\n");
}

/* Takes this character, and what is blank behind it. */
static bool scan_char(Scan *s, char c) {
        if (*s->in != c)
                return false;
        *s->out++ = *s->in++;
        scan_blank(s);
        return true;
}

static size_t scan_digits(Scan *s) {
        size_t n = strspn(s->in, "0123456789");

        memcpy(s->out, s->in, n);
        s->in += n;
        s->out += n;
        return n;
}

static bool scan_number(Scan *s) {
        if (*s->in == '-')
                *s->out++ = *s->in++;
        if (*s->in == '0')
                *s->out++ = *s->in++;
        else if (scan_digits(s) == 0)
                return false;
        if (*s->in == '.') {
                *s->out++ = *s->in++;
                if (scan_digits(s) == 0)
                        return false;
        }
        if (*s->in == 'e' || *s->in == 'E') {
                *s->out++ = *s->in++;
                if (*s->in == '+' || *s->in == '-')
                        *s->out++ = *s->in++;
                if (scan_digits(s) == 0)
                        return false;
        }
        scan_blank(s);
        return true;
}

/* Behind the backslash. */
static bool scan_escape(Scan *s) {
        if (*s->in == 'u')
                for (size_t i = 1; i <= 4; i++)
                        if (!isxdigit((unsigned char) s->in[i]))
                                return false;
        if (*s->in == '\0' || !strchr("\"\\/bfnrtu", *s->in))
                return false;
        *s->out++ = *s->in++;
        return true;
}

static bool scan_string(Scan *s) {
        if (*s->in != '"')
                return false;
        *s->out++ = *s->in++;
        while (*s->in != '"') {
                bool is_escape = *s->in == '\\';

                if ((unsigned char) *s->in < 0x20)
                        return false;
                *s->out++ = *s->in++;
                if (is_escape && !scan_escape(s))
                        return false;
        }
        return scan_char(s, '"');
}

static bool scan_member(Scan *s) {
        return scan_string(s) && scan_char(s, ':') && scan_value(s);
}

/* An array or an object, by what its parts are. */
static bool scan_container(Scan *s, char close, bool (*scan_part)(Scan *s)) {
        (void) scan_char(s, *s->in);
        if (scan_char(s, close))
                return true;
        do
                if (!scan_part(s))
                        return false;
        while (scan_char(s, ','));
        return scan_char(s, close);
}

static bool scan_word(Scan *s) {
        static const char *const words[] = { "null", "true", "false" };

        FOREACH_ARRAY(word, words, ELEMENTSOF(words)) {
                size_t n = strlen(*word);

                if (strncmp(s->in, *word, n) == 0) {
                        memcpy(s->out, s->in, n);
                        s->in += n;
                        s->out += n;
                        scan_blank(s);
                        return true;
                }
        }
        return false;
}

static bool scan_value(Scan *s) {
        bool is_good;

        if (++s->depth > DEPTH_MAX)
                return false;
        if (*s->in == '{')
                is_good = scan_container(s, '}', scan_member);
        else if (*s->in == '[')
                is_good = scan_container(s, ']', scan_value);
        else if (*s->in == '"')
                is_good = scan_string(s);
        else
                is_good = scan_word(s) || scan_number(s);
        s->depth--;
        return is_good;
}

int json_text_compact(const char *text, char **ret_text) {
        char *copy = malloc(strlen(text) + 1);
        Scan s = { .in = text, .out = copy };

        if (!copy)
                return -ENOMEM;
        scan_blank(&s);
        if (!scan_value(&s) || *s.in != '\0') {
                free(copy);
                return -EBADMSG;
        }
        *s.out = '\0';
        *ret_text = copy;
        return 0;
}

/* Bytes of the character at data; 0 if there is none. */
static size_t character_size(const char *data, size_t size) {
        for (size_t n = 1; n <= MIN(size, (size_t) 4); n++)
                if (utf8_is_valid(data, n))
                        return n;
        return 0;
}

void json_text_print_string(FILE *out, const char *data, size_t size) {
        fputc('"', out);
        while (size > 0) {
                unsigned char c = (unsigned char) *data;
                size_t n = c == '\0' ? 1 : character_size(data, size);

                if (c == '\n' || c == '\t')
                        fputs(c == '\n' ? "\\n" : "\\t", out);
                else if (c < 0x20 || c == 0x7f)
                        fprintf(out, "\\u%04x", c);
                else if (c == '"' || c == '\\')
                        fprintf(out, "\\%c", c);
                else if (n == 0)
                        fputs("\\ufffd", out);
                else
                        fwrite(data, 1, n, out);
                data += MAX(n, (size_t) 1);
                size -= MAX(n, (size_t) 1);
        }
        fputc('"', out);
}

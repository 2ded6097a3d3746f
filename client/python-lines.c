/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/python-lines.h"

#include <ctype.h>
#include <string.h>

#include "basic/macro.h"

/* Those that a block can follow, also on the same line. (match and case end with their colon.) */
static const char *const block_words[] = {
        "async", "class", "def", "for", "if", "try", "while", "with",
};
static const char *const further_words[] = { "elif", "else", "except", "finally" };

static bool has_word(const char *s, const char *end, const char *const *words, size_t n) {
        FOREACH_ARRAY(word, words, n) {
                size_t size = strlen(*word);

                if ((size_t) (end - s) > size && memcmp(s, *word, size) == 0 &&
                    !isalnum((unsigned char) s[size]) && s[size] != '_')
                        return true;
        }
        return false;
}

/* s is at a quote. Returns the end of the text in quotes; is_open if there is none. */
static const char *skip_string(const char *s, const char *end, bool *is_open) {
        char quote = *s;
        bool is_triple = end - s >= 3 && s[1] == quote && s[2] == quote;

        for (s += is_triple ? 3 : 1; s < end; s++) {
                if (*s == '\\')
                        s++;
                else if (*s == '\n' && !is_triple)
                        return s; /* a mistake, which the interpreter tells */
                else if (*s == quote && !is_triple)
                        return s + 1;
                else if (*s == quote && end - s >= 3 && s[1] == quote && s[2] == quote)
                        return s + 3;
        }
        *is_open = true;
        return end;
}

/* A line as Python counts them: what is between brackets or behind a backslash is one. */
typedef struct Logical {
        const char *first; /* of its characters that are no space; NULL is none */
        char last;
} Logical;

static const char *skip_logical(const char *s, const char *end, Logical *line, bool *is_open) {
        unsigned depth = 0;

        *line = (Logical){};
        *is_open = false;
        while (s < end) {
                char c = *s;

                if (c == '\n' && depth == 0)
                        return s + 1;
                if (c == '#') {
                        s = memchr(s, '\n', (size_t) (end - s)) ?: end;
                        continue;
                }
                if (!isspace((unsigned char) c)) {
                        line->first = line->first ?: s;
                        line->last = c;
                }
                if (c == '"' || c == '\'') {
                        s = skip_string(s, end, is_open);
                        continue;
                }
                if (strchr("([{", c))
                        depth++;
                else if (strchr(")]}", c) && depth > 0)
                        depth--;
                s += c == '\\' && end - s >= 2 ? 2 : 1;
        }
        *is_open = true; /* without its newline */
        return end;
}

static bool last_is_blank(const char *text, size_t size) {
        if (size > 0 && text[size - 1] == '\n')
                size--;
        while (size > 0 && text[size - 1] != '\n')
                if (!isspace((unsigned char) text[--size]))
                        return false;
        return true;
}

PythonLines python_lines_scan(const char *text, size_t size) {
        PythonLines lines = { .is_empty = true, .ends_in_blank = last_is_blank(text, size) };
        const char *s = text, *end = text + size;
        Logical line;

        while (s < end) {
                bool is_open;

                s = skip_logical(s, end, &line, &is_open);
                lines.is_open = is_open || (!line.first && lines.is_open);
                if (!line.first)
                        continue;
                lines.is_empty = false;
                lines.is_open |= *line.first == '@';
                lines.is_block |= *line.first == '@' || (line.last == ':' && !is_open) ||
                                  has_word(line.first, end, block_words, ELEMENTSOF(block_words));
        }
        return lines;
}

bool python_line_continues(const char *line, size_t size) {
        return size == 0 || isspace((unsigned char) *line) || *line == '#' ||
               has_word(line, line + size, further_words, ELEMENTSOF(further_words));
}

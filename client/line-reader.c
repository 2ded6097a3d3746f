/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/line-reader.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "basic/macro.h"
#include "client/interrupt.h"

#define HISTORY_LINES_MAX 1000

struct LineReader {
        EditLine *editor; /* NULL: no terminal */
        History *history;
        char *history_path; /* NULL: nowhere to keep it */
        const char *prompt;
        Buf input; /* read, and not asked for yet */
        bool is_at_end;
};

/* "DIRECTORY/pysbctl/history", its directories made for us alone; NULL if there is no home. */
static char *history_make_path(void) {
        const char *state = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
        char *path = NULL;

        if (state && state[0] == '/') {
                if (asprintf(&path, "%s/pysbctl/history", state) < 0)
                        return NULL;
        } else if (!home || home[0] != '/' ||
                   asprintf(&path, "%s/.local/state/pysbctl/history", home) < 0)
                return NULL;
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void) mkdir(path, 0700);
                *slash = '/';
        }
        return path;
}

static char *editor_prompt(EditLine *editor) {
        LineReader *reader = NULL;

        (void) el_get(editor, EL_CLIENTDATA, &reader);
        return (char *) reader->prompt;
}

/* A character of the terminal, for which signals are let in. */
static int editor_read(EditLine *editor, wchar_t *ret_char) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        mbstate_t state = {};
        char byte;

        for (;;) {
                ssize_t n;
                int r = interrupt_poll(&input, 1);

                if (r < 0)
                        return -1;
                n = read(STDIN_FILENO, &byte, 1);
                if (n <= 0)
                        return (int) n;
                switch (mbrtowc(ret_char, &byte, 1, &state)) {
                case (size_t) -2: /* more of it */
                        continue;
                case (size_t) -1: /* no UTF-8 */
                        state = (mbstate_t){};
                        continue;
                default:
                        return 1;
                }
        }
}

static int editor_setup(LineReader *reader) {
        HistEvent event;

        (void) setlocale(LC_CTYPE, "C.UTF-8"); /* as programs are */
        reader->history = history_init();
        reader->editor = el_init("pysbctl", stdin, stdout, stderr);
        if (!reader->history || !reader->editor)
                return -ENOMEM;
        reader->history_path = history_make_path();
        (void) history(reader->history, &event, H_SETSIZE, HISTORY_LINES_MAX);
        (void) history(reader->history, &event, H_SETUNIQUE, 1);
        if (reader->history_path)
                (void) history(reader->history, &event, H_LOAD, reader->history_path);
        (void) el_set(reader->editor, EL_CLIENTDATA, reader);
        (void) el_set(reader->editor, EL_PROMPT, editor_prompt);
        (void) el_set(reader->editor, EL_EDITOR, "emacs");
        (void) el_set(reader->editor, EL_HIST, history, reader->history);
        (void) el_set(reader->editor, EL_GETCFN, editor_read);
        (void) el_source(reader->editor, NULL); /* ~/.editrc may say "bind -v" */
        return 0;
}

int line_reader_new(LineReader **ret_reader) {
        _cleanup_(line_reader_freep) LineReader *reader = calloc(1, sizeof(*reader));
        int r = 0;

        if (!reader)
                return -ENOMEM;
        if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
                r = editor_setup(reader);
        if (r >= 0)
                *ret_reader = TAKE_PTR(reader);
        return r;
}

LineReader *line_reader_free(LineReader *reader) {
        HistEvent event;

        if (!reader)
                return NULL;
        /* libedit makes it readable for its owner only. */
        if (reader->editor && reader->history_path)
                (void) history(reader->history, &event, H_SAVE, reader->history_path);
        if (reader->editor)
                el_end(reader->editor);
        if (reader->history)
                history_end(reader->history);
        free(reader->history_path);
        buf_done(&reader->input);
        free(reader);
        return NULL;
}

bool line_reader_is_terminal(const LineReader *reader) {
        return reader->editor;
}

static int edit_line(LineReader *reader, const char *prompt, Buf *lines) {
        HistEvent event;
        const char *line;
        int size, r;

        reader->prompt = prompt;
        /* Else it is done behind the prompt, and a ^D in between is lost. */
        (void) el_set(reader->editor, EL_PREP_TERM, 1);
        line = el_gets(reader->editor, &size);
        if (!line || size <= 0) {
                (void) fputc('\n', stdout);
                (void) fflush(stdout);
                return interrupt_get_signal() != 0 ? -EINTR : 0;
        }
        if (line[strspn(line, " \t\n")] != '\0')
                (void) history(reader->history, &event, H_ENTER, line);
        r = buf_append(lines, line, (size_t) size);
        if (r >= 0 && line[size - 1] != '\n')
                r = buf_append(lines, "\n", 1);
        return r < 0 ? r : 1;
}

static int fill(LineReader *reader) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        char bytes[4096];
        ssize_t n;
        int r = interrupt_poll(&input, 1);

        if (r < 0)
                return r;
        n = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (n < 0)
                return errno == EINTR || errno == EAGAIN ? 0 : -errno;
        reader->is_at_end = n == 0;
        return buf_append(&reader->input, bytes, (size_t) n);
}

int line_reader_next(LineReader *reader, const char *prompt, Buf *lines) {
        const char *newline = NULL;
        size_t size;
        int r;

        if (reader->editor)
                return edit_line(reader, prompt, lines);
        for (;;) {
                size = buf_size(&reader->input);
                if (size > 0)
                        newline = memchr(buf_data(&reader->input), '\n', size);
                if (newline || reader->is_at_end)
                        break;
                r = fill(reader);
                if (r < 0)
                        return r;
        }
        if (newline)
                size = (size_t) (newline + 1 - (const char *) buf_data(&reader->input));
        if (size == 0)
                return 0;
        r = buf_append(lines, buf_data(&reader->input), size);
        if (r >= 0 && !newline)
                r = buf_append(lines, "\n", 1);
        buf_consume(&reader->input, size);
        return r < 0 ? r : 1;
}

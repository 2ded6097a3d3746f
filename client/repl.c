/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session at a prompt, statement by statement. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client/exit-status.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/line-reader.h"
#include "client/python-lines.h"
#include "client/report.h"
#include "client/submit-options.h"
#include "client/text.h"

typedef struct Repl {
        SubmitOptions options;
        PysbRequest *request; /* for OpenSession */
        PysbClient *client;
        char *session;
        LineReader *reader;
        Buf line; /* of a file: read, but not of the statement before it */
        int status;
        bool is_lost; /* the session has no interpreter any more */
} Repl;

static void repl_done(Repl *repl) {
        if (repl->session)
                (void) pysb_close_session(repl->options.tools.client, repl->session);
        repl->reader = line_reader_free(repl->reader); /* keeps the history */
        buf_done(&repl->line);
        free(repl->session);
        tools_done(&repl->options.tools);
        pysb_client_free(repl->client);
        pysb_request_free(repl->request);
}

/* The second connection is for interrupts, and answers tool calls. */
static int repl_connect(Repl *repl) {
        int r;

        if (common_connect(&repl->options.common, &repl->client) < 0)
                return EXIT_NOT_ACCEPTED;
        r = pysb_client_new_sibling(repl->client, &repl->options.tools.client);
        if (r >= 0)
                return 0;
        text_error("Cannot connect a second time, for interrupts: %s.", strerror(-r));
        return EXIT_NOT_ACCEPTED;
}

static int repl_open(Repl *repl) {
        int r = pysb_open_session(repl->client, repl->request, repl->options.idle_usec,
                                  repl->options.lifetime_usec, &repl->session);

        return r < 0 ? common_call_failed(repl->client, r) : 0;
}

/* At a prompt one can go on without one's variables, a program cannot. */
static int repl_reopen(Repl *repl) {
        if (!line_reader_is_terminal(repl->reader)) {
                text_error("The session has lost its interpreter.");
                return repl->status;
        }
        text_error("The session is lost, here is another one: without the variables.");
        (void) pysb_close_session(repl->client, repl->session);
        free(repl->session);
        repl->session = NULL;
        repl->is_lost = false;
        return repl_open(repl);
}

/* A statement of a file ends before the line that is not of its block. Returns as line_reader_next(). */
static int read_file(Repl *repl, Buf *lines) {
        PythonLines state;
        int r;

        for (;;) {
                if (buf_size(&repl->line) == 0) {
                        r = line_reader_next(repl->reader, "", &repl->line);
                        if (r <= 0)
                                return r == 0 && buf_size(lines) > 0 ? 1 : r;
                }
                state = python_lines_scan(buf_data(lines), buf_size(lines));
                if (!state.is_empty && !state.is_open &&
                    !(state.is_block &&
                      python_line_continues(buf_data(&repl->line), buf_size(&repl->line))))
                        return 1;
                r = buf_append(lines, buf_data(&repl->line), buf_size(&repl->line));
                if (r < 0)
                        return r;
                buf_consume(&repl->line, buf_size(&repl->line));
                /* Nothing can follow: no need to wait for the next line. */
                state = python_lines_scan(buf_data(lines), buf_size(lines));
                if (!state.is_empty && !state.is_open && !state.is_block)
                        return 1;
        }
}

/* On a terminal a block ends with an empty line. */
static int read_terminal(Repl *repl, Buf *lines) {
        PythonLines state;

        do {
                int r = line_reader_next(repl->reader, buf_size(lines) == 0 ? ">>> " : "... ",
                                         lines);

                if (r <= 0)
                        return r;
                state = python_lines_scan(buf_data(lines), buf_size(lines));
        } while (state.is_open || (state.is_block && !state.ends_in_blank));
        return 1;
}

static int start_cell(const Repl *repl, Buf *lines, Follow *follow) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        int r = pysb_request_new(&request);

        if (r >= 0)
                r = pysb_request_set_code(request, buf_data(lines), buf_size(lines));
        if (r >= 0)
                r = pysb_start_cell(repl->client, repl->session, request, follow_callback, follow);
        if (r == -EILSEQ)
                text_error("A statement must be UTF-8 text without NUL.");
        else if (r < 0)
                (void) common_call_failed(repl->client, r);
        return r;
}

/* A call that is refused ends the loop only if there is no session any more. */
static int cell_call_failed(PysbClient *client, int error) {
        const char *name = pysb_client_get_error_name(client);

        if (name && (strcmp(name, "io.pysb.sandbox.SessionLost") == 0 ||
                     strcmp(name, "io.pysb.sandbox.SessionNotFound") == 0))
                return EXIT_NOT_ACCEPTED;
        return common_call_failed(client, error);
}

/* Runs the statement. Returns 0, or the status to exit with. */
static int repl_run(Repl *repl, Buf *lines) {
        bool is_terminal = line_reader_is_terminal(repl->reader);
        SubmitOptions *o = &repl->options;
        _cleanup_(follow_done) Follow follow = {
                .client = repl->client,
                .displays.dir = o->common.display_dir,
                .tools = &o->tools,
                .interrupts = is_terminal,
                .session = is_terminal ? repl->session : NULL,
                .shows_values = !o->common.display_dir,
                .call_failed = cell_call_failed,
        };
        int r;

        if (start_cell(repl, lines, &follow) < 0)
                return EXIT_NOT_ACCEPTED;
        r = follow_run(&follow);
        tools_forget_job(&o->tools);
        if (interrupt_get_signal() != 0)
                return EXIT_SIGNAL_BASE + interrupt_get_signal();
        if (r != 0 && pysb_client_get_error_name(repl->client) == NULL)
                return r;
        repl->status = r;
        if (r == 0) {
                displays_report(&follow.displays);
                repl->status = report_result(&o->common, repl->client, follow.result);
                repl->is_lost = !pysb_result_is_session_alive(follow.result);
        } else
                repl->is_lost = true;
        return repl->is_lost ? repl_reopen(repl) : 0;
}

/* The names that Python's own prompt knows, and a sandbox does not. */
static bool is_farewell(const Buf *lines) {
        static const char *const words[] = { "exit", "exit()", "quit", "quit()" };

        FOREACH_ARRAY(word, words, ELEMENTSOF(words)) {
                size_t size = strlen(*word);

                if (buf_size(lines) == size + 1 && memcmp(buf_data(lines), *word, size) == 0)
                        return true;
        }
        return false;
}

static int repl_loop(Repl *repl) {
        bool is_terminal = line_reader_is_terminal(repl->reader);
        _cleanup_(buf_done) Buf lines = {};
        int r;

        for (;;) {
                buf_consume(&lines, buf_size(&lines));
                r = is_terminal ? read_terminal(repl, &lines) : read_file(repl, &lines);
                if (r == -EINTR && is_terminal && interrupt_get_signal() == SIGINT) {
                        interrupt_clear();
                        continue;
                }
                if (r == -EINTR)
                        return EXIT_SIGNAL_BASE + interrupt_get_signal();
                if (r < 0)
                        text_error("Cannot read standard input: %s.", strerror(-r));
                if (r <= 0 || is_farewell(&lines))
                        break;
                if (python_lines_scan(buf_data(&lines), buf_size(&lines)).is_empty)
                        continue;
                r = repl_run(repl, &lines);
                if (r != 0)
                        return r;
        }
        return is_terminal && r >= 0 ? 0 : r < 0 ? EXIT_NOT_ACCEPTED : repl->status;
}

int verb_repl(int argc, char *argv[]) {
        _cleanup_(repl_done) Repl repl = {};
        int r;

        r = submit_options_parse(argc, argv, &repl.options, &repl.request);
        if (r != 0)
                return r;
        repl.options.common.summary = false;
        interrupt_setup();
        if (optind < argc) {
                text_error("repl: the argument %s is one too many.", argv[optind]);
                return common_usage("repl");
        }
        if (line_reader_new(&repl.reader) < 0 ||
            displays_prepare(repl.options.common.display_dir) < 0 ||
            pysb_request_set_bind_to_connection(repl.request, true) < 0)
                return EXIT_NOT_ACCEPTED;
        r = repl_connect(&repl);
        if (r == 0)
                r = repl_open(&repl);
        return r == 0 ? repl_loop(&repl) : r;
}

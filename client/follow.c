/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/follow.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "client/exit-status.h"
#include "client/interrupt.h"
#include "client/report.h"
#include "client/text.h"

static int print_output(const Follow *follow, const PysbEvent *event) {
        PysbStream stream;
        const char *data;
        size_t size;

        if (pysb_event_get_output(event, &stream, &data, &size) < 0)
                return 0;
        return interrupt_write(follow->to_stderr ? STDERR_FILENO : (int) stream, data, size);
}

static int print_event(const PysbEvent *event) {
        _cleanup_free_ char *json = NULL;
        int r;

        r = pysb_event_to_json(event, &json);
        return r < 0 ? r : report_line(json);
}

/* Values come by another way than output does, so only their order among each other is known. Whether there
 * is nothing else to show of it. */
static bool take_value(Follow *follow, const PysbEvent *event) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (pysb_event_get_display(event, "text/plain", &text, &size) < 0)
                return false;
        if (buf_append(&follow->values, text, size) < 0 || buf_append(&follow->values, "\n", 1) < 0)
                return false;
        return !pysb_event_get_display_type(event, 1);
}

void follow_callback(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        Follow *follow = userdata;

        if (event && follow->write_error == 0 && !follow->is_quiet)
                follow->write_error =
                        follow->events ? print_event(event) : print_output(follow, event);
        if (event) {
                const char *job = pysb_event_get_job(event);

                if (job && follow->interrupts && !follow->job)
                        follow->job = strdup(job);
                if (follow->tools)
                        tools_on_event(follow->tools, event);
                if (!follow->shows_values || !take_value(follow, event))
                        displays_add_event(&follow->displays, event);
                outputs_add_event(&follow->outputs, event);
                return;
        }
        if (result) {
                displays_add_result(&follow->displays, result);
                outputs_add_result(&follow->outputs, result);
        }
        follow->done = true;
        follow->error = error;
        follow->result = result;
}

/* The first ^C asks the job to stop, its end is still reported; everything else ends us, and so the job.
 * Tools have their own second connection, and a private daemon has no third one. */
static bool follow_interrupt(Follow *follow) {
        _cleanup_(pysb_client_freep) PysbClient *sibling = NULL;
        PysbClient *client = follow->tools ? follow->tools->client : NULL;

        if (follow->session && interrupt_get_signal() == SIGINT) {
                follow->wants_interrupt = true;
                interrupt_clear();
                return true;
        }
        if (!follow->job || follow->is_interrupted || interrupt_get_signal() != SIGINT)
                return false;
        follow->is_interrupted = true;
        if (!client && pysb_client_new_sibling(follow->client, &sibling) < 0)
                return false;
        if (pysb_cancel(client ?: sibling, follow->job, "interrupted") < 0)
                return false;
        interrupt_clear();
        return true;
}

/* Before it is accepted there is nothing to interrupt. */
static void follow_interrupt_cell(Follow *follow) {
        if (!follow->wants_interrupt || !follow->job || follow->done)
                return;
        follow->wants_interrupt = false;
        if (pysb_interrupt_session(follow->tools->client, follow->session) < 0)
                text_error("Cannot interrupt: %s.",
                           pysb_client_get_error(follow->tools->client) ?: "no connection");
}

int follow_run(Follow *follow) {
        while (!follow->done && follow->write_error == 0) {
                struct pollfd fds[2 + TOOL_FDS_MAX] = {
                        {
                                .fd = pysb_client_get_fd(follow->client),
                                .events = (short) pysb_client_get_events(follow->client),
                        },
                        follow->feed ? feed_poll(follow->feed) : (struct pollfd){ .fd = -EBADF },
                };
                size_t n = 2 + (follow->tools ? tools_poll(follow->tools, fds + 2) : 0);

                follow_interrupt_cell(follow);
                if (interrupt_poll(fds, n) == -EINTR) {
                        if (follow_interrupt(follow))
                                continue;
                        return EXIT_SIGNAL_BASE + interrupt_get_signal();
                }
                pysb_client_process(follow->client);
                if (follow->feed)
                        feed_process(follow->feed, fds[1].revents);
                if (follow->tools)
                        tools_process(follow->tools);
        }
        if (follow->write_error < 0)
                return report_write_failed(follow->write_error);
        if (follow->error < 0)
                return (follow->call_failed ?: common_call_failed)(follow->client, follow->error);
        follow->write_error = interrupt_write(STDOUT_FILENO, buf_data(&follow->values),
                                              buf_size(&follow->values));
        return follow->write_error < 0 ? report_write_failed(follow->write_error) : 0;
}

void follow_done(Follow *follow) {
        follow->result = pysb_result_free(follow->result);
        free(follow->job);
        follow->job = NULL;
        buf_done(&follow->values);
        outputs_done(&follow->outputs);
}

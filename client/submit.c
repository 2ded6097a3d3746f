/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "client/exit-status.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/report.h"
#include "client/submit-options.h"
#include "client/text.h"

/* --detach: the method Submit. */
static int submit_detached(const Common *common, PysbClient *client, const PysbRequest *request) {
        _cleanup_free_ char *job = NULL, *json = NULL;
        int r;

        r = pysb_submit(client, request, &job);
        if (r < 0)
                return common_call_failed(client, r);
        if (common->json && common_parameter("job", job, &json) < 0)
                return EXIT_NOT_ACCEPTED;
        r = report_line(json ? json : job);
        return r < 0 ? report_write_failed(r) : 0;
}

/* Tool calls come as events, and a cell has to be known to be cancelled; and what was streamed is not in the
 * result: it is asked for again, which it can be for so long. */
#define RETAIN_USEC (30 * USEC_PER_SEC)

static bool submit_fetches(const SubmitOptions *o) {
        return o->common.json && (o->tools.n > 0 || o->session);
}

static int submit_start(const SubmitOptions *o, PysbRequest *request, Follow *follow) {
        int r = 0;

        if (submit_fetches(o))
                r = pysb_request_set_retain(request, RETAIN_USEC);
        if (r < 0)
                return r;
        if (o->session)
                return pysb_start_cell(follow->client, o->session, request, follow_callback,
                                       follow);
        if (o->common.json && o->tools.n == 0)
                return pysb_start_quiet(follow->client, request, follow_callback, follow);
        return pysb_start(follow->client, request, follow_callback, follow);
}

static int submit_fetch(const SubmitOptions *o, Follow *follow) {
        PysbResult *whole = NULL;
        int r;

        if (!submit_fetches(o))
                return 0;
        r = pysb_wait(follow->client, pysb_result_get_job(follow->result), 0, &whole);
        if (r < 0)
                return common_call_failed(follow->client, r);
        pysb_result_free(follow->result);
        follow->result = whole;
        return 0;
}

/* The method Run, or Execute: events as they come, or with --json everything in the result. */
static int submit_and_follow(SubmitOptions *o, PysbClient *client, PysbRequest *request) {
        const Common *common = &o->common;
        _cleanup_(follow_done) Follow follow = {
                .client = client,
                .events = common->events,
                .to_stderr = common->value,
                .is_quiet = common->json,
                .displays.dir = common->display_dir,
                .outputs.dir = common->output_dir,
                .tools = &o->tools,
                .feed = &o->feed,
                .interrupts = true,
                .shows_values = o->session && !common->json && !common->events && !common->value &&
                                !common->display_dir,
        };
        int r;

        if (tools_connect(&o->tools, client) < 0)
                return EXIT_NOT_ACCEPTED;
        r = submit_start(o, request, &follow);
        if (r < 0)
                return common_call_failed(client, r);
        /* Sent: with another reader who writes would not learn that the program reads no more. */
        (void) pysb_request_set_stdin_open(request, false);
        r = follow_run(&follow);
        if (r == 0)
                outputs_fetch(&follow.outputs, client);
        if (r == 0)
                r = submit_fetch(o, &follow);
        if (r != 0)
                return r;
        if (!common->json && !common->events)
                displays_report(&follow.displays);
        if (!common->json && !common->events)
                outputs_report(&follow.outputs);
        r = report_result(common, client, follow.result);
        if (o->session && !pysb_result_is_session_alive(follow.result))
                text_error("The session has lost its interpreter; close it, and open another one.");
        return r == 0 && follow.outputs.has_failed ? EXIT_FAILURE : r;
}

int verb_submit(int argc, char *argv[]) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        SubmitOptions options;
        int r;

        r = submit_options_parse(argc, argv, &options, &request);
        if (r != 0)
                return r;
        interrupt_setup();
        if (displays_prepare(options.common.display_dir) < 0 ||
            outputs_prepare(options.common.output_dir) < 0 ||
            common_connect(&options.common, &client) < 0)
                r = EXIT_NOT_ACCEPTED;
        else if (options.detach)
                r = submit_detached(&options.common, client, request);
        else
                r = submit_and_follow(&options, client, request);
        tools_done(&options.tools);
        feed_done(&options.feed);
        return r;
}

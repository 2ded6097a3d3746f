/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Evaluates one function: the mapping of the interface text, section "Evaluating functions". */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/exit-status.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/json-text.h"
#include "client/submit-options.h"
#include "client/text.h"

static const char *const default_modules[] = { "json", "re", "typing" };

/* What the command line leaves open. */
static int set_defaults(const SubmitOptions *options, PysbRequest *request) {
        int r;

        if (options->has_profile)
                return 0;
        r = pysb_request_set_profile(request, "eval");
        if (options->program.has_modules)
                return r;
        FOREACH_ARRAY(module, default_modules, ELEMENTSOF(default_modules))
                if (r >= 0)
                        r = pysb_request_add_module(request, *module);
        return r;
}

/* null, or one sentence. What an exception says of a limit that was reached is less than the message. */
static void print_error(FILE *out, const PysbResult *result) {
        PysbOutcome outcome = pysb_result_get_outcome(result);
        const char *type = pysb_result_get_exception_type(result);
        const char *message = pysb_result_get_exception_message(result);
        _cleanup_free_ char *sentence = NULL;

        if (outcome == PYSB_OUTCOME_SUCCESS) {
                fputs("null", out);
                return;
        }
        if (outcome == PYSB_OUTCOME_EXCEPTION && type && message &&
            asprintf(&sentence, "%s: %s", type, message) < 0)
                sentence = NULL;
        message = sentence ?: pysb_result_get_message(result);
        if (!message)
                message = pysb_result_get_outcome_name(result);
        json_text_print_string(out, message, strlen(message));
}

/* The program wrote it, and nobody has looked at it yet. */
static void print_value(FILE *out, const PysbResult *result) {
        const char *text = pysb_result_get_result_json(result);
        _cleanup_free_ char *value = NULL;

        if (text && json_text_compact(text, &value) < 0)
                text_error("The program's value is no JSON.");
        fputs(value ?: "null", out);
}

/* What else there is to know, only if there is. */
static void print_member(FILE *out, const PysbResult *result, const char *name) {
        _cleanup_(pysb_document_freep) PysbDocument *document = NULL;
        _cleanup_free_ char *json = NULL;

        if (pysb_result_get_document(result, &document) >= 0 &&
            pysb_document_to_json(document, name, &json) >= 0)
                fprintf(out, ",\"%s\":%s", name, json);
}

static void print_evaluation(FILE *out, const PysbResult *result) {
        uint64_t wall_usec = 0;
        const char *output;
        size_t size;

        (void) pysb_result_get_usage(result, "wallTimeUSec", &wall_usec);
        output = pysb_result_get_output(result, PYSB_STREAM_STDOUT, &size);
        fprintf(out, "{\"success\":%s,\"output\":",
                pysb_result_get_outcome(result) == PYSB_OUTCOME_SUCCESS ? "true" : "false");
        json_text_print_string(out, output, output ? size : 0);
        fputs(",\"error\":", out);
        print_error(out, result);
        fprintf(out, ",\"executionTimeMs\":%" PRIu64 ".%03" PRIu64 ",\"result\":", wall_usec / 1000,
                wall_usec % 1000);
        print_value(out, result);
        print_member(out, result, "resultProblem");
        print_member(out, result, "findings");
        print_member(out, result, "violations");
        fputs("}\n", out);
}

/* The daemon did not take the request, or is gone: an answer, too. */
static int call_failed(PysbClient *client, int error) {
        const char *sentence = common_call_error(client, error);

        fputs("{\"success\":false,\"output\":\"\",\"error\":", stdout);
        json_text_print_string(stdout, sentence, strlen(sentence));
        fputs(",\"executionTimeMs\":0,\"result\":null}\n", stdout);
        return common_call_status(client, error);
}

int verb_eval(int argc, char *argv[]) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        _cleanup_(pysb_client_freep) PysbClient *client = NULL;
        _cleanup_(follow_done) Follow follow = { .call_failed = call_failed };
        SubmitOptions options;
        int r;

        r = submit_options_parse(argc, argv, &options, &request);
        if (r != 0)
                return r;
        interrupt_setup();
        if (set_defaults(&options, request) < 0 || common_connect(&options.common, &client) < 0)
                return EXIT_NOT_ACCEPTED;
        follow.client = client;
        follow.feed = &options.feed;
        r = pysb_start_quiet(client, request, follow_callback, &follow);
        if (r < 0)
                return call_failed(client, r);
        r = follow_run(&follow);
        if (r != 0)
                return r;
        print_evaluation(stdout, follow.result);
        return exit_status_of_result(follow.result);
}

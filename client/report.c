/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "client/exit-status.h"
#include "client/findings.h"
#include "client/interrupt.h"
#include "client/text.h"

int report_line(const char *text) {
        int r;

        r = interrupt_write(STDOUT_FILENO, text, strlen(text));
        return r < 0 ? r : interrupt_write(STDOUT_FILENO, "\n", 1);
}

int report_write_failed(int error) {
        if (error == -EINTR)
                return EXIT_SIGNAL_BASE + interrupt_get_signal();
        if (error == -EPIPE) /* as a program that SIGPIPE ended: quietly */
                return EXIT_BROKEN_PIPE;
        text_error("Cannot write the output: %s.", strerror(-error));
        return EXIT_NOT_ACCEPTED;
}

static int report_captured(const PysbResult *result) {
        static const PysbStream streams[] = { PYSB_STREAM_STDOUT, PYSB_STREAM_STDERR };

        FOREACH_ARRAY(stream, streams, ELEMENTSOF(streams)) {
                const char *data;
                size_t size;
                int r;

                data = pysb_result_get_output(result, *stream, &size);
                r = data ? interrupt_write((int) *stream, data, size) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The answer to Wait holds a bounded part of each stream; and output_limit may have cut it before. */
static void report_cut(const PysbResult *result) {
        static const struct {
                PysbStream stream;
                const char *name;
        } streams[] = { { PYSB_STREAM_STDOUT, "output" }, { PYSB_STREAM_STDERR, "error" } };

        FOREACH_ARRAY(s, streams, ELEMENTSOF(streams)) {
                size_t size;

                (void) pysb_result_get_output(result, s->stream, &size);
                if (pysb_result_is_truncated(result, s->stream))
                        text_error("Standard %s is cut after %zu bytes; `pysbctl attach %s` prints "
                                   "everything that was kept.",
                                   s->name, size, pysb_result_get_job(result));
        }
}

/* Whether the message says something that the program's own output does not. */
static bool message_is_news(const PysbResult *result) {
        switch (pysb_result_get_outcome(result)) {
        case PYSB_OUTCOME_SUCCESS:
        case PYSB_OUTCOME_EXIT_NONZERO:
        case PYSB_OUTCOME_EXCEPTION: /* the traceback was on its standard error */
                return false;
        case PYSB_OUTCOME_UNKNOWN:
        case PYSB_OUTCOME_SIGNALED:
        case PYSB_OUTCOME_WALL_TIME_LIMIT:
        case PYSB_OUTCOME_CPU_TIME_LIMIT:
        case PYSB_OUTCOME_MEMORY_LIMIT:
        case PYSB_OUTCOME_OUTPUT_LIMIT:
        case PYSB_OUTCOME_TOOL_CALL_LIMIT:
        case PYSB_OUTCOME_TICK_LIMIT:
        case PYSB_OUTCOME_REJECTED:
        case PYSB_OUTCOME_CANCELLED:
        case PYSB_OUTCOME_EXPIRED:
        case PYSB_OUTCOME_LOST:
        case PYSB_OUTCOME_INTERNAL_ERROR:
                break;
        }
        return true;
}

/* Says why the analysis refused it, or what else it remarked. */
static bool report_findings(const Common *common, const PysbResult *result) {
        _cleanup_(pysb_document_freep) PysbDocument *document = NULL;

        return pysb_result_get_document(result, &document) >= 0 &&
               findings_print(stderr, common->source ?: "<job>", document) > 0;
}

static void report_message(const Common *common, const PysbResult *result) {
        const char *message = pysb_result_get_message(result);

        if (report_findings(common, result) &&
            pysb_result_get_outcome(result) == PYSB_OUTCOME_REJECTED)
                return;
        /* Only who asked for the value misses it: many programs end with an expression by chance. */
        if (common->value && pysb_result_get_problem_type(result))
                text_error("The program's value is not returned: %s",
                           pysb_result_get_problem_message(result));
        if (message_is_news(result))
                text_error("%s", message ? message : pysb_result_get_outcome_name(result));
}

static void print_usage(const PysbResult *result) {
        uint64_t user, system, wall, memory, ticks;
        char buf[TEXT_NUMBER_MAX];

        if (pysb_result_get_usage(result, "wallTimeUSec", &wall) == 0)
                fprintf(stderr, ", wall %s", text_usec(wall, buf));
        if (pysb_result_get_usage(result, "cpuUserUSec", &user) == 0 &&
            pysb_result_get_usage(result, "cpuSystemUSec", &system) == 0)
                fprintf(stderr, ", CPU %s", text_usec(user + system, buf));
        if (pysb_result_get_usage(result, "memoryPeakBytes", &memory) == 0)
                fprintf(stderr, ", memory peak %s", text_bytes(memory, buf));
        if (pysb_result_get_usage(result, "ticks", &ticks) == 0)
                fprintf(stderr, ", %" PRIu64 " ticks", ticks);
}

static void print_layers(const PysbResult *result) {
        const char *layer;
        size_t n = 0;

        while (pysb_result_get_layer(result, n))
                n++;
        if (n == 0) /* nothing ran */
                return;
        fprintf(stderr, "; %zu protection layers: ", n);
        for (size_t i = 0; (layer = pysb_result_get_layer(result, i)); i++) {
                fputs(i > 0 ? ", " : "", stderr);
                text_print(stderr, layer);
        }
}

static void print_missing(PysbClient *client) {
        _cleanup_(pysb_document_freep) PysbDocument *node = NULL;
        _cleanup_free_ char *json = NULL;
        const char *separator = " no ";
        size_t n;

        if (pysb_call(client, "GetNode", NULL, &json) < 0 || pysb_document_new(&node, json) < 0)
                return;
        n = pysb_document_get_size(node, "isolation");
        for (size_t i = 0; i < n; i++) {
                char path[64];
                const char *state, *layer;

                snprintf(path, sizeof(path), "isolation.%zu.state", i);
                state = pysb_document_get_string(node, path);
                if (!state || strcmp(state, "enforced") == 0)
                        continue;
                snprintf(path, sizeof(path), "isolation.%zu.layer", i);
                layer = pysb_document_get_string(node, path);
                fputs(separator, stderr);
                text_print(stderr, layer);
                separator = ", ";
        }
}

/* One line: outcome, figures, and what stood between the program and the machine; and one of advice. */
static void report_summary(PysbClient *client, const PysbResult *result) {
        fputs("pysbctl: ", stderr);
        text_print(stderr, pysb_result_get_outcome_name(result));
        print_usage(result);
        print_layers(result);
        if (pysb_result_is_degraded(result)) {
                fputs("; degraded:", stderr);
                print_missing(client);
        }
        fputc('\n', stderr);
        if (pysb_result_get_limits(result))
                text_error("limits: %s", pysb_result_get_limits(result));
}

int report_result(const Common *common, PysbClient *client, const PysbResult *result) {
        int r;

        if (common->json || common->events) {
                _cleanup_free_ char *json = NULL;

                r = pysb_result_to_json(result, &json);
                if (r >= 0)
                        r = report_line(json);
        } else if (common->value) {
                const char *value = pysb_result_get_result_json(result);

                r = value ? report_line(value) : 0;
        } else {
                r = report_captured(result);
        }
        if (r < 0)
                return report_write_failed(r);
        if (!common->json && !common->events) {
                report_cut(result);
                report_message(common, result);
        }
        if (common->summary)
                report_summary(client, result);
        return exit_status_of_result(result);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/reply-said.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "proto/syscall-names.h"
#include "wire/base64.h"

static const char *const severity_names[_FINDING_SEVERITY_MAX] = {
        [FINDING_NOTE] = "note",
        [FINDING_WARNING] = "warning",
        [FINDING_REFUSE] = "refuse",
};

static json_t *exception_object(const RunnerException *e) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "type", e->type);
        json_build_string(&b, "message", e->message);
        json_build_string(&b, "traceback", e->traceback);
        if (e->line > 0)
                json_build_uint(&b, "line", e->line);
        return json_build_take(&b);
}

static json_t *problem_object(const RunnerProblem *p) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "type", p->type);
        json_build_string(&b, "message", p->message);
        return json_build_take(&b);
}

static bool mime_is_text(const char *mime) {
        return strncmp(mime, "text/", 5) == 0 || strcmp(mime, "application/json") == 0 ||
               strcmp(mime, "image/svg+xml") == 0;
}

/* Steals item; NULL is a failure, and then there is no array either. */
static json_t *array_add(json_t *array, json_t *item) {
        if (json_array_append_new(array, item) == 0)
                return array;
        json_decref(array);
        return NULL;
}

json_t *reply_display(const RunnerDisplay *display) {
        JsonBuild b = JSON_BUILD_INIT, text = JSON_BUILD_INIT, data = JSON_BUILD_INIT;
        size_t n_text = 0;

        FOREACH_ARRAY(part, display->parts, display->n_parts) {
                _cleanup_free_ char *base64 = NULL;

                /* What calls itself text and is none travels as bytes. */
                if (mime_is_text(part->mime) &&
                    json_bytes_are_text(part->data, part->size, SAID_GROWTH_MAX)) {
                        json_build_string_n(&text, part->mime, part->data, part->size);
                        n_text++;
                        continue;
                }
                base64 = base64_encode(part->data, part->size);
                json_build_value(&data, part->mime, base64 ? json_string(base64) : NULL);
        }
        json_build_bool(&b, "isResult", display->is_result);
        if (n_text > 0)
                json_build_value(&b, "text", json_build_take(&text));
        if (n_text < display->n_parts)
                json_build_value(&b, "data", json_build_take(&data));
        json_build_done(&text);
        json_build_done(&data);
        return json_build_take(&b);
}

static json_t *displays_array(const RunnerSaid *said) {
        json_t *array = json_array();

        FOREACH_ARRAY(display, said->displays, said->n_displays)
                array = array_add(array, reply_display(display));
        return array;
}

static json_t *finding_object(const RunnerFinding *f) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "rule", f->rule);
        json_build_string(&b, "severity", severity_names[f->severity]);
        json_build_string(&b, "message", f->message);
        if (f->path[0] != '\0')
                json_build_string(&b, "path", f->path);
        if (f->line > 0)
                json_build_uint(&b, "line", f->line);
        if (f->column > 0)
                json_build_uint(&b, "column", f->column);
        if (f->subject[0] != '\0')
                json_build_string(&b, "subject", f->subject);
        return json_build_take(&b);
}

json_t *reply_findings(const RunnerSaid *said) {
        json_t *array = json_array();

        FOREACH_ARRAY(finding, said->findings, said->n_findings)
                array = array_add(array, finding_object(finding));
        return array;
}

static json_t *
violation_object(const char *layer, const char *subject, const char *reason, uint64_t count) {
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "layer", layer);
        json_build_string(&b, "subject", subject);
        json_build_string(&b, "reason", reason);
        json_build_uint(&b, "count", count);
        return json_build_take(&b);
}

json_t *reply_violation(const RunnerViolation *v) {
        return violation_object(v->layer, v->subject, v->reason, v->count);
}

/* The kernel's first, then the interpreter's word. */
static json_t *violations_array(const Job *job) {
        uint32_t n = job->has_facts ? MIN(job->facts.n_denied, (uint32_t) DENIED_CALLS_MAX) : 0;
        json_t *array = json_array();

        FOREACH_ARRAY(denied, job->facts.denied, n) {
                const char *name = syscall_name(denied->number);
                char number[16];

                (void) snprintf(number, sizeof(number), "%u", denied->number);
                array = array_add(array,
                                  violation_object("seccomp", name ?: number, NULL, denied->count));
        }
        FOREACH_ARRAY(v, job->said.violations, job->said.n_violations)
                array = array_add(array, reply_violation(v));
        return array;
}

void reply_build_said(JsonBuild *b, const Job *job, bool with_displays) {
        static const RunnerProblem dropped = {
                .type = "ResultDropped",
                .message =
                        "value, output, displays, exception, findings, violations and files were "
                        "dropped before their time, to make room for other results",
        };
        const RunnerSaid *said = &job->said;
        Outcome outcome = job->verdict.outcome;
        int code = job->verdict.exit_code;
        bool is_cancelled = outcome == OUTCOME_CANCELLED;
        bool ended_well = outcome == OUTCOME_SUCCESS || (is_cancelled && code == 0);

        if (said->exception && (outcome == OUTCOME_EXCEPTION || outcome == OUTCOME_MEMORY_LIMIT ||
                                outcome == OUTCOME_TICK_LIMIT || (is_cancelled && code == 1)))
                json_build_value(b, "exception", exception_object(said->exception));
        if (job->is_dropped)
                json_build_value(b, "resultProblem", problem_object(&dropped));
        /* The value of a program that did not succeed is no value. */
        else if (said->result && ended_well)
                json_build_string_n(b, "resultJson", said->result, said->result_size);
        else if (said->problem && ended_well)
                json_build_value(b, "resultProblem", problem_object(said->problem));
        if (with_displays && said->n_displays > 0)
                json_build_value(b, "displays", displays_array(said));
        if (said->n_findings > 0)
                json_build_value(b, "findings", reply_findings(said));
        if (said->n_violations > 0 || (job->has_facts && job->facts.n_denied > 0))
                json_build_value(b, "violations", violations_array(job));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/self-test.h"

#include "basic/log.h"
#include "broker/api.h"
#include "broker/outcome.h"
#include "proto/probes.h"
#include "wire/build.h"
#include "wire/dispatch.h"

void api_manager_self_test(Connection *c) {
        static const JsonField no_fields[] = { {} };
        const BuilderRequest request = { .verb = BUILDER_SELF_TEST };
        SelfTests *tests = &c->broker->self_tests;
        int unused;

        if (!api_parse(c, no_fields, &unused))
                return;
        connection_follow(c, NULL, FOLLOW_SELF_TEST);
        if (tests->is_running)
                return;
        tests->is_running = true;
        if (builder_link_send(c->broker->builder, &request, NULL, 0) < 0)
                log_error("cannot ask the builder for a self-test");
}

void self_test_report(Broker *b, const BuilderReport *report) {
        b->self_tests = (SelfTests){ .report = *report };
        server_wake_followers(b->server, FOLLOW_SELF_TEST);
}

static json_t *probe_object(const BuilderReport *report, Probe probe) {
        bool is_tried = report->probes_tried & PROBE_BIT(probe);
        bool has_failed = report->probes_failed & PROBE_BIT(probe);
        const char *outcome = has_failed ? "failed" : is_tried ? "passed" : "skipped";
        JsonBuild b = JSON_BUILD_INIT;

        json_build_string(&b, "name", probe_to_string(probe));
        json_build_string(&b, "layer", layer_to_string(probe_layer(probe)));
        json_build_string(&b, "outcome", outcome);
        if (has_failed) {
                json_build_string(&b, "detail", probe_meaning(probe));
                json_build_string(&b, "remedy", layer_remedy(probe_layer(probe)));
        }
        return json_build_take(&b);
}

static void answer_without_box(Connection *c, const BoxFacts *facts) {
        const OutcomeInput input = { .facts = facts };
        JsonBuild b = JSON_BUILD_INIT;
        Verdict verdict;

        outcome_decide(&input, &verdict); /* as of a job that got none */
        json_build_string(&b, "message", verdict.message);
        connection_error(c, "SelfTestFailed", json_build_take(&b));
}

bool api_manager_pump_self_test(Connection *c) {
        const SelfTests *tests = &c->broker->self_tests;
        json_t *probes = NULL;
        JsonBuild b;

        if (tests->is_running)
                return false;
        if (tests->report.probes_tried == 0) {
                answer_without_box(c, &tests->report.facts);
                return true;
        }
        b = (JsonBuild) JSON_BUILD_INIT;
        probes = json_array();
        for (Probe p = 0; p < _PROBE_MAX; p++)
                (void) json_array_append_new(probes, probe_object(&tests->report, p));
        json_build_value(&b, "probes", probes);
        connection_reply(c, varlink_reply_new(json_build_take(&b), false));
        return true;
}
